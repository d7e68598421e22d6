"""The cost in the form the solver uses, against its definition."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from gotd.ot.cost import Cost, Metric, Target, cost_mean_and_std, moments, target_moments


def vectors(seed: int, n: int, d: int = 6, offset: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(n, d)) + offset).astype("f4")


def masses(seed: int, n: int) -> np.ndarray:
    a = np.random.default_rng(seed).uniform(0, 1, n)
    a[::5] = 0
    return a / a.sum()


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
def test_the_matrix_is_the_definition(metric: Metric, costs: Callable[..., np.ndarray]) -> None:
    x, y = vectors(0, 30), vectors(1, 7)
    cost = Cost(metric)
    C = cost.matrix(cost.points(torch.from_numpy(x)), cost.points(torch.from_numpy(y)))
    assert np.abs(C.numpy() - costs(x, y, metric)).max() < 1e-5


def test_own_parts_and_product_make_the_cost(costs: Callable[..., np.ndarray]) -> None:
    x, y = torch.from_numpy(vectors(0, 30)), torch.from_numpy(vectors(1, 7))
    for metric in ("sqeuclidean", "cosine"):
        cost = Cost(metric)
        p, q = cost.points(x), cost.points(y)
        C = cost.alpha(p)[:, None] + cost.beta(q) - cost.slope * p @ q.T
        assert np.abs(C.numpy() - costs(x.numpy(), y.numpy(), metric)).max() < 1e-5


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_mean_and_spread_without_pairs_are_those_of_all_pairs(
    metric: Metric, offset: float, costs: Callable[..., np.ndarray], spread: Callable[..., float]
) -> None:
    x, y, a, b = vectors(0, 9000, offset=offset), vectors(1, 17, offset=offset), masses(2, 9000), masses(3, 17)
    cost = Cost(metric)
    target = Target(cost.points(torch.from_numpy(y)), torch.from_numpy(b))
    source = moments(cost, torch.from_numpy(x), torch.from_numpy(a))
    mean, std = cost_mean_and_std(cost, source, target_moments(cost, target))
    C = costs(x, y, metric)
    assert mean == pytest.approx(a @ C @ b, rel=1e-5)
    assert std == pytest.approx(spread(a, b, C), rel=1e-5)


def test_target_points_that_are_means_keep_their_length_in_mean_and_spread(spread: Callable[..., float]) -> None:
    x, y, b = vectors(0, 200), vectors(1, 9) / 5, masses(3, 9)
    cost = Cost("cosine")
    target = Target(torch.from_numpy(y), torch.from_numpy(b))
    a = masses(2, 200)
    source = moments(cost, torch.from_numpy(x), torch.from_numpy(a))
    mean, std = cost_mean_and_std(cost, source, target_moments(cost, target))
    C = 1 - (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("f8") @ y.T.astype("f8")
    assert mean == pytest.approx(a @ C @ b, rel=1e-6)
    assert std == pytest.approx(spread(a, b, C), rel=1e-5)


def test_a_centre_is_subtracted_and_length_is_unit_only_where_asked() -> None:
    x, centre = torch.from_numpy(vectors(0, 30, offset=2.0)), torch.full((6,), 2.0)
    assert torch.equal(Cost("sqeuclidean").points(x), x)
    assert torch.equal(Cost("sqeuclidean", centre).points(x), x - 2.0)
    for cost in (Cost("sqeuclidean", centre, True), Cost("cosine", centre)):
        points = cost.points(x)
        assert torch.allclose(torch.linalg.vector_norm(points, dim=1), torch.ones(30))
        assert torch.allclose(torch.nn.functional.cosine_similarity(points, x - 2.0), torch.ones(30))


def test_a_row_without_direction_stays_zero_and_is_unlike_everything() -> None:
    cost = Cost("cosine")
    points = cost.points(torch.zeros(1, 6))
    assert (points == 0).all()
    assert cost.matrix(points, cost.points(torch.ones(2, 6))).tolist() == [[1.0, 1.0]]


def test_half_precision_rows_are_taken_as_they_are() -> None:
    x = torch.from_numpy(vectors(0, 5)).half()
    assert torch.equal(Cost("sqeuclidean").points(x), x.float())
