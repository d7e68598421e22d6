"""The sample's potentials against POT's entropic solver, and how honest the solver is about them."""

from collections.abc import Callable

import numpy as np
import pytest

from gotd.ot.cost import Metric
from gotd.ot.potentials import Potentials

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Solve = Callable[..., tuple[Potentials, np.ndarray]]


def problem(seed: int, weighted: bool, n: int = 120, m: int = 21, d: int = 8) -> Arrays:
    """Rows, masses, target points, weights; where weighted, every seventh row and sixth point weigh nothing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) + 0.4
    y = rng.normal(size=(m, d)) * rng.uniform(0.5, 1.5, (m, 1))
    a, b = np.ones(n), np.ones(m)
    if weighted:
        a, b = rng.uniform(0.1, 2.0, n), rng.uniform(0.1, 2.0, m)
        a[::7], b[::6] = 0.0, 0.0
    return x.astype("f4"), a / a.sum(), y.astype("f4"), b / b.sum()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("relative", [0.02, 0.05, 0.5])
@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
def test_both_potentials_agree_with_pot(
    metric: Metric, relative: float, weighted: bool, seed: int, costs: Callable[..., np.ndarray],
    spread: Callable[..., float], entropic: Callable[..., tuple[np.ndarray, np.ndarray]], solve: Solve,
) -> None:  # fmt: skip
    x, a, y, b = problem(seed, weighted)
    C = costs(x, y, metric)
    std = spread(a, b, C)
    found, f = solve(x, a, y, b, relative * std, metric, spread=std)
    expected_f, expected_g = entropic(a, b, C, relative * std)
    assert found.converged
    assert np.abs(f - expected_f).max() < 1e-4 * std
    assert np.abs(found.g.numpy() - expected_g)[b > 0].max() < 1e-4 * std
    assert (found.g.numpy()[b == 0] == 0).all()
    assert found.mean_potential == pytest.approx(a @ expected_f, abs=1e-4 * std)
    assert found.distance == pytest.approx(a @ expected_f + b @ expected_g, abs=1e-4 * std)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_unit_vectors_of_many_dimensions_agree_with_pot(
    seed: int, costs: Callable[..., np.ndarray], spread: Callable[..., float],
    entropic: Callable[..., tuple[np.ndarray, np.ndarray]], solve: Solve,
) -> None:  # fmt: skip
    x, a, y, b = problem(seed, False, n=400, m=40, d=300)
    x, y = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y))
    C = costs(x, y)
    std = spread(a, b, C)
    found, f = solve(x, a, y, b, 0.05 * std, spread=std)
    expected, _ = entropic(a, b, C, 0.05 * std)
    assert found.converged
    assert np.abs(f - expected).max() < 1e-4 * std


def test_a_sample_of_several_levels_agrees_with_pot(
    costs: Callable[..., np.ndarray], spread: Callable[..., float],
    entropic: Callable[..., tuple[np.ndarray, np.ndarray]], solve: Solve,
) -> None:  # fmt: skip
    x, a, y, b = problem(0, True, n=9000, m=17)
    C = costs(x, y)
    std = spread(a, b, C)
    found, f = solve(x, a, y, b, 0.2 * std, spread=std)
    expected, _ = entropic(a, b, C, 0.2 * std)
    assert found.converged
    assert np.abs(f - expected).max() < 1e-4 * std


def moved_apart(x: np.ndarray, y: np.ndarray) -> None:
    """Two tight clusters on either side, alike in both."""
    x[:], y[:] = x * 0.3 + 3 * np.sign(x[:, :1]), y * 0.3 + 3 * np.sign(y[:, :1])


def with_far_point(_: np.ndarray, y: np.ndarray) -> None:
    y[0] *= 100


def with_far_row(x: np.ndarray, _: np.ndarray) -> None:
    x[0] *= 1000


def with_twins(x: np.ndarray, y: np.ndarray) -> None:
    y[:] = y[np.arange(len(y)) // 4]
    x[1::2] = x[::2]


def in_tiny_units(x: np.ndarray, y: np.ndarray) -> None:
    x *= 1e-10
    y *= 1e-10


def unchanged(_x: np.ndarray, _y: np.ndarray) -> None: ...


@pytest.mark.heavy
@pytest.mark.parametrize("tolerance", [1e-4, 1e-6])
@pytest.mark.parametrize("weights", ["even", "steep", "one"])
@pytest.mark.parametrize(
    "change", [unchanged, moved_apart, with_far_point, with_far_row, with_twins, in_tiny_units]
)
def test_at_small_epsilon_nothing_is_nan_and_converged_is_true(
    change: Callable[[np.ndarray, np.ndarray], None], weights: str, tolerance: float, costs: Callable[..., np.ndarray],
    spread: Callable[..., float], soft_minimum: Callable[..., np.ndarray], solve: Solve,
) -> None:  # fmt: skip
    x, a, y, b = problem(5, False, n=300, m=40, d=16)
    change(x, y)
    if weights == "steep":
        a, b = (np.random.default_rng(1).pareto(1.0, len(z)) + 1e-9 for z in (a, b))
    elif weights == "one":
        b[1:] *= 1e-12
    a, b = a / a.sum(), b / b.sum()
    C = costs(x, y)
    std = spread(a, b, C)
    found, f = solve(x, a, y, b, 0.01 * std, tolerance=tolerance, max_iterations=200, spread=std)
    g = found.g.numpy()
    assert np.isfinite(f).all()
    assert np.isfinite(g).all()
    assert np.isfinite([found.distance, found.mean_potential, found.marginal_error]).all()
    exact_f = soft_minimum(b, C, 0.01 * std, g)
    plan = a[:, None] * b * np.exp((exact_f[:, None] + g - C) / (0.01 * std))
    error = np.abs(plan.sum(axis=0) - b).sum()
    # What float32 may hide: two bits of the logits it rounds, and two millionths of the mass in sums.
    logits = (np.square(x, dtype="f8").sum(axis=1)[:, None] + np.square(y, dtype="f8").sum(axis=1)) / (0.01 * std)
    rounding = 2**-22 * (plan * logits).sum() + 2e-6
    assert found.marginal_error == pytest.approx(error, rel=0.02, abs=rounding)
    assert found.converged == (found.marginal_error <= tolerance)


def test_too_few_iterations_are_admitted(solve: Solve) -> None:
    x, a, y, b = problem(0, False)
    found, f = solve(x, a, y, b, 0.05, max_iterations=2)
    assert not found.converged
    assert found.marginal_error > 1e-6
    assert found.iterations == 2
    assert np.isfinite(f).all()


def test_what_is_returned_is_the_best_that_was_measured(solve: Solve) -> None:
    x, a, y, b = problem(0, False)
    errors = [solve(x, a, y, b, 0.02, max_iterations=limit)[0].marginal_error for limit in (3, 6, 12, 24, 48)]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("change", [moved_apart, with_far_point])
def test_clusters_many_epsilons_apart_still_converge(
    change: Callable[[np.ndarray, np.ndarray], None], costs: Callable[..., np.ndarray], spread: Callable[..., float],
    solve: Solve,
) -> None:  # fmt: skip
    """What must cross from one to the other is seen only while eps is large."""
    x, a, y, b = problem(5, False, n=300, m=40, d=16)
    change(x, y)
    std = spread(a, b, costs(x, y))
    found, _ = solve(x, a, y, b, 0.02 * std, tolerance=1e-4, max_iterations=300, spread=std)
    assert found.converged


@pytest.mark.slow
def test_levels_that_weigh_distant_clusters_otherwise_than_the_whole_are_no_dead_end(
    costs: Callable[..., np.ndarray], spread: Callable[..., float], solve: Solve
) -> None:
    """One level has too much on the left, the whole too much on the right: the way from one to the other is flat."""
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(2, 32))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)

    def unit_vectors(n: int, left: np.ndarray) -> np.ndarray:
        z = centres[left.astype("i8")] + 0.1 * rng.normal(size=(n, 32)) / np.sqrt(32)
        return (z / np.linalg.norm(z, axis=1, keepdims=True)).astype("f4")

    x, y = unit_vectors(12_000, rng.random(12_000) < 0.5), unit_vectors(200, np.arange(200) < 100)
    x[::4] = unit_vectors(3_000, np.arange(3_000) < 1_600)
    x[1::4] = unit_vectors(3_000, np.arange(3_000) < 1_200)
    a, b = np.full(12_000, 1 / 12_000), np.full(200, 1 / 200)
    std = spread(a, b, costs(x, y))
    found, _ = solve(x, a, y, b, 0.05 * std, tolerance=1e-4, max_iterations=1000, spread=std)
    assert found.converged
