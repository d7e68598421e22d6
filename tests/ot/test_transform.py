"""The scoring kernel against the formula written out in float64."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from gotd.ot.cost import Cost, Metric, Target
from gotd.ot.transform import Transform, folded, transform, with_potentials


def problem(m: int = 19) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, target points, weights with some zeros, potentials."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(50, 6)).astype("f4"), rng.normal(size=(m, 6)).astype("f4")
    b = rng.uniform(0.1, 1.0, m)
    b[::4] = 0
    return x, y, b / b.sum(), rng.normal(size=m)


def potential(x: np.ndarray, y: np.ndarray, b: np.ndarray, g: np.ndarray, eps: float, metric: Metric) -> np.ndarray:
    cost = Cost(metric)
    target = Target(cost.points(torch.from_numpy(y)), torch.from_numpy(b))
    kernel = transform(cost, target, eps, torch.from_numpy(g))
    return kernel.potential(cost.points(torch.from_numpy(x))).numpy()


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
@pytest.mark.parametrize("eps", [0.01, 0.3, 10.0])
def test_a_potential_is_the_soft_minimum_over_the_target(
    metric: Metric, eps: float, costs: Callable[..., np.ndarray], soft_minimum: Callable[..., np.ndarray]
) -> None:
    x, y, b, g = problem()
    expected = soft_minimum(b, costs(x, y, metric), eps, g)
    assert np.abs(potential(x, y, b, g, eps, metric) - expected).max() < 1e-5


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
def test_at_epsilon_zero_it_is_the_minimum(metric: Metric, costs: Callable[..., np.ndarray]) -> None:
    x, y, b, g = problem()
    expected = (costs(x, y, metric) - g)[:, b > 0].min(axis=1)
    assert np.abs(potential(x, y, b, g, 0.0, metric) - expected).max() < 1e-5


@pytest.mark.parametrize("eps", [0.0, 0.3])
def test_points_of_no_weight_take_no_part(eps: float) -> None:
    x, y, b, g = problem()
    some = b > 0
    without = potential(x, y[some], b[some], g[some], eps, "sqeuclidean")
    assert np.abs(potential(x, y, b, g, eps, "sqeuclidean") - without).max() < 1e-6
    g[~some] = 1e30
    assert np.abs(potential(x, y, b, g, eps, "sqeuclidean") - without).max() < 1e-6


def test_a_potential_tends_to_the_minimum_as_epsilon_goes_to_zero() -> None:
    x, y, b, g = problem()
    hard = potential(x, y, b, g, 0.0, "sqeuclidean")
    for eps in (1.0, 0.1, 0.01, 0.001, 1e-6):
        excess = potential(x, y, b, g, eps, "sqeuclidean") - hard
        assert (excess > -1e-5).all()
        assert excess.max() <= -eps * np.log(b[b > 0].min()) + 1e-5


def test_a_potential_tends_to_the_mean_cost_as_epsilon_grows(costs: Callable[..., np.ndarray]) -> None:
    x, y, b, g = problem()
    mean = (costs(x, y) - g) @ b
    assert np.abs(potential(x, y, b, g, 1000.0, "sqeuclidean") - mean).max() < 0.05


def test_logits_beyond_the_range_of_exp_leave_numbers() -> None:
    x, y, b, g = problem()
    for scale in (1e-12, 1e12):
        f = potential(x * np.float32(scale), y * np.float32(scale), b, g * scale**2, 1e-3 * scale**2, "sqeuclidean")
        assert np.isfinite(f).all()


def test_new_potentials_make_the_same_kernel_as_starting_from_them() -> None:
    x, y, b, g = problem()
    cost, target = Cost("sqeuclidean"), Target(torch.from_numpy(y), torch.from_numpy(b))
    once = transform(cost, target, 0.1, torch.from_numpy(g))
    moved = with_potentials(transform(cost, target, 0.1, torch.from_numpy(g * 0)), target, torch.from_numpy(g))
    assert torch.equal(once.potential(torch.from_numpy(x)), moved.potential(torch.from_numpy(x)))


def whitened(metric: Metric = "sqeuclidean", eps: float = 0.1, singular: bool = False) -> tuple[np.ndarray, Transform]:
    """Rows, one of them at the centre, and a transform in a space that is not flat."""
    rng = np.random.default_rng(7)
    d = 150  # no multiple of the columns that are multiplied at a time
    root = rng.normal(size=(d, d)) * np.geomspace(1.0, 0.05, d)
    whitening = root @ root.T / d if not singular else np.diag(np.arange(d) > 0).astype(float)
    x = rng.normal(size=(90, d)).astype("f4") + 1.0
    cost = Cost(metric, torch.from_numpy(x.mean(axis=0)), True, torch.from_numpy(whitening.astype("f4")))
    target = Target(cost.points(torch.from_numpy(x[:30] + 0.3)), torch.full((30,), 1 / 30, dtype=torch.float64))
    x[-1] = x.mean(axis=0)
    cost = cost._replace(centre=torch.from_numpy(x[-1].copy()))
    return x, transform(cost, target, eps, torch.from_numpy(rng.normal(size=30)) * 0.1)


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
@pytest.mark.parametrize("eps", [0.0, 0.001, 0.1])
def test_folding_the_whitening_into_the_points_changes_no_potential(metric: Metric, eps: float) -> None:
    x, kernel = whitened(metric, eps)
    rows, other = torch.from_numpy(x), folded(kernel)
    assert other.cost.whitening is None
    found = other.potential(other.cost.points(rows))
    # The points that are compared are the same, too.
    y = other.cost.points(rows) @ kernel.cost.whitening
    assert torch.allclose(y, kernel.cost.points(rows), atol=1e-5)
    assert torch.allclose(found, kernel.potential(kernel.cost.points(rows)), atol=2e-5)


def test_what_cannot_be_folded_stays_as_it_is() -> None:
    _, kernel = whitened(singular=True)
    assert folded(kernel) is kernel
    plain = kernel._replace(cost=Cost("sqeuclidean", kernel.cost.centre))
    assert folded(plain) is plain


def test_logits_that_reach_little_need_no_look_for_the_largest() -> None:
    x, kernel = whitened(eps=0.1)
    points = kernel.cost.points(torch.from_numpy(x))
    assert kernel.reach < 30.0
    assert float((kernel.logits(points) - kernel.bias)[:, :30].abs().max()) <= kernel.reach * 1.0001
    usual = kernel._replace(reach=float("inf")).potential(points)
    assert torch.allclose(kernel.potential(points), usual, atol=1e-6)
    far = with_potentials(kernel, Target(kernel.points[:30] / kernel.scale, torch.full((30,), 1 / 30).double()),
                          torch.linspace(-50, 0, 30, dtype=torch.float64))  # weights that underflow beside the largest
    assert torch.allclose(far.potential(points), far._replace(reach=float("inf")).potential(points), atol=1e-6)
