"""Clusters that are many eps apart: scores against float64, by clusters that the test knows and the solver does not."""

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import logsumexp

from gotd.ot.clusters import offsets
from gotd.ot.potentials import SCORE_TOLERANCE, Potentials

Solve = Callable[..., tuple[Potentials, np.ndarray]]
#: What "converged" promises, in standard deviations of the scores.
PROMISED = 0.05


def reference(a: np.ndarray, b: np.ndarray, C: np.ndarray, eps: float, rows: np.ndarray, points: np.ndarray
              ) -> np.ndarray:
    """f by Sinkhorn's iteration within clusters and a root for each cluster's offset, in logarithms of float64.

    rows, points : which cluster each is of.
    """
    g, f = np.zeros(len(b)), np.zeros(len(a))
    kinds = points.max() + 1
    groups = [each for size in range(1, kinds // 2 + 1) for each in combinations(range(kinds), size)]
    for _ in range(2000):
        before = f
        for _ in range(5):
            f = -eps * logsumexp((g - C) / eps, axis=1, b=b)
            g = -eps * logsumexp((f[:, None] - C) / eps, axis=0, b=a[:, None])
        for each in groups:  # whichever hang together: one of them is the direction that is soft
            inside = np.isin(points, each)
            g = g + eps * inside * root(g, a, b, C, eps, np.isin(rows, each), inside)
        f = -eps * logsumexp((g - C) / eps, axis=1, b=b)
        if np.ptp(f - before) < 1e-6 * f.std():
            return np.asarray(f)
    raise AssertionError("the reference does not converge")


def root(g: np.ndarray, a: np.ndarray, b: np.ndarray, C: np.ndarray, eps: float, rows: np.ndarray, points: np.ndarray
         ) -> float:
    """The shift of a cluster at which it gets what its points weigh."""
    logits = (g - C) / eps
    z = logsumexp(logits[:, points], axis=1, b=b[points]) - logsumexp(logits[:, ~points], axis=1, b=b[~points])
    more = a[rows].sum() - b[points].sum()
    more = 0.0 if abs(more) < 1e-13 else more
    log_a = np.log(a)

    def excess(x: float) -> float:
        into = logsumexp(log_a[~rows] - np.logaddexp(0, -x - z[~rows]))
        out = logsumexp(log_a[rows] - np.logaddexp(0, x + z[rows]))
        with np.errstate(divide="ignore"):
            return float(np.logaddexp(into, np.log(max(more, 0))) - np.logaddexp(out, np.log(max(-more, 0))))

    reach = np.abs(z).max() + 800
    return float(brentq(excess, -reach, reach, xtol=1e-10))


def clusters(seed: int, n: int, m: int, kinds: int, distance: float, width: float, move: float
             ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, target points and the cluster of each; clusters in turn, on a circle, the target's moved by a little."""
    rng, d = np.random.default_rng(seed), 8
    centres = np.zeros((kinds, d))
    angles = 2 * np.pi * np.arange(kinds) / kinds + rng.uniform(-0.3, 0.3, kinds)
    centres[:, 0], centres[:, 1] = distance * np.cos(angles), distance * np.sin(angles)
    rows, points = np.sort(np.arange(n) % kinds), np.sort(np.arange(m) % kinds)
    x = centres[rows] + width * rng.normal(size=(n, d))
    y = centres[points] + width * (0.7 * rng.normal(size=(m, d)) + move * rng.normal(size=d))
    return x.astype("f4"), y.astype("f4"), rows, points


def masses(kind: str, rows: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Those of clusters balanced to the last bit, but for 1e-5, 1e-3 or not at all."""
    count = rows.max() + 1
    if kind == "free":
        a, b = rng.uniform(0.2, 1.0, len(rows)), rng.uniform(0.2, 1.0, len(points))
        return a / a.sum(), b / b.sum()
    share = np.full(count, 1 / count)
    a = (share / np.bincount(rows))[rows]
    left = {"even": 0.0, "1e-5": 1e-5, "1e-3": 1e-3}[kind]
    share[0], share[1] = share[0] + left, share[1] - left
    return a, (share / np.bincount(points))[points]


@pytest.mark.long
@pytest.mark.parametrize(("kinds", "kind"), [(2, "even"), (2, "1e-5"), (3, "even"), (3, "1e-5"), (3, "free")])
def test_far_clusters_score_as_in_float64(kinds: int, kind: str, costs: Callable[..., np.ndarray],
                                          spread: Callable[..., float], solve: Solve) -> None:  # fmt: skip
    x, y, rows, points = clusters(3, 600, 60, kinds, 100.0, 0.01, 0.5)
    a, b = masses(kind, rows, points, np.random.default_rng(0))
    C = costs(x, y)
    std = spread(a, b, C)
    found, f = solve(x, a, y, b, 0.01 * std, tolerance=1e-4, max_iterations=1000, spread=std)
    expected = reference(a, b, C, 0.01 * std, rows, points)
    assert found.converged
    assert np.std(f - expected) < PROMISED * expected.std()


def test_without_looks_left_flat_directions_are_admitted(costs: Callable[..., np.ndarray],
                                                         spread: Callable[..., float], solve: Solve) -> None:
    """The marginals hold at the first look; how far the clusters' offset is from right, the step says."""
    x, y, rows, points = clusters(3, 600, 60, 2, 100.0, 0.01, 0.5)
    a, b = masses("1e-5", rows, points, np.random.default_rng(0))
    std = spread(a, b, costs(x, y))
    found, _ = solve(x, a, y, b, 0.01 * std, tolerance=1e-4, max_iterations=1, spread=std)
    assert found.marginal_error <= 1e-4
    assert found.score_error > SCORE_TOLERANCE
    assert not found.converged


class Outcome(NamedTuple):
    """Of one problem: what the solver says, and how far scores are from right in their standard deviations."""

    found: Potentials
    error: float

    @property
    def is_wrong(self) -> bool:
        return self.found.converged and self.error > PROMISED

    @property
    def is_refused(self) -> bool:
        return not self.found.converged and self.error < PROMISED / 2


def outcome(seed: int, costs: Callable[..., np.ndarray], spread: Callable[..., float], solve: Solve) -> Outcome:
    """A problem of two to four clusters of any width, distance and balance, at an eps of 0.01 to 0.3 deviations."""
    rng = np.random.default_rng(seed)
    kinds, kind = int(rng.integers(2, 5)), ("even", "1e-5", "1e-3", "free")[seed % 4]
    n, m = int(rng.integers(60, 160)), int(rng.integers(12, 30))
    width, relative = 10.0 ** rng.uniform(-3, 0), 10.0 ** rng.uniform(-2, -0.5)
    x, y, rows, points = clusters(seed, n, m, kinds, 10.0 ** rng.uniform(0.5, 2), width, rng.uniform(0.0, 1.0))
    a, b = masses(kind, rows, points, rng)
    C = costs(x, y)
    std = spread(a, b, C)
    found, f = solve(x, a, y, b, relative * std, tolerance=1e-4, max_iterations=1000, spread=std)
    expected = reference(a, b, C, relative * std, rows, points)
    return Outcome(found, float(np.std(f - expected) / expected.std()))


@pytest.mark.parametrize("seed", [20, 64])
def test_scores_that_vary_by_a_thousandth_of_eps_are_right(
    seed: int, costs: Callable[..., np.ndarray], spread: Callable[..., float], solve: Solve
) -> None:
    """Offsets solved to a thousandth of eps are as far from right as the scores vary."""
    found, error = outcome(seed, costs, spread, solve)
    assert found.converged
    assert error < PROMISED


def test_scores_that_vary_by_less_than_the_marginals_tell_in_float32_are_not_converged(
    costs: Callable[..., np.ndarray], spread: Callable[..., float], solve: Solve
) -> None:
    """Two clusters that a thousandth of the mass joins: a rounding of 1e-7 hides an offset of 1e-4 eps."""
    found, error = outcome(60, costs, spread, solve)
    assert found.marginal_error < 1e-6
    assert error > PROMISED
    assert not found.converged


@pytest.mark.slow
def test_two_hundred_problems_are_converged_where_scores_are_right_and_only_there(
    costs: Callable[..., np.ndarray], spread: Callable[..., float], solve: Solve
) -> None:
    outcomes = {seed: outcome(seed, costs, spread, solve) for seed in range(200)}
    assert {seed: each for seed, each in outcomes.items() if each.is_wrong} == {}
    assert {seed: each for seed, each in outcomes.items() if each.is_refused} == {}


def test_a_chain_of_clusters_whose_couplings_differ_by_orders_is_balanced() -> None:
    """One row and one point to a cluster: flows between neighbours of e^-300, e^-20 and e^-120."""
    k, rng = 4, np.random.default_rng(0)
    shares = np.full((k, k), -2000.0)
    np.fill_diagonal(shares, 0.0)
    for i, coupling in enumerate((-300.0, -20.0, -120.0)):
        shares[i, i + 1], shares[i + 1, i] = coupling + rng.uniform(-9, 9), coupling + rng.uniform(-9, 9)
    even = np.full(k, 1 / k)
    shifts = offsets(shares, even, even, None)
    moved = shares + shifts
    for i in range(k - 1):  # in a chain each pair's flows are even
        forth, back = moved[i, i + 1] - moved[i, i], moved[i + 1, i] - moved[i + 1, i + 1]
        assert forth == pytest.approx(back, abs=0.01)


def test_an_imbalance_measured_elsewhere_is_what_must_flow() -> None:
    """Two clusters: of the first's mass the part 0.01 has to go to the second."""
    shares = np.array([[0.0, -200.0], [-200.0, 0.0]])
    shifts = offsets(shares, np.full(2, 0.5), np.full(2, 0.5), np.array([0.01, -0.01]))
    odds = np.exp(-200 + shifts[1] - shifts[0])
    assert 0.5 * odds / (1 + odds) == pytest.approx(0.01, rel=1e-3)
