"""A compressed target: mass, the promised bound, and nothing lost where nothing need be."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ot
from gotd.ot import compress as module
from gotd.ot.blocks import Workers
from gotd.ot.compress import Compressed, compress


def problem(seed: int, n: int = 200, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    b = rng.pareto(1.5, n)
    b[::9] = 0
    return rng.normal(size=(n, d)).astype("f4"), b / b.sum()


def compressed(y: np.ndarray, b: np.ndarray, limit: int, workers: Workers, seed: int = 0) -> Compressed:
    return compress(y, b, limit, np.random.default_rng(seed).uniform(size=len(y)), workers)


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


def test_where_few_are_too_many_those_are_merged_that_lose_least(workers: Workers) -> None:
    """Of 300 nearly orthogonal rows 100 have a near copy of other mass: each copy's pair becomes its mean."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(300, 100)).astype("f4")
    y[200:] = y[:100] + 0.05 * rng.normal(size=(100, 100))
    b = rng.uniform(0.1, 1, 300)
    b /= b.sum()
    order = rng.permutation(300)
    fewer = compressed(y[order], b[order], 200, workers)
    pairs = (b[:100, None] * y[:100] + b[200:, None] * y[200:]) / (b[:100] + b[200:])[:, None]
    expected, masses = np.concatenate([pairs, y[100:200]]), np.concatenate([b[:100] + b[200:], b[100:200]])
    nearest = np.square(fewer.points[:, None] - expected).sum(axis=2).argmin(axis=1)
    assert sorted(nearest) == list(range(200))
    assert fewer.points == pytest.approx(expected[nearest], abs=1e-5)
    assert fewer.weights == pytest.approx(masses[nearest], abs=1e-12)


def test_where_all_would_merge_with_one_row_the_search_for_pairs_ends(workers: Workers,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows as far from each other, each twice as heavy as the one before: the partner of all is the lightest."""
    rounds = []
    searched = module._cheapest
    monkeypatch.setattr(module, "_cheapest", lambda *args: rounds.append(1) or searched(*args))
    b = 0.5 ** np.arange(1, 101)
    fewer = compressed(np.eye(100, dtype="f4"), b / b.sum(), 60, workers)
    assert len(fewer.points) == 60
    assert len(rounds) <= 12


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


@pytest.mark.parametrize("limit", [50, 2000])
def test_neither_the_order_of_rows_nor_the_number_of_threads_decides(limit: int) -> None:
    y, b = problem(0, n=3000)
    draws, order = np.random.default_rng(1).uniform(size=3000), np.random.default_rng(2).permutation(3000)
    one, two = (compress(y, b, limit, draws, Workers(threads)) for threads in (1, 3))
    assert np.array_equal(one.points, two.points)
    assert np.array_equal(one.weights, two.weights)
    other = compress(y[order], b[order], limit, draws[order], Workers(1))
    by_first, by_other = np.lexsort(one.points.T), np.lexsort(other.points.T)
    assert other.points[by_other] == pytest.approx(one.points[by_first], abs=1e-5)
    assert other.weights[by_other] == pytest.approx(one.weights[by_first], abs=1e-12)


@pytest.mark.parametrize("limit", [50, 150])
def test_points_of_rows_of_unit_length_are_the_directions_of_their_means(limit: int, workers: Workers) -> None:
    y, b = problem(0)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    draws = np.random.default_rng(0).uniform(size=len(y))
    means, directions = (compress(y, b, limit, draws, workers, unit=unit) for unit in (False, True))
    lengths = np.linalg.norm(means.points, axis=1)
    assert lengths.min() < 0.999
    assert directions.points * lengths[:, None] == pytest.approx(means.points, abs=1e-6)
    assert np.linalg.norm(directions.points, axis=1) == pytest.approx(1.0, abs=1e-6)
    assert np.array_equal(directions.weights, means.weights)
    assert directions.error > means.error


@pytest.mark.parametrize("limit", [50, 150])
def test_points_are_means_so_that_costs_are_kept_on_average(limit: int, workers: Workers,
                                                            costs: Callable[..., np.ndarray]) -> None:  # fmt: skip
    """For any x: sum_i b_i |x - y_i|^2 = sum_j w_j |x - point_j|^2 + error^2."""
    y, b = problem(0)
    x = np.random.default_rng(1).normal(size=(20, 3))
    fewer = compressed(y, b, limit, workers)
    assert costs(x, fewer.points) @ fewer.weights + fewer.error**2 == pytest.approx(costs(x, y) @ b, rel=1e-5)
