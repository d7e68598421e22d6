"""One solver on one problem, in a process of its own: `transport.py` starts these and compares them.

    python solvers.py NAME FOLDER

Reads FOLDER/x.npy (n, d), FOLDER/y.npy (m, d), both float32, and FOLDER/problem.json: epsilon (absolute, of
|x - y|^2), its ratio to the standard deviation of the cost, tolerance, threads, device. Writes FOLDER/NAME.npy, the
potential f of every row, float32 (n,) up to a constant, and prints JSON: seconds from vectors in memory to f, wall time
and of all processors together, peak memory of the process in MB, and what else the solver says. Importing the solver's
package is not counted: it depends on what else is installed. Compiling is.

Conventions, which the agreement with the reference confirms: POT's u is exp(potential/eps), or its logarithm; geomloss
has cost |x - y|^2 / 2 and eps = blur^2; flash-sinkhorn has |x - y|^2 and eps = blur^2; ott's point clouds have cost
|x - y|^2.
"""

import argparse
import importlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Problem(NamedTuple):
    """What is solved. x : float32 (n, d); y : float32 (m, d); both with uniform masses."""

    x: np.ndarray
    y: np.ndarray
    epsilon: float
    relative: float
    tolerance: float
    threads: int
    device: str


def ours(problem: Problem, sample: int, passes: int) -> tuple[np.ndarray, dict[str, Any]]:
    """gotd, as ds-target-stats and ds-score run it: sample, solve, passes, then every row scored."""
    from gotd.methods.base import VectorProblem
    from gotd.methods.got import Got, GotOptions
    from gotd.ot.blocks import Workers
    from gotd.ot.source import Part
    from gotd.runtime import find_device

    device = find_device(problem.device)
    workers = Workers(problem.threads, device)
    x, y = problem.x, problem.y
    part = Part("x", 1.0, lambda: (x[start : start + 8192] for start in range(0, len(x), 8192)))
    options = GotOptions(epsilon=problem.relative, whiten=False, pool_sample=sample, passes=passes,
                         tol=problem.tolerance, max_target=0)
    fitted = Got(options).fit(VectorProblem(y, np.ones(len(y)), [part], workers, device))
    scorer = Got.scorer(fitted.arrays, fitted.summary, workers, device)
    f = -scorer.scores(x)
    told = ("converged", "iterations", "marginal_error", "expected_overlap")
    return f, {name: fitted.summary[name] for name in told}


def pot(problem: Problem, method: str, dtype: str) -> tuple[np.ndarray, dict[str, Any]]:
    """POT on a matrix. sinkhorn works with exp(potential/eps), sinkhorn_log with potentials."""
    import ot

    x, y = problem.x.astype(dtype), problem.y.astype(dtype)
    costs = ot.dist(x, y)
    a, b = ot.unif(len(x), type_as=x), ot.unif(len(y), type_as=y)
    how = {"method": method, "numItermax": 2000, "stopThr": problem.tolerance, "log": True}
    _, log = ot.sinkhorn(a, b, costs, problem.epsilon, **how)
    u = log["log_u"] if "log_u" in log else np.log(log["u"])
    error = float(log["err"][-1]) if log["err"] else None
    return problem.epsilon * (u - np.log(a)), {"iterations": log.get("niter"), "error": error}


def pot_lazy(problem: Problem) -> tuple[np.ndarray, dict[str, Any]]:
    """POT without a matrix."""
    import ot

    _, _, log = ot.bregman.empirical_sinkhorn(
        problem.x, problem.y, problem.epsilon, numIterMax=2000, stopThr=problem.tolerance, isLazy=True, batchSize=4096,
        log=True,
    )
    return problem.epsilon * log["u"], {}


def pot_emd(problem: Problem) -> tuple[np.ndarray, dict[str, Any]]:
    """POT's network simplex: the unregularised potentials."""
    import ot

    costs = ot.dist(problem.x.astype("f8"), problem.y.astype("f8"))
    _, log = ot.emd(ot.unif(len(costs)), ot.unif(costs.shape[1]), costs, numItermax=100_000_000, log=True)
    return log["u"], {}


def geomloss(problem: Problem) -> tuple[np.ndarray, dict[str, Any]]:
    """geomloss, its own annealing; it has no tolerance."""
    import torch
    from geomloss import SamplesLoss

    blur = float(np.sqrt(problem.epsilon / 2))
    loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=0.7, debias=False, potentials=True, backend="tensorized")
    f, _ = loss(torch.from_numpy(problem.x), torch.from_numpy(problem.y))
    return 2 * f.flatten().numpy(), {}


def ott(problem: Problem, batch: int | None) -> tuple[np.ndarray, dict[str, Any]]:
    """ott-jax on a point cloud, compiled; the paper's choice with batches."""
    import jax
    from ott.geometry import pointcloud
    from ott.solvers import linear

    cloud = pointcloud.PointCloud(problem.x, problem.y, epsilon=problem.epsilon, batch_size=batch)
    found = linear.solve(cloud, threshold=problem.tolerance, max_iterations=2000)
    return np.asarray(jax.block_until_ready(found.f)), {"iterations": int(found.n_iters)}


def flash(problem: Problem, annealed: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """flash-sinkhorn's streaming kernel, on CUDA: its own annealing, which has no tolerance, or iterations at eps."""
    import torch
    from flash_sinkhorn import SamplesLoss

    how: dict[str, Any] = {"potentials": True, "allow_tf32": False}
    if annealed:
        loss = SamplesLoss("sinkhorn", blur=problem.epsilon**0.5, **how)
    else:
        loss = SamplesLoss("sinkhorn", backend="alternating", use_epsilon_scaling=False, eps=problem.epsilon,
                           n_iters=2000, threshold=problem.tolerance, **how)
    f, _ = loss(torch.from_numpy(problem.x).cuda(), torch.from_numpy(problem.y).cuda())
    return f.flatten().cpu().numpy(), {}


SOLVERS: dict[str, Callable[[Problem], tuple[np.ndarray, dict[str, Any]]]] = {
    "gotd": lambda problem: ours(problem, 65536, 0),
    "gotd-16k": lambda problem: ours(problem, 16384, 0),
    "gotd-16k-1-pass": lambda problem: ours(problem, 16384, 1),
    "gotd-16k-2-passes": lambda problem: ours(problem, 16384, 2),
    "gotd-passes": lambda problem: ours(problem, 65536, 12),
    "pot-sinkhorn-f32": lambda problem: pot(problem, "sinkhorn", "f4"),
    "pot-sinkhorn-f64": lambda problem: pot(problem, "sinkhorn", "f8"),
    "pot-sinkhorn-log": lambda problem: pot(problem, "sinkhorn_log", "f8"),
    "pot-lazy": pot_lazy,
    "pot-emd": pot_emd,
    "geomloss": geomloss,
    "ott": lambda problem: ott(problem, None),
    "ott-batched": lambda problem: ott(problem, 2000),
    "flash-sinkhorn": lambda problem: flash(problem, True),
    "flash-sinkhorn-alternating": lambda problem: flash(problem, False),
}


#: What each solver imports, by the first word of its name.
_PACKAGES = {"gotd": ("gotd.methods.got_fit",), "pot": ("ot",), "geomloss": ("geomloss",),
             "ott": ("jax", "ott.solvers.linear"), "flash": ("flash_sinkhorn",)}


def bytes_needed(name: str, n: int, m: int) -> int:
    """What the solver's matrices take, at least: cost, kernel and one temporary where it makes them."""
    matrices = {"pot-sinkhorn-f32": 3 * 4, "pot-sinkhorn-f64": 3 * 8, "pot-sinkhorn-log": 3 * 8, "pot-emd": 2 * 8,
                "geomloss": 4 * 4, "ott": 2 * 4}
    return matrices.get(name, 0) * n * m


def peak_megabytes() -> float:
    """Largest resident memory of this process."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def main(name: str, folder: Path) -> None:
    """Solve, write f, print figures."""
    how = json.loads((folder / "problem.json").read_text(encoding="utf-8"))
    os.environ["OMP_NUM_THREADS"] = str(how["threads"])
    for package in _PACKAGES.get(name.split("-")[0], ()):
        importlib.import_module(package)
    problem = Problem(np.load(folder / "x.npy"), np.load(folder / "y.npy"), **how)
    start, cpu = time.perf_counter(), time.process_time()
    f, told = SOLVERS[name](problem)
    seconds = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}
    np.save(folder / f"{name}.npy", np.asarray(f, dtype=np.float32))
    print(json.dumps({**seconds, "peak_mb": peak_megabytes(), **told}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=SOLVERS)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    main(given.name, given.folder)
