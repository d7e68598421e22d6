"""A source of several parts is the source with the same masses written out in full."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

import ot
from fitting import CPU, plain, problem_of
from gotd.methods.got import Got
from gotd.ot.blocks import Workers
from gotd.ot.source import Part

HOW = plain(epsilon=0.2, tol=2e-6, max_iterations=3000)


def part(rows: np.ndarray, mass: float, weights: np.ndarray | None = None) -> Part:
    def blocks(array: np.ndarray) -> Callable[[], Iterator[np.ndarray]]:
        return lambda: iter(np.array_split(array, 3))

    return Part("part", mass, blocks(rows), None if weights is None else blocks(weights))


def problem() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return tuple(random.normal(size=(n, 6)).astype("f4") for n in (70, 30, 20))  # type: ignore[return-value]


@pytest.mark.long
@pytest.mark.parametrize("passes", [0, 30])
@pytest.mark.parametrize("mass", [0.3, 0.9, 1.0])
def test_parts_are_masses(mass: float, passes: int, workers: Workers) -> None:
    pool, chosen, target = problem()
    weights = np.random.default_rng(1).uniform(0.5, 2, len(chosen))
    uniform = np.ones(len(target))
    how = replace(HOW, passes=passes)
    mixed = Got(how).fit(problem_of(target, [part(pool, 1 - mass), part(chosen, mass, weights)], workers, uniform))
    masses = np.r_[np.full(70, (1 - mass) / 70), mass * weights / weights.sum()]
    everything = np.concatenate([pool, chosen])
    costs = ot.dist(everything.astype("f8"), target.astype("f8"))
    _, log = ot.bregman.sinkhorn_log(
        masses[masses > 0], ot.unif(20), costs[masses > 0], mixed.summary["epsilon"], numItermax=100_000, stopThr=1e-9,
        log=True,
    )
    g = mixed.summary["epsilon"] * (log["log_v"] - np.log(ot.unif(20)))
    found = mixed.arrays["potentials"]
    assert np.abs((found - found.mean()) - (g - g.mean())).max() < 1e-4 * mixed.summary["cost_std"]
    written = Got(how).fit(problem_of(target, [part(everything, 1.0, masses)], workers, uniform))
    scores = [Got.scorer(each.arrays, each.summary, workers, CPU).scores(everything) for each in (mixed, written)]
    assert np.allclose(*scores, atol=1e-4 * mixed.summary["cost_std"])
    assert masses @ scores[0] == pytest.approx(0.0, abs=1e-5)


def test_weights_of_the_target_are_masses_too(workers: Workers) -> None:
    pool, _, target = problem()
    weights = np.r_[np.zeros(5), np.full(5, 2.0), np.ones(10)]
    weighted = Got(HOW).fit(problem_of(target, [part(pool, 1.0)], workers, weights))
    doubled = np.concatenate([target[5:10], target[5:]])
    written = Got(HOW).fit(problem_of(doubled, [part(pool, 1.0)], workers))
    scores = [Got.scorer(each.arrays, each.summary, workers, CPU).scores(pool) for each in (weighted, written)]
    assert np.allclose(*scores, atol=1e-5)
