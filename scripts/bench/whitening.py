"""What does whitening cost where rows are scored, and does folding it into the points change a choice?

    python whitening.py TARGET.npz VECTORS.npy... [--points M...] [--rows 20480] [--repeats 7]

TARGET.npz is whitened, as ds-target-stats fits it; of its points --points are drawn with a seed, again and again where
there are fewer. Three ways to score the same rows on one thread take turns, block by block as ds-score does it:
`full`, every row times the whitening (2 d^2 + 2 M d operations); `folded`, as ds-score has it (d^2 + 2 M d); and
`product`, that of the rows with M points alone, which nothing that needs all logits in float32 can go below (2 M d).
Seconds are those of the thread, which neighbours on the machine change less than a clock; medians. Choices are held
against scores in float64.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from gotd.cli._frame import prepare_process
from gotd.methods.space import cost_from
from gotd.ot.blocks import CPU_BLOCK_ROWS, has_content, padded
from gotd.ot.cost import Target
from gotd.ot.transform import Transform, folded, transform
from gotd.selection import TargetFile, load

_CPU = torch.device("cpu")
#: Part of the rows that a choice takes.
_CHOSEN = 0.01


def drawn(held: TargetFile, count: int) -> Transform:
    """The target's transform at so many of its points, drawn with a seed."""
    arrays, random = held.arrays, np.random.default_rng(0)
    size = len(arrays["points"])
    at = random.permutation(size)[:count] if count <= size else random.integers(0, size, count)
    points, potentials = (torch.from_numpy(arrays[name][at]) for name in ("points", "potentials"))
    cost = cost_from(arrays, "sqeuclidean", True, _CPU)
    weights = torch.full((count,), 1.0 / count, dtype=torch.float64)
    return transform(cost, Target(points, weights), float(str(held.summary["epsilon"])), potentials)


def scored(kernel: Transform, blocks: list[np.ndarray]) -> Tensor:
    """The potentials of all rows, one block after the other."""
    found = []
    for block in blocks:
        has_content(block)
        found.append(kernel.potential(kernel.cost.points(padded(block, CPU_BLOCK_ROWS, _CPU))))
    return torch.cat(found)


def exactly(kernel: Transform, rows: np.ndarray) -> Tensor:
    """The same in float64, of the full map."""
    cost, found = kernel.cost, []
    assert cost.centre is not None
    assert cost.whitening is not None
    for block in np.array_split(rows, max(1, len(rows) // CPU_BLOCK_ROWS)):
        x = (torch.from_numpy(block).double() - cost.centre.double()) @ cost.whitening.double()
        x /= torch.linalg.vector_norm(x, dim=1, keepdim=True)
        found.append(-(x @ kernel.points.double().T + kernel.bias.double()).logsumexp(dim=1))
    return torch.cat(found)


def seconds(work: Callable[[], object]) -> float:
    """The thread's seconds of one call."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def compare(held: TargetFile, rows: np.ndarray, count: int, repeats: int) -> None:
    """One line: rows a second of each way, the ratio, and what is chosen alike."""
    kernel = drawn(held, count)
    full, ours = kernel._replace(reach=float("inf")), folded(kernel)
    blocks = [rows[at : at + CPU_BLOCK_ROWS] for at in range(0, len(rows) - CPU_BLOCK_ROWS + 1, CPU_BLOCK_ROWS)]
    x = padded(blocks[0], CPU_BLOCK_ROWS, _CPU).float()
    ways: list[Callable[[], object]] = [
        lambda: scored(full, blocks), lambda: scored(ours, blocks),
        lambda: [torch.mm(x, kernel.points.T) for _ in blocks]]
    times = [[seconds(way) for way in ways] for _ in range(repeats + 1)][1:]
    total = len(blocks) * CPU_BLOCK_ROWS
    rates = [total / statistics.median(column) for column in zip(*times, strict=True)]
    ratio = statistics.median(a / b for a, b, _ in times)
    best = [set(torch.topk(-each, int(_CHOSEN * total)).indices.tolist())
            for each in (scored(full, blocks).double(), scored(ours, blocks).double(), exactly(kernel, rows[:total]))]
    alike = len(best[0] & best[1]) / len(best[0])
    d = rows.shape[1]
    bound = (2 * d * d + 2 * count * d) / (d * d + 2 * count * d)
    print(f"{count:6} {d:5} " + "".join(f"{rate:11,.0f}" for rate in rates) + f"{ratio:8.2f} {bound:11.2f} "
          f"{rates[2] / rates[0]:8.2f} {alike:10.4f} {len(best[1] & best[2]) / len(best[0]):10.4f}", flush=True)


def main() -> None:
    """A line for each number of points."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("vectors", nargs="+")
    parser.add_argument("--points", nargs="+", type=int, default=[512, 4096])
    parser.add_argument("--rows", type=int, default=20480)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    torch.set_num_threads(prepare_process(1))
    share = -(-given.rows // len(given.vectors))
    rows = np.concatenate([np.load(name, mmap_mode="r")[:share] for name in given.vectors])
    print(f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, one thread, torch {torch.__version__}, "
          f"load {os.getloadavg()[0]:.1f}; {len(rows):,} rows")
    print("     M     d  rows/s: full     folded    product   ratio operations     most  best 1 %: both  to float64")
    for count in given.points:
        compare(load(given.target), rows, count, given.repeats)


if __name__ == "__main__":
    main()
