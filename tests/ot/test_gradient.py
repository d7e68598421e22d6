"""The score is minus the slope of the distance: potentials against finite differences of POT's distances."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import ot
from gotd.ot.cost import Cost, Target
from gotd.ot.exact import exact_potentials
from gotd.ot.gradient import calibration
from gotd.ot.potentials import Potentials

Distance = Callable[[np.ndarray, np.ndarray], float]


def moved_to(a: np.ndarray, i: int, share: float) -> np.ndarray:
    """Masses after `share` of all others' mass, in proportion to theirs, went to row i."""
    moved = a * (1 - share / (1 - a[i]))
    moved[i] = a[i] + share
    return moved


def slope(distance: Distance, a: np.ndarray, i: int, C: np.ndarray, step: float) -> float:
    return (distance(moved_to(a, i, step), C) - distance(moved_to(a, i, -step), C)) / (2 * step)


def problem(weighted: bool, n: int = 40, m: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(n, 4)).astype("f4"), rng.normal(size=(m, 4)).astype("f4")
    a, b = rng.uniform(0.5, 1.5, n) if weighted else np.ones(n), rng.uniform(0.1, 1.0, m)
    return x, a / a.sum(), y, b / b.sum()


def exact_f(x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray, C: np.ndarray) -> np.ndarray:
    target = Target(torch.from_numpy(y), torch.from_numpy(b))
    g = exact_potentials(torch.from_numpy(x), torch.from_numpy(a), target, Cost("sqeuclidean"))[0]
    return (C - g.numpy()).min(axis=1)


def entropic_distance(entropic: Callable[..., tuple[np.ndarray, np.ndarray]], b: np.ndarray, eps: float) -> Distance:
    def of(a: np.ndarray, C: np.ndarray) -> float:
        f, g = entropic(a, b, C, eps)
        return float(a @ f + b @ g)

    return of


@pytest.mark.long
def test_the_entropic_score_is_minus_the_slope_of_the_distance(
    costs: Callable[..., np.ndarray], entropic: Callable[..., tuple[np.ndarray, np.ndarray]],
    solve: Callable[..., tuple[Potentials, np.ndarray]],
) -> None:  # fmt: skip
    x, a, y, b = problem(weighted=False)
    C = costs(x, y)
    found, f = solve(x, a, y, b, 0.3)
    scores = calibration(found.mean_potential, len(x)).scores(torch.from_numpy(f)).numpy()
    distance = entropic_distance(entropic, b, 0.3)
    for i in range(0, len(x), 5):
        assert -scores[i] == pytest.approx(slope(distance, a, i, C, 1e-4), abs=1e-4)
    assert np.ptp(scores) > 1


def test_the_exact_score_is_minus_the_slope_of_the_distance(costs: Callable[..., np.ndarray]) -> None:
    x, a, y, b = problem(weighted=False)
    C = costs(x, y)
    f = exact_f(x, a, y, b, C)
    scores = calibration(float(a @ f), len(x)).scores(torch.from_numpy(f.astype("f4"))).numpy()
    for i in range(len(x)):
        assert -scores[i] == pytest.approx(slope(lambda z, cost: ot.emd2(z, b, cost), a, i, C, 1e-6), abs=1e-4)


def test_the_mass_of_a_document_that_was_not_there_counts_as_its_potential_less_the_mean(
    costs: Callable[..., np.ndarray], entropic: Callable[..., tuple[np.ndarray, np.ndarray]],
    solve: Callable[..., tuple[Potentials, np.ndarray]],
) -> None:  # fmt: skip
    x, a, y, b = problem(weighted=True)
    a[3] = 0
    a /= a.sum()
    C = costs(x, y)
    found, f = solve(x, a, y, b, 0.3)
    score = calibration(found.mean_potential, None).scores(torch.from_numpy(f)).numpy()[3]
    distance = entropic_distance(entropic, b, 0.3)
    change = (distance(moved_to(a, 3, 1e-4), C) - distance(a, C)) / 1e-4
    assert -score == pytest.approx(change, abs=2e-3)
    hard = exact_f(x, a, y, b, C)
    change = (ot.emd2(moved_to(a, 3, 1e-6), b, C) - ot.emd2(a, b, C)) / 1e-6
    assert hard[3] - a @ hard == pytest.approx(change, abs=1e-4)


def test_scores_of_a_pool_are_its_potentials_less_the_mean_of_the_others() -> None:
    f = np.random.default_rng(0).normal(size=7).astype("f4")
    scores = calibration(float(f.astype("f8").mean()), 7).scores(torch.from_numpy(f)).numpy()
    for i in range(7):
        assert scores[i] == pytest.approx(np.delete(f, i).mean() - f[i], abs=1e-6)


def test_one_document_alone_has_score_zero() -> None:
    assert calibration(1.25, 1).scores(torch.tensor([1.25])).tolist() == [0.0]
