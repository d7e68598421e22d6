"""epsilon 0: potentials of the network simplex against closed forms on the line, and the limit of small epsilon."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import ot
from gotd.errors import GotdError
from gotd.ot import exact
from gotd.ot.cost import Cost, Metric, Target
from gotd.ot.exact import exact_potentials
from gotd.ot.potentials import Potentials

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def problem(seed: int, n: int = 60, m: int = 13, d: int = 5) -> Arrays:
    """With masses whose partial sums never meet, so that the potentials are unique; some rows and points weigh 0."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(0.1, 1.0, n), rng.uniform(0.1, 1.0, m)
    a[::6], b[::5] = 0, 0
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    return x.astype("f4"), a / a.sum(), y.astype("f4"), b / b.sum()


def target_of(y: np.ndarray, b: np.ndarray, metric: Metric = "sqeuclidean") -> Target:
    return Target(Cost(metric).points(torch.from_numpy(y)), torch.from_numpy(b))


def potentials(
    x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray, metric: Metric = "sqeuclidean"
) -> np.ndarray:
    cost = Cost(metric)
    points = cost.points(torch.from_numpy(x))
    return exact_potentials(points, torch.from_numpy(a), target_of(y, b, metric), cost)[0].numpy()


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
@pytest.mark.parametrize("seed", range(3))
def test_the_dual_reaches_the_cost_of_the_best_plan(
    metric: Metric, seed: int, costs: Callable[..., np.ndarray]
) -> None:
    x, a, y, b = problem(seed)
    C = costs(x, y, metric)
    g = potentials(x, a, y, b, metric)
    f = (C - g)[:, b > 0].min(axis=1)
    assert b @ g == pytest.approx(0.0, abs=1e-9)
    assert (g[b == 0] == 0).all()
    assert a @ f + b @ g == pytest.approx(ot.emd2(a, b, C), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_distance_is_that_of_the_best_plan(seed: int, costs: Callable[..., np.ndarray]) -> None:
    x, a, y, b = problem(seed)
    rows, masses = torch.from_numpy(x), torch.from_numpy(a)
    solved = exact_potentials(rows, masses, target_of(y, b), Cost("sqeuclidean"))
    assert solved.distance == pytest.approx(ot.emd2(a, b, costs(x, y)), rel=1e-6)
    assert solved.is_unique


def staircase(x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray) -> np.ndarray:
    """g on the line, where the best plan is monotone: f_i + g_j = (x_i - y_j)^2 along its staircase. x and y sorted."""
    f, g = np.zeros(len(x)), np.zeros(len(y))
    ends_x, ends_y = np.cumsum(a), np.cumsum(b)
    i = j = 0
    f[0] = (x[0] - y[0]) ** 2
    while i < len(x) - 1 or j < len(y) - 1:
        if j == len(y) - 1 or (i < len(x) - 1 and ends_x[i] < ends_y[j]):
            i += 1
            f[i] = (x[i] - y[j]) ** 2 - g[j]
        else:
            j += 1
            g[j] = (x[i] - y[j]) ** 2 - f[i]
    return g - b @ g


@pytest.mark.parametrize("seed", range(5))
def test_on_the_line_the_potentials_are_the_staircase_of_the_monotone_plan(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.normal(size=40)).astype("f4"), np.sort(rng.normal(size=9) + 0.5).astype("f4")
    a, b = rng.uniform(0.1, 1.0, 40), rng.uniform(0.1, 1.0, 9)
    a, b = a / a.sum(), b / b.sum()
    expected = staircase(x.astype("f8"), a, y.astype("f8"), b)
    assert potentials(x[:, None], a, y[:, None], b) == pytest.approx(expected, abs=1e-6)


def test_on_a_moved_line_the_dual_reaches_the_square_of_the_move(costs: Callable[..., np.ndarray]) -> None:
    """P moved by t is Q: the plan moves every row by t."""
    x = np.sort(np.random.default_rng(0).normal(size=(30, 1)), axis=0).astype("f4")
    a = np.full(30, 1 / 30)
    y = x + np.float32(0.75)
    g = potentials(x, a, y, a)
    assert a @ (costs(x, y) - g).min(axis=1) + a @ g == pytest.approx(0.75**2, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_small_epsilon_tends_to_the_exact_potentials(
    seed: int, costs: Callable[..., np.ndarray], spread: Callable[..., float],
    solve: Callable[..., tuple[Potentials, np.ndarray]],
) -> None:  # fmt: skip
    x, a, y, b = problem(seed, n=30, m=7)
    C = costs(x, y)
    std = spread(a, b, C)
    exact_f = (C - potentials(x, a, y, b))[:, b > 0].min(axis=1)
    errors = []
    for relative in (0.3, 0.1, 0.03, 0.01):
        found, f = solve(x, a, y, b, relative * std, tolerance=1e-5, spread=std)
        errors.append(float(np.abs((f - a @ f) - (exact_f - a @ exact_f)).max() / std))
        # The entropic distance lies above the exact one, by at most eps times the entropy there is.
        entropy = -(b[b > 0] @ np.log(b[b > 0]))
        assert -1e-5 * std < found.distance - ot.emd2(a, b, C) < relative * std * entropy
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.03


def test_too_many_pairs_are_refused_with_the_number_that_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    x, a, y, b = problem(0)
    monkeypatch.setattr(exact, "POTENTIAL_PAIRS", 130)
    with pytest.raises(GotdError, match="sample at most 10 rows"):
        potentials(x, a, y, b)


@pytest.mark.parametrize("m", [1, 5, 20])
def test_no_order_of_rows_changes_potentials_that_are_not_unique(m: int, costs: Callable[..., np.ndarray]) -> None:
    """Ten rows to a point: each point's potential may be anything between two bounds."""
    rng = np.random.default_rng(m)
    x, y, target = rng.normal(size=(10 * m, 4)).astype("f4"), rng.normal(size=(m, 4)).astype("f4"), np.full(m, 1 / m)
    masses, C = np.full(10 * m, 1 / (10 * m)), costs(x, y)
    found = []
    for _ in range(4):
        order = rng.permutation(10 * m)
        solved = exact_potentials(torch.from_numpy(x[order]), torch.from_numpy(masses), target_of(y, target),
                                  Cost("sqeuclidean"))
        assert solved.is_unique == (m == 1)
        assert solved.is_centred
        g = solved.g.numpy()
        assert (C - g).min(axis=1).mean() + g.mean() == pytest.approx(ot.emd2([], [], C), rel=1e-6)
        found.append((C - g).min(axis=1))
    spread = max(np.std(each - found[0]) for each in found)
    assert spread <= 1e-6 * np.std(C)


def test_two_points_and_their_rows_meet_in_the_middle() -> None:
    """On the line at 0 and 1 with rows at -0.1 and 1.2: g_1 - g_0 is between what the first and the second row bear."""
    x, y = np.array([[-0.1], [1.2]], "f4"), np.array([[0.0], [1.0]], "f4")
    g = potentials(x, np.full(2, 0.5), y, np.full(2, 0.5))
    low, high = 0.2**2 - 1.2**2, 1.1**2 - 0.1**2  # C_11 - C_10 <= g_1 - g_0 <= C_01 - C_00
    assert g[1] - g[0] == pytest.approx((low + high) / 2, abs=1e-6)
