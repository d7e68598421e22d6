"""How near is scoring to the matrix product under it, and does its rate depend on the number of rows?

    python scoring.py [--points M...] [--dimensions D...] [--rows N...]

The floor: f of a row is M inner products of length d and M exponentials; 2 M d operations at the rate of the product.
The peer is that product alone: torch.mm of the same blocks (rows of a block x d by d x M, float32) on as many threads,
one block each, results thrown away. Both take turns; medians of --repeats. Rows are float16, as files hold them, and
are converted within our time, not within the peer's.

With --device cuda the peer's blocks lie on the device already, ours come from the host; what copying alone takes is a
line of its own. Another table there is of rows that lie on the device: the product in float32 and in tf32 (some hundred
times coarser), the plain path of torch, and the kernel in use.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from gotd.methods.transform_rule import NearestSummary, TransformScorer
from gotd.ot.blocks import Workers, block_rows
from gotd.ot.cost import Cost, Target
from gotd.ot.transform import transform
from gotd.runtime import find_device

#: Blocks of an array of rows, and arrays that are timed at once.
_BLOCKS, _ARRAYS = 8, 16


def unit_rows(n: int, d: int, random: np.random.Generator) -> np.ndarray:
    """Rows of unit length, float32 (n, d)."""
    rows = random.normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def scorer_for(points: np.ndarray, workers: Workers, random: np.random.Generator, device: torch.device
               ) -> TransformScorer:
    """A fitted target with potentials of a likely size."""
    count = len(points)
    arrays = {"points": points, "weights": np.full(count, 1 / count), "potentials": 0.02 * random.normal(size=count),
              "centre": points.mean(axis=0)}
    figures = NearestSummary(method="nearest", metric="sqeuclidean", center=False, epsilon=0.0126,
                             calibration_mean=0.0, calibration_scale=1.0)
    return TransformScorer(arrays, figures, workers, device)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call, until the device is done."""
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def copying(d: int, device: torch.device) -> None:
    """Two lines: the rate at which float16 rows reach the device, whatever is done with them there."""
    for pinned in (False, True):
        rows = torch.zeros((block_rows(device), d), dtype=torch.float16, pin_memory=pinned)
        taken = statistics.median(seconds(lambda rows=rows: rows.to(device)) for _ in range(20))  # type: ignore[misc]
        print(f"copying rows of d = {d} from {'page-locked' if pinned else 'any'} memory: {len(rows) / taken:,.0f} "
              f"rows/s, {rows.nbytes / taken / 1e9:.1f} GB/s")


def on_device(m: int, d: int, repeats: int, device: torch.device) -> None:
    """One line: rates in 10^12 operations a second where the rows lie on the device."""
    random = np.random.default_rng(0)
    x, y = (torch.from_numpy(unit_rows(n, d, random)).to(device) for n in (block_rows(device), m))
    weights = torch.full((m,), 1 / m, dtype=torch.float64, device=device)
    kernel = transform(Cost("sqeuclidean"), Target(y, weights), 0.0126, 0.02 * torch.randn_like(weights))
    alpha = kernel.cost.alpha(x)

    def tf32() -> None:
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.mm(x, kernel.points.T)
        torch.backends.cuda.matmul.allow_tf32 = False

    works: list[Callable[[], object]] = [lambda: torch.mm(x, kernel.points.T), tf32,
                                         lambda: kernel.reduced(kernel.logits(x), alpha), lambda: kernel.potential(x)]
    taken = np.array([[seconds(lambda work=work: [work() for _ in range(_ARRAYS)])  # type: ignore[misc]
                       for work in works] for _ in range(repeats + 2)])[2:]
    rates = _ARRAYS * len(x) / np.median(taken, axis=0)
    error = (kernel.potential(x) - kernel.reduced(kernel.logits(x), alpha)).abs().max().item() / kernel.epsilon
    print(f"{m:6} {d:5} " + "".join(f"{2e-12 * m * d * rate:12.1f}" for rate in rates)
          + f"{rates[-1]:16,.0f} {error:12.1e}", flush=True)


def against_product(m: int, d: int, repeats: int, threads: int, device: torch.device) -> None:
    """One line: the rate of ours and of the product."""
    random, workers = np.random.default_rng(0), Workers(threads, device)
    points = unit_rows(m, d, random)
    rows = unit_rows(_BLOCKS * block_rows(device), d, random).astype(np.float16)
    scorer = scorer_for(points, workers, random, device)
    x, y = torch.from_numpy(rows.astype(np.float32)).to(device), torch.from_numpy(points).T.contiguous().to(device)
    blocks = list(x.split(block_rows(device)))

    def product() -> None:
        for _ in workers.map(lambda block: torch.mm(block, y).shape, blocks * _ARRAYS):
            pass

    def score() -> None:
        for _ in scorer.stream([rows] * _ARRAYS):
            pass

    product()
    score()
    times = [(seconds(product), seconds(score)) for _ in range(repeats)]
    bare, ours = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(a / b for a, b in times)
    count = _ARRAYS * len(rows)
    operations = 2.0 * count * m * d
    print(f"{m:6} {d:5} {operations / bare / 1e9:12.1f} {operations / ours / 1e9:12.1f} {count / ours:12,.0f} "
          f"{ratio:8.2f}", flush=True)


def by_rows(sizes: list[int], m: int, d: int, threads: int, device: torch.device) -> None:
    """The rate at each number of rows."""
    random, workers = np.random.default_rng(0), Workers(threads, device)
    scorer = scorer_for(unit_rows(m, d, random), workers, random, device)
    piece = unit_rows(_BLOCKS * block_rows(device), d, random).astype(np.float16)

    def pieces(n: int) -> Iterator[np.ndarray]:
        for start in range(0, n, len(piece)):
            yield piece[: min(len(piece), n - start)]

    for n in sizes:
        taken = seconds(lambda n=n: sum(scores.sum() for scores in scorer.stream(pieces(n))))  # type: ignore[misc]
        print(f"{n:12,} rows {n / taken:12,.0f} rows/s", flush=True)


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", nargs="+", type=int, default=[100, 1000, 4096])
    parser.add_argument("--dimensions", nargs="+", type=int, default=[384, 768, 1024])
    parser.add_argument("--rows", nargs="+", type=int, default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    device = find_device(arguments.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else torch.backends.cpu.get_cpu_capability()
    print(f"{platform.machine()}, {name}, {arguments.threads} threads, torch {torch.__version__}")
    print("     M     d  bare GFLOP/s  ours GFLOP/s      rows/s    ratio")
    for m in arguments.points:
        for d in arguments.dimensions:
            against_product(m, d, arguments.repeats, arguments.threads, device)
    by_rows(arguments.rows, 1000, arguments.dimensions[0], arguments.threads, device)
    if device.type == "cuda":
        print("     M     d  TFLOP/s: float32        tf32       plain       in use          rows/s   difference / eps")
        for m in arguments.points:
            for d in arguments.dimensions:
                on_device(m, d, arguments.repeats, device)
        for d in arguments.dimensions:
            copying(d, device)


if __name__ == "__main__":
    main()
