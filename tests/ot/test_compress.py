"""A compressed target: mass, the promised bound, and nothing lost where nothing need be."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ot
from gotd.ot.blocks import Workers
from gotd.ot.compress import Compressed, compress
from gotd.ot.cost import Cost, Target, cost_mean_and_std, moments, target_moments

CPU = torch.device("cpu")
COST = Cost("sqeuclidean")


def problem(seed: int, n: int = 200, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    b = rng.pareto(1.5, n)
    b[::9] = 0
    return rng.normal(size=(n, d)).astype("f4"), b / b.sum()


def compressed(y: np.ndarray, b: np.ndarray, limit: int, workers: Workers, seed: int = 0) -> Compressed:
    return compress(y, b, limit, seed, workers, CPU)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), limit=st.integers(1, 250), offset=st.sampled_from([0.0, 100.0]))
def test_mass_is_kept_and_the_error_bounds_the_wasserstein_distance(
    workers: Workers, costs: Callable[..., np.ndarray], seed: int, limit: int, offset: float
) -> None:
    y, b = problem(seed)
    y += np.float32(offset)
    fewer = compressed(y, b, limit, workers)
    assert len(fewer.points) <= limit
    assert (fewer.weights > 0).all()
    assert fewer.weights.sum() == pytest.approx(1.0, abs=1e-12)
    distance = np.sqrt(ot.emd2(b, fewer.weights / fewer.weights.sum(), costs(y, fewer.points)))
    assert distance <= fewer.error + 1e-6 * (1 + offset)


def test_the_error_is_no_worse_than_three_times_what_a_grid_does(workers: Workers) -> None:
    """On [0, 1] the best k points leave 1/(k sqrt(12))."""
    y = np.linspace(0, 1, 1000, dtype="f4")[:, None]
    for limit in (4, 16, 64):
        error = compressed(y, np.full(1000, 1e-3), limit, workers).error
        assert 0.99 / (limit * np.sqrt(12)) < error < 3 / (limit * np.sqrt(12))


def test_clusters_become_their_means(workers: Workers) -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [100, 0], [0, 100]], dtype="f4")
    member = np.arange(300) % 3
    y = (centres[member] + rng.normal(size=(300, 2))).astype("f4")
    b = rng.uniform(0.1, 1, 300)
    b /= b.sum()
    for seed in range(20):
        fewer = compressed(y, b, 3, workers, seed)
        if fewer.error < 5:  # each of the three was sampled
            order = np.argsort(fewer.points @ [1, 2])
            means = [b[member == k] @ y[member == k] / b[member == k].sum() for k in range(3)]
            assert fewer.points[order] == pytest.approx(np.array(means), abs=1e-4)
            assert fewer.weights[order] == pytest.approx(np.bincount(member, b), abs=1e-12)
            return
    pytest.fail("in no sample were all three clusters")


def test_duplicates_are_merged_without_loss_in_order_of_appearance(workers: Workers) -> None:
    y = np.array([[3, 0], [1, 0], [3, 0], [2, 0], [1, 0]], dtype="f4")
    b = np.array([0.1, 0.2, 0.3, 0.15, 0.25])
    for limit in (0, 3, 10):
        fewer = compressed(y, b, limit, workers)
        assert fewer.points[:, 0].tolist() == [3, 1, 2]
        assert fewer.weights == pytest.approx([0.4, 0.45, 0.15], abs=1e-15)
        assert fewer.error == 0.0


def test_limit_zero_and_a_large_limit_keep_every_row_with_weight(workers: Workers) -> None:
    y, b = problem(0)
    for limit in (0, 200):
        same = compressed(y, b, limit, workers)
        assert np.array_equal(same.points, y[b > 0])
        assert np.array_equal(same.weights, b[b > 0])
        assert same.error == 0.0


def test_the_seed_decides_and_the_number_of_threads_does_not() -> None:
    y, b = problem(0, n=3000)
    one, two, other = (compressed(y, b, 50, Workers(t), seed) for t, seed in ((1, 0), (3, 0), (1, 1)))
    assert np.array_equal(one.points, two.points)
    assert np.array_equal(one.weights, two.weights)
    assert one.points.shape != other.points.shape or not np.array_equal(one.points, other.points)


def test_points_of_unit_rows_are_of_unit_length_and_the_cost_varies_as_before(workers: Workers) -> None:
    """Plain means of nearly orthogonal rows are short: the cost would vary by their length, three times as much."""
    rng = np.random.default_rng(0)
    x, y = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.normal(size=(2, 600, 800)))
    x, y, b = x.astype("f4"), y.astype("f4"), np.full(600, 1 / 600)

    def spread(fewer: Compressed) -> float:
        target = target_moments(COST, Target(torch.from_numpy(fewer.points), torch.from_numpy(fewer.weights)))
        return cost_mean_and_std(COST, moments(COST, torch.from_numpy(x), torch.from_numpy(b)), target)[1]

    whole, unit = (compress(y, b, limit, 0, workers, CPU, is_unit=True) for limit in (0, 400))
    assert np.linalg.norm(unit.points, axis=1) == pytest.approx(1.0, abs=1e-6)
    assert spread(unit) == pytest.approx(spread(whole), rel=0.1)
    assert spread(compress(y, b, 400, 0, workers, CPU)) > 2 * spread(whole)
    distance = np.sqrt(ot.emd2(b, unit.weights / unit.weights.sum(), ot.dist(y.astype("f8"), unit.points.astype("f8"))))
    assert distance <= unit.error + 1e-6
