"""After the last correction, which nothing has read: distance, mean and error against float64 on the whole source."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from gotd.ot.blocks import Workers
from gotd.ot.cost import Cost, Target
from gotd.ot.marginal import StreamedSource
from gotd.ot.potentials import Potentials, TransportProblem, solve_sample
from gotd.ot.sample import hold
from gotd.ot.source import Part
from gotd.ot.source_passes import solve_stream

COST = Cost("sqeuclidean")
#: Seed, rows, rows of the sample, relative eps and passes.
CASES = [(seed, 3000, (250, 500, 1500)[seed % 3], (0.05, 0.3)[seed % 2], 1 + seed % 3) for seed in range(10)]


class Solved:
    """Potentials from passes over a source, and the same in float64."""

    def __init__(self, case: tuple[int, int, int, float, int], workers: Workers, costs: Callable[..., np.ndarray],
                 soft_minimum: Callable[..., np.ndarray]) -> None:
        seed, n, size, relative, passes = case
        rng = np.random.default_rng(seed)
        centres = 1.5 * rng.normal(size=(12, 6))
        x = (centres[rng.integers(12, size=n)] + rng.normal(size=(n, 6))).astype("f4")
        y = (centres[rng.integers(4, size=30)] + rng.normal(size=(30, 6))).astype("f4")
        b, C = np.full(30, 1 / 30), costs(x, y)
        eps = relative * float(C.std())
        target = Target(torch.from_numpy(y), torch.from_numpy(b))
        sample = hold(x[:size], np.full(size, 1 / size), COST, target, workers)
        problem = TransportProblem(target, COST, eps, float(C.std()), 1e-6, 2000)
        start = solve_sample(problem, sample, workers)
        source = StreamedSource([Part("x", 1.0, lambda: iter([x]))], workers)
        self.found: Potentials = solve_stream(replace(problem, tolerance=1e-9), source, sample, start, passes,
                                              size / n)
        g = self.found.g.numpy()
        f = soft_minimum(b, C, eps, g)
        self.mean, self.distance = float(f.mean()), float(f.mean() + b @ g)
        self.error = float(np.abs((b * np.exp((f[:, None] + g - C) / eps)).mean(axis=0) - b).sum())


@pytest.fixture(scope="module")
def solved(workers: Workers, costs: Callable[..., np.ndarray], soft_minimum: Callable[..., np.ndarray]) -> list[Solved]:
    return [Solved(case, workers, costs, soft_minimum) for case in CASES]


@pytest.mark.long
def test_distance_and_mean_are_those_of_the_potentials_printed(solved: list[Solved]) -> None:
    for each in solved:
        assert not each.found.measured
        assert each.found.distance == pytest.approx(each.distance, rel=1e-3)
        assert each.found.mean_potential == pytest.approx(each.mean, rel=1e-3)


@pytest.mark.long
def test_the_error_expected_is_about_the_error_there_is(solved: list[Solved]) -> None:
    ratios = np.array([each.found.marginal_error / each.error for each in solved])
    assert 0.9 < np.exp(np.log(ratios).mean()) < 2.5
    assert ratios.min() > 0.8
    assert ratios.max() < 4.0
