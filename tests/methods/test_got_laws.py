"""Laws that scores obey whatever the data: of motion, order, scale and mass."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitting import plain
from gotd.methods.base import LOWEST, Fitted

Fit = Callable[..., Fitted]
Score = Callable[[Fitted, np.ndarray], np.ndarray]
SETTINGS = plain(tol=1e-6, max_iterations=2000)
seeds = given(seed=st.integers(0, 100_000))
few = settings(max_examples=8, deadline=None)


def problem(seed: int, n: int = 80, m: int = 15, d: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)).astype("f4"), (rng.normal(size=(m, d)) + 0.5).astype("f4")


def same(scores: np.ndarray, others: np.ndarray, parts: float = 1e-4) -> bool:
    """Up to a small part of their spread."""
    return bool(np.abs(scores - others).max() < parts * others.std())


@pytest.mark.long
@few
@seeds
@pytest.mark.parametrize("epsilon", [0.0, 0.05])
def test_moving_pool_and_target_together_changes_nothing(epsilon: float, fitted: Fit, score: Score, seed: int) -> None:
    x, y = problem(seed, n=79)  # no divisor in common with the target's 15: the exact potentials are unique
    move = np.float32(64.0) * np.random.default_rng(seed).integers(-4, 5, 5).astype("f4")
    x, y = (np.round(z * 1024) / 1024 for z in (x, y))  # so that moving rounds nothing
    how = replace(SETTINGS, epsilon=epsilon)
    assert same(score(fitted(y + move, x + move, how), x + move), score(fitted(y, x, how), x))


@pytest.mark.long
@few
@seeds
def test_turning_pool_and_target_together_changes_nothing(fitted: Fit, score: Score, seed: int) -> None:
    x, y = problem(seed)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(5, 5)))[0].astype("f4")
    assert same(score(fitted(y @ turn, x @ turn, SETTINGS), x @ turn), score(fitted(y, x, SETTINGS), x))


@pytest.mark.long
@few
@seeds
def test_the_order_of_pool_and_target_does_not_matter(fitted: Fit, score: Score, seed: int) -> None:
    x, y = problem(seed)
    rng = np.random.default_rng(seed)
    order, target_order = rng.permutation(len(x)), rng.permutation(len(y))
    expected = score(fitted(y, x, SETTINGS), x)
    assert same(score(fitted(y[target_order], x[order], SETTINGS), x[order]), expected[order])


@pytest.mark.long
@few
@given(seed=st.integers(0, 100_000), scale=st.sampled_from([0.01, 0.5, 7.0, 300.0]))
def test_scores_scale_with_the_cost(fitted: Fit, score: Score, seed: int, scale: float) -> None:
    """eps is relative to the spread of the cost and scales along."""
    x, y = problem(seed)
    large_x, large_y = x * np.float32(scale), y * np.float32(scale)
    assert same(score(fitted(large_y, large_x, SETTINGS), large_x) / scale**2, score(fitted(y, x, SETTINGS), x))


@pytest.mark.long
@few
@given(seed=st.integers(0, 100_000), scale=st.sampled_from([0.01, 0.5, 7.0, 300.0]))
def test_cosine_scores_do_not_depend_on_lengths(fitted: Fit, score: Score, seed: int, scale: float) -> None:
    x, y = problem(seed)
    how = replace(SETTINGS, metric="cosine")
    lengths = np.random.default_rng(seed).uniform(0.5, 1.0, (len(x), 1)).astype("f4") * np.float32(scale)
    assert same(score(fitted(y / np.float32(scale), x * lengths, how), x * lengths), score(fitted(y, x, how), x))


@pytest.mark.long
@few
@seeds
def test_on_unit_vectors_squared_distance_is_twice_the_cosine_cost(fitted: Fit, score: Score, seed: int) -> None:
    x, y = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in problem(seed))
    cosine = score(fitted(y, x, replace(SETTINGS, metric="cosine")), x)
    assert same(score(fitted(y, x, SETTINGS), x), 2 * cosine)


@pytest.mark.long
@few
@seeds
def test_a_target_text_given_twice_weighs_twice(fitted: Fit, score: Score, seed: int) -> None:
    x, y = problem(seed)
    twice = fitted(np.concatenate([y, y[:5]]), x, SETTINGS)
    assert twice.arrays["weights"] == pytest.approx(np.r_[np.full(5, 0.1), np.full(10, 0.05)], abs=1e-12)
    all_twice = fitted(np.concatenate([y, y]), x, SETTINGS)
    assert same(score(all_twice, x), score(fitted(y, x, SETTINGS), x))


@pytest.mark.long
@few
@seeds
@pytest.mark.parametrize("epsilon", [0.0, 0.05])
@pytest.mark.parametrize("weights", [None, np.r_[np.full(20, 2.0), np.ones(60)]])
def test_copies_and_order_of_the_source_change_nothing(
    epsilon: float, weights: np.ndarray | None, fitted: Fit, seed: int
) -> None:
    x, y = problem(seed)
    how, random = replace(SETTINGS, epsilon=epsilon), np.random.default_rng(seed)
    order = random.permutation(np.concatenate([np.arange(80), random.integers(0, 80, 150)]))
    one = fitted(y, x, how, weights=weights)
    other = fitted(y, x[order], how, weights=None if weights is None else weights[order], cut=7)
    assert other.summary == one.summary
    assert all(array.tobytes() == one.arrays[name].tobytes() for name, array in other.arrays.items())
    assert other.read.source.copies == 150


@pytest.mark.long
@few
@seeds
def test_rows_without_content_change_nothing_but_the_counts(fitted: Fit, score: Score, seed: int) -> None:
    x, y = problem(seed)
    places = np.random.default_rng(seed).integers(0, 80, 30)
    dirty = np.insert(x, places, -0.0, axis=0)
    one, other = fitted(y, x, SETTINGS, cut=7), fitted(y, dirty, SETTINGS, cut=7)
    assert other.summary == one.summary
    assert all(array.tobytes() == one.arrays[name].tobytes() for name, array in other.arrays.items())
    assert (other.read.source.rows, other.read.source.blank) == (110, 30)
    scores, blank = score(other, dirty), ~dirty.any(axis=1)
    assert (scores[blank] == LOWEST).all()
    assert scores[~blank].tobytes() == score(one, x).tobytes()


@pytest.mark.long
@few
@given(seed=st.integers(0, 100_000), unit=st.sampled_from([1e-300, 1e-45, 1e30, 1e300]))
def test_the_unit_of_weights_does_not_matter(fitted: Fit, score: Score, seed: int, unit: float) -> None:
    x, y = problem(seed)
    weights = np.random.default_rng(seed).uniform(0.1, 1.0, len(x))
    how = replace(SETTINGS, passes=2)
    plain, other = fitted(y, x, how, weights=weights), fitted(y, x, how, weights=weights * unit)
    assert same(score(other, x), score(plain, x))
    assert other.summary["measured_on"] == "source"
    assert other.summary["marginal_error"] == pytest.approx(plain.summary["marginal_error"], abs=1e-6)


@pytest.mark.long
@few
@seeds
def test_a_document_at_the_mode_of_the_target_is_worth_more_than_one_far_away(
    fitted: Fit, score: Score, seed: int
) -> None:
    x, _ = problem(seed)
    mode = np.full(5, 2.0, dtype="f4")
    y = mode + 0.3 * np.random.default_rng(seed).normal(size=(30, 5)).astype("f4")
    at, far = score(fitted(y, x, SETTINGS), np.stack([mode, -mode]))
    assert at > 0 > far


@few
@seeds
def test_where_the_pool_lacks_the_target_a_document_is_worth_more_than_where_it_has_it(
    fitted: Fit, score: Score, seed: int
) -> None:
    """Two modes alike in the target; the pool has plenty of one. Nearness alone cannot tell them apart."""
    rng = np.random.default_rng(seed)
    left, right = np.array([-2.0, 0.0]), np.array([2.0, 0.0])
    pool = np.concatenate([left + 0.3 * rng.normal(size=(180, 2)), right + 0.3 * rng.normal(size=(20, 2))])
    target = np.concatenate([left + 0.3 * rng.normal(size=(50, 2)), right + 0.3 * rng.normal(size=(50, 2))])
    plenty, rare = score(fitted(target.astype("f4"), pool.astype("f4"), SETTINGS), np.stack([left, right]).astype("f4"))
    assert rare > 0 > plenty
