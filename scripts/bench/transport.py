"""How fast and how right are the potentials, beside the solvers people would use instead?

    python transport.py [--pool POOL.npy... --target TARGET.npy] [--rows N...] [--points M...] [--dimensions D...]

For every N, M and d: the same vectors, eps and tolerance for all; each solver in a process of its own, taking turns;
medians of --repeats. Without files the vectors are drawn: clusters on the sphere. Accuracy is Spearman's correlation of
f and the overlap of the best 1 % with a float64 solution to a marginal error of 1e-9, which certifies itself: the error
is measured on it. Seconds are from vectors in memory to f for every row, compilation included, imports not; CPU
seconds, of all processors together, say the same on a machine that others use too. Peers that cannot hold a size are
rows that say so.

The floor: one look at all pairs is 2 N M d multiplications-and-additions and N M exponentials; f needs one at least.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from solvers import SOLVERS, bytes_needed

_PEERS = ["pot-sinkhorn-f32", "pot-sinkhorn-f64", "pot-lazy", "pot-emd", "geomloss", "ott", "ott-batched"]
_TOP = 0.01
_CHUNK = 16384
#: Rows that the standard deviation of the cost is taken of, at most.
_STD_ROWS = 1 << 19


def drawn(n: int, m: int, d: int, seed: int, device: torch.device) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of unit length in 40 clusters; the target lies in 8 of them. Shapes: -> float32 (n, d), (m, d)."""
    random = torch.Generator(device).manual_seed(seed)
    centres = torch.randn((40, d), generator=random, device=device)

    def around(count: int, clusters: int, spread: float) -> np.ndarray:
        rows = np.empty((count, d), dtype=np.float32)
        for start in range(0, count, 1 << 18):
            size = min(1 << 18, count - start)
            which = torch.randint(clusters, (size,), generator=random, device=device)
            points = centres[which] + spread * torch.randn((size, d), generator=random, device=device)
            rows[start : start + size] = torch.nn.functional.normalize(points).cpu().numpy()
        return rows

    return around(n, 40, 1.5), around(m, 8, 1.2)


def given(files: list[str], target: str, n: int, m: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of real vectors, without replacement where there are enough."""
    pool = [np.load(file, mmap_mode="r") for file in files]
    sizes = [len(array) for array in pool]
    rows = np.sort(random.choice(sum(sizes), n, replace=n > sum(sizes)))
    starts = np.concatenate([[0], np.cumsum(sizes)])
    picked = [array[rows[(rows >= a) & (rows < a + len(array))] - a] for array, a in zip(pool, starts, strict=False)]
    y = np.load(target)
    x = np.concatenate(picked).astype(np.float32)
    return x, y[random.choice(len(y), m, replace=m > len(y))].astype(np.float32)


def cost_std(x: np.ndarray, y: np.ndarray, device: torch.device) -> float:
    """Of |x_i - y_j|^2 over all pairs, or those of evenly spaced rows where there are very many; from moments."""
    from gotd.ot.cost import Cost, Target, cost_mean_and_std, moments, target_moments

    cost, some = Cost("sqeuclidean"), x[:: -(-len(x) // _STD_ROWS)]
    points = [torch.from_numpy(np.ascontiguousarray(rows)).to(device) for rows in (some, y)]
    masses, weights = (torch.full((len(rows),), 1 / len(rows), dtype=torch.float64, device=device) for rows in points)
    target = target_moments(cost, Target(points[1], weights))
    return cost_mean_and_std(cost, moments(cost, points[0], masses), target)[1]


def reference(x: np.ndarray, y: np.ndarray, epsilon: float, device: torch.device) -> tuple[np.ndarray, float]:
    """f in float64, and the marginal error of the g behind it: Sinkhorn with Anderson acceleration, on all rows."""
    from gotd.ot.acceleration import Anderson

    y64 = torch.from_numpy(y).double().to(device)
    logits0 = torch.empty((len(x), len(y)), dtype=torch.float32, device=device)
    for start in range(0, len(x), _CHUNK):
        rows = torch.from_numpy(x[start : start + _CHUNK]).to(device).double()
        logits0[start : start + _CHUNK] = ((2 * rows @ y64.T - y64.square().sum(1)) / epsilon).float()
    b = torch.full((len(y),), 1 / len(y), dtype=torch.float64, device=device)
    accelerator, g = Anderson(b), torch.zeros_like(b)
    for _ in range(500):
        marginal, f = torch.zeros_like(b), []
        for start in range(0, len(x), _CHUNK):
            logits = logits0[start : start + _CHUNK].double().add_(g / epsilon)
            top = logits.logsumexp(1)
            f.append(-epsilon * top)
            marginal += logits.sub_(top[:, None]).exp_().sum(0) / len(x)
        error = float((marginal - b).abs().sum())
        if error < 1e-9:
            break
        g = accelerator.next(g, epsilon * (b.log() - marginal.log()), error)
    potentials = torch.cat(f).cpu().numpy() + np.einsum("ij,ij->i", x, x, dtype=np.float64)
    del logits0, logits
    if device.type == "cuda":
        torch.cuda.empty_cache()  # the solvers are other processes
    return potentials, error


def agreement(f: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Spearman's correlation, and the share of the best 1 % (lowest f) in common."""
    ranks = [np.argsort(np.argsort(values, kind="stable")) for values in (f, truth)]
    count = max(1, int(_TOP * len(f)))
    best = [np.argpartition(values, count - 1)[:count] for values in (f, truth)]
    return float(np.corrcoef(*ranks)[0, 1]), len(np.intersect1d(*best)) / count


def run(name: str, folder: Path, limit: float) -> dict[str, Any]:
    """One solver once."""
    command = [sys.executable, str(Path(__file__).parent / "solvers.py"), name, str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return {"note": f"not done in {limit:.0f} s"}
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "Error" in line and not line.startswith(" ")]
        return {"note": (errors or ["killed"])[-1][:90]}
    if not np.isfinite(np.load(folder / f"{name}.npy")).all():
        return {"note": "NaN or infinite potentials"}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compare(x: np.ndarray, y: np.ndarray, arguments: argparse.Namespace) -> None:
    """All solvers on one problem: a table."""
    device = torch.device(arguments.device)
    epsilon = arguments.epsilon * cost_std(x, y, device)
    truth, error = reference(x, y, epsilon, device) if arguments.reference else (None, float("nan"))
    print(f"\nN {len(x):,}  M {len(y):,}  d {x.shape[1]}  eps {epsilon:.4g} = {arguments.epsilon} std(C)  "
          f"reference: marginal error {error:.1e}", flush=True)
    print(f"{'solver':26}{'seconds':>9}{'ratio':>7}{'CPU s':>8}{'ratio':>7}{'peak MB':>9}{'Spearman':>10}{'top 1 %':>9}"
          "  iterations, error")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.save(folder / "x.npy", x)
        np.save(folder / "y.npy", y)
        how = {"epsilon": epsilon, "relative": arguments.epsilon, "tolerance": arguments.tolerance,
               "threads": arguments.threads, "device": arguments.device}
        (folder / "problem.json").write_text(json.dumps(how), encoding="utf-8")
        room = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in arguments.solvers}
        for _ in range(arguments.repeats):
            for name, before in runs.items():
                needed = bytes_needed(name, len(x), len(y))
                if needed > room:
                    before.append({"note": f"does not fit: {needed / 2**30:.0f} GiB of matrices"})
                elif not (before and "note" in before[-1]):
                    before.append(run(name, folder, arguments.limit))
        _table(runs, folder, truth)


def _table(runs: dict[str, list[dict[str, Any]]], folder: Path, truth: np.ndarray | None) -> None:
    first: tuple[float, float] | None = None
    for name, each in runs.items():
        if "note" in each[-1]:
            print(f"{name:26}  {each[-1]['note']}")
            continue
        seconds, cpu = (statistics.median(found[key] for found in each) for key in ("seconds", "cpu_seconds"))
        first = first or (seconds, cpu)
        memory = statistics.median(found["peak_mb"] for found in each)
        rank, top = agreement(np.load(folder / f"{name}.npy"), truth) if truth is not None else (np.nan, np.nan)
        told = each[-1].get("iterations"), each[-1].get("marginal_error", each[-1].get("error"))
        times = f"{seconds:9.2f}{seconds / first[0]:7.1f}{cpu:8.1f}{cpu / first[1]:7.1f}"
        print(f"{name:26}{times}{memory:9.0f}{rank:10.5f}{top:9.4f}  {told[0]}, {told[1]}", flush=True)


def main() -> None:
    """Every size asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", nargs="+")
    parser.add_argument("--target")
    parser.add_argument("--rows", nargs="+", type=int, default=[10_000, 100_000])
    parser.add_argument("--points", nargs="+", type=int, default=[1000])
    parser.add_argument("--dimensions", nargs="+", type=int, default=[384])
    parser.add_argument("--solvers", nargs="+", default=["gotd", "gotd-16k", "gotd-passes", *_PEERS], choices=SOLVERS)
    parser.add_argument("--epsilon", type=float, default=0.05, help="in standard deviations of the cost")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds a solver may take")
    parser.add_argument("--no-reference", dest="reference", action="store_false")
    parser.add_argument("--device", default="cpu", help="for ours and the reference; flash-sinkhorn is always on CUDA")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {arguments.threads} threads, "
          f"Python {platform.python_version()}, torch {torch.__version__}")
    for d in arguments.dimensions:
        for n in arguments.rows:
            for m in arguments.points:
                random = np.random.default_rng(arguments.seed)
                files = arguments.pool, arguments.target
                device = torch.device(arguments.device)
                found = given(*files, n, m, random) if arguments.pool else drawn(n, m, d, arguments.seed, device)
                compare(*found, arguments)


if __name__ == "__main__":
    main()
