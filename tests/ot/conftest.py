"""What the mathematics is held against: costs written out in float64, POT's solvers, and our solver in one call."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import ot
from gotd.ot.blocks import Workers
from gotd.ot.cost import Cost, Metric, Target
from gotd.ot.potentials import Potentials, TransportProblem, solve_sample
from gotd.ot.sample import hold, sample_potentials
from gotd.ot.transform import transform


@pytest.fixture(scope="session")
def workers() -> Workers:
    return Workers(2)


@pytest.fixture(scope="session")
def costs() -> Callable[..., np.ndarray]:
    """C by its definition. Shapes: x (n, d), y (m, d) -> float64 (n, m)."""

    def written_out(x: np.ndarray, y: np.ndarray, metric: Metric = "sqeuclidean") -> np.ndarray:
        x, y = x.astype("f8"), y.astype("f8")
        if metric == "cosine":
            x, y = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y))
            return 1.0 - x @ y.T
        return np.square(x[:, None] - y[None]).sum(axis=2)

    return written_out


@pytest.fixture(scope="session")
def spread() -> Callable[..., float]:
    """Standard deviation of C by source mass times target mass."""

    def of(a: np.ndarray, b: np.ndarray, C: np.ndarray) -> float:
        return float(np.sqrt(a @ np.square(C - a @ C @ b) @ b))

    return of


@pytest.fixture(scope="session")
def soft_minimum() -> Callable[..., np.ndarray]:
    """-eps log sum_j b_j exp((g_j - C_ij)/eps) in float64: f from g, or g from f with C transposed."""

    def of(b: np.ndarray, C: np.ndarray, eps: float, g: np.ndarray) -> np.ndarray:
        logits = (g - C)[:, b > 0] / eps + np.log(b[b > 0])
        top = logits.max(axis=1)
        return -eps * (top + np.log(np.exp(logits - top[:, None]).sum(axis=1)))

    return of


@pytest.fixture(scope="session")
def entropic(soft_minimum: Callable[..., np.ndarray]) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """POT's potentials f and g, with sum_j b_j g_j = 0. POT cannot take zero masses: their f follows from g."""

    def solved(a: np.ndarray, b: np.ndarray, C: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
        rows, points = a > 0, b > 0
        some = C[np.ix_(rows, points)]
        _, log = ot.bregman.sinkhorn_log(
            a[rows], b[points], some, eps, numItermax=1_000_000, stopThr=1e-10, log=True, warn=False
        )
        assert log["err"][-1] < 1e-9
        g = np.zeros(len(b))
        g[points] = eps * (log["log_v"] - np.log(b[points]))
        g[points] -= b @ g
        return soft_minimum(b, C, eps, g), g

    return solved


@pytest.fixture(scope="session")
def solve(workers: Workers) -> Callable[..., tuple[Potentials, np.ndarray]]:
    """Our potentials of a sample that is the whole source, and f at its rows."""

    def solved(
        x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray, eps: float, metric: Metric = "sqeuclidean",
        tolerance: float = 1e-6, max_iterations: int = 3000, spread: float = 1.0,
    ) -> tuple[Potentials, np.ndarray]:  # fmt: skip
        cost = Cost(metric)
        target = Target(cost.points(torch.from_numpy(y)), torch.from_numpy(b))
        sample = hold(x, a, cost, target, workers)
        problem = TransportProblem(target, cost, eps, spread, tolerance, max_iterations)
        found = solve_sample(problem, sample, workers)
        return found, sample_potentials(sample, transform(cost, target, eps, found.g), workers)

    return solved
