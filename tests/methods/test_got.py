"""Fit and score, end to end, against POT; and what is said about the fit."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

import ot
from fitting import plain
from gotd.errors import GotdError
from gotd.methods.base import Fitted
from gotd.methods.got import GotOptions
from gotd.methods.options import WHITENED_EPSILON
from gotd.ot.cost import Metric
from gotd.ot.whitening import ridge

Fit = Callable[..., Fitted]
Score = Callable[[Fitted, np.ndarray], np.ndarray]
Costs = Callable[..., np.ndarray]
EXACTLY = plain(tol=1e-6, max_iterations=3000)


def problem(seed: int, n: int = 120, m: int = 21, d: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the pool and of the target."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) + 0.4).astype("f4"), (rng.normal(size=(m, d)) * 0.8).astype("f4")


def less_the_others(f: np.ndarray) -> np.ndarray:
    """-(f_i - mean of f over all others): the score of a pool's own documents."""
    return np.array([np.delete(f, i).mean() - f[i] for i in range(len(f))])


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("relative", [0.02, 0.05, 0.5])
@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
def test_scores_of_the_pool_are_those_of_pot(
    metric: Metric, relative: float, center: bool, seed: int, fitted: Fit, score: Score, costs: Costs,
    entropic_f: Callable[..., np.ndarray],
) -> None:  # fmt: skip
    x, y = problem(seed)
    a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    C = costs(x, y, metric, x.astype("f8").mean(axis=0) if center else None)
    got = fitted(y, x, replace(EXACTLY, epsilon=relative, metric=metric, center=center))
    assert got.summary["converged"]
    assert got.summary["cost_mean"] == pytest.approx(C.mean(), rel=1e-5)
    assert got.summary["cost_std"] == pytest.approx(C.std(), rel=1e-5)
    expected = less_the_others(entropic_f(a, b, C, relative * C.std()))
    assert np.abs(score(got, x) - expected).max() < 1e-4 * C.std()


@pytest.mark.long
@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
def test_a_weighted_source_and_candidates_outside_it_agree_with_pot(
    metric: Metric, fitted: Fit, score: Score, costs: Costs, entropic_f: Callable[..., np.ndarray]
) -> None:
    """Candidates are rows of weight 0: what a document that was not there does for the distance."""
    x, y = problem(3)
    a, b = np.random.default_rng(0).uniform(0.1, 2.0, len(x)), np.full(len(y), 1 / len(y))
    a[::4] = 0
    got = fitted(y, x, replace(EXACTLY, metric=metric), weights=a)
    a /= a.sum()
    C = costs(x, y, metric)
    std = np.sqrt(a @ np.square(C - a @ C @ b) @ b)
    f = entropic_f(a, b, C, 0.05 * std)
    assert np.abs(score(got, x) - (a @ f - f)).max() < 1e-4 * std


def test_weights_that_few_rows_hold_are_solved_on_a_sample_as_on_the_whole(fitted: Fit, score: Score) -> None:
    """A uniform sample of 500 would miss the one row that weighs as much as all others, four times in five."""
    x, y = problem(0, n=2500)
    weights = np.random.default_rng(1).pareto(1.0, len(x))
    weights[777] = weights.sum()
    some, whole = (fitted(y, x, plain(pool_sample=size, whiten=True, center=True, epsilon=2.0), weights)
                   for size in (500, 2500))
    assert some.summary["distance"] == pytest.approx(whole.summary["distance"], rel=0.01)
    scores, expected = score(some, x), score(whole, x)
    assert np.corrcoef(scores, expected)[0, 1] > 0.99
    assert abs(weights @ scores / weights.sum()) < 0.1 * scores.std()


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
def test_whitened_scores_are_those_of_pot_on_rows_whitened_by_hand(
    metric: Metric, fitted: Fit, score: Score, costs: Costs, entropic_f: Callable[..., np.ndarray]
) -> None:
    x, y = problem(1)
    x[:, 0] *= 30.0
    a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    covariance = np.cov(x.T.astype("f8"), bias=True)
    width = x.shape[1]
    added = ridge(len(x), width) * np.trace(covariance) / width
    values, vectors = np.linalg.eigh(covariance + added * np.eye(width))
    by_hand = [(rows - x.mean(axis=0)) @ vectors / np.sqrt(values) for rows in (x, y)]
    C = costs(*by_hand, metric, np.zeros(x.shape[1]))
    got = fitted(y, x, replace(EXACTLY, epsilon=0.5, metric=metric, whiten=True))
    assert got.summary["converged"]
    assert got.summary["cost_std"] == pytest.approx(C.std(), rel=1e-4)
    expected = less_the_others(entropic_f(a, b, C, 0.5 * C.std()))
    assert np.abs(score(got, x) - expected).max() < 2e-4 * C.std()


def test_epsilon_zero_scores_by_the_exact_dual(fitted: Fit, score: Score, costs: Costs) -> None:
    x, y = problem(0)
    got = fitted(y, x, plain(epsilon=0.0))
    C = costs(x, y)
    f = -score(got, x).astype("f8") * (len(x) - 1) / len(x)
    # f is known up to a constant: the best one makes the dual the cost of the best plan, with g = min over rows C - f.
    g = (C - f[:, None]).min(axis=0)
    assert f.mean() + g.mean() == pytest.approx(ot.emd2([], [], C), rel=1e-5)
    assert got.summary["distance"] == pytest.approx(ot.emd2([], [], C), rel=1e-5)


def test_the_mean_score_of_the_source_is_zero(fitted: Fit, score: Score) -> None:
    x, y = problem(0, n=5000)
    for settings in (plain(), plain(epsilon=0.0), plain(metric="cosine", center=True), plain(pool_sample=5000)):
        scores = score(fitted(y, x, settings), x).astype("f8")
        assert abs(scores.mean()) < 1e-5 * np.abs(scores).max()


def test_candidates_of_a_source_need_no_place_in_it(fitted: Fit, score: Score) -> None:
    """As the pool itself, all scores are N/(N-1) times those as candidates."""
    x, y = problem(0)
    inside, outside = (score(fitted(y, x, EXACTLY, source_is_pool=pool), x) for pool in (True, False))
    assert inside == pytest.approx(outside * 120 / 119, rel=1e-6)


def test_a_large_target_is_compressed_to_the_limit_and_scores_stay_alike(fitted: Fit, score: Score) -> None:
    x, y = problem(0, n=500, m=300, d=2)
    fewer = fitted(y, x, plain(max_target=100))
    assert fewer.summary["target_points"] <= 100 < fewer.summary["target_rows"] == 300
    assert 0 < fewer.summary["target_error"] < 0.3
    assert np.corrcoef(score(fewer, x), score(fitted(y, x, plain(max_target=0)), x))[0, 1] > 0.99


@pytest.mark.long
def test_compressed_points_keep_what_costs_are_on_average_and_how_they_vary(fitted: Fit, score: Score) -> None:
    """Means of nearly orthogonal rows are short: the rows are not nearer to everything for that, nor costs wider."""
    x, y = problem(0, n=600, m=600, d=800)
    for settings in (plain(center=True, epsilon=2.0), plain(center=True, epsilon=2.0, metric="cosine")):
        whole, fewer = (fitted(y, x, replace(settings, max_target=limit)) for limit in (0, 400))
        for name in ("epsilon", "cost_mean", "cost_std"):
            assert fewer.summary[name] == pytest.approx(whole.summary[name], rel=1e-6)
        assert fewer.summary["distance"] == pytest.approx(whole.summary["distance"], rel=5e-3)
        assert np.corrcoef(score(fewer, x), score(whole, x))[0, 1] > 0.999


@pytest.mark.parametrize("limit", [30, 200])
def test_a_compressed_target_is_the_same_for_any_seed_and_order(limit: int, fitted: Fit, score: Score) -> None:
    x, y = problem(0, n=500, m=300)
    one, other, turned = (fitted(rows, x, plain(max_target=limit, seed=seed, pool_sample=500))
                          for rows, seed in ((y, 0), (y, 1), (y[::-1].copy(), 0)))
    assert np.array_equal(one.arrays["points"], other.arrays["points"])
    assert score(turned, x) == pytest.approx(score(one, x), abs=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("whiten", [False, True])
def test_a_score_does_not_depend_on_neighbours_or_threads(whiten: bool, fitted: Fit, score: Score) -> None:
    x, y = problem(0, n=3000, d=33)
    got = fitted(y, x, plain(whiten=whiten))
    together = score(got, x)
    for cut in (1, 7, 512, 1000):
        ends = list(range(0, 20 * cut, cut)) if cut == 1 else list(range(0, 3000, cut))
        apart = np.concatenate([score(got, x[i : i + cut]) for i in ends])
        assert (apart == together[: len(apart)]).all()
    assert (score(got, x[::-1])[::-1] == together).all()


def test_converged_means_that_the_marginals_hold_in_float64(fitted: Fit, costs: Costs) -> None:
    """On data far from the origin, where squared lengths drown the distances in float32."""
    x, y = problem(0, n=600, m=80)
    for offset in (0.0, 10.0, 300.0):
        moved_x, moved_y = x + np.float32(offset), y + np.float32(offset)
        got = fitted(moved_y, moved_x, plain(epsilon=0.01))
        eps, g = got.summary["epsilon"], got.arrays["potentials"]
        logits = (g - costs(moved_x - got.arrays["centre"], got.arrays["points"])) / eps
        plan = np.exp(logits - logits.max(axis=1, keepdims=True))
        plan /= plan.sum(axis=1, keepdims=True)
        assert got.summary["converged"]
        assert np.abs(plan.mean(axis=0) - got.arrays["weights"]).sum() < 1.02e-4


def test_too_large_an_epsilon_is_said_to_be_the_mean_distance(fitted: Fit, score: Score, costs: Costs) -> None:
    x, y = problem(0)
    got = fitted(y, x, plain(epsilon=100.0))
    assert np.corrcoef(score(got, x), -costs(x, y).mean(axis=1))[0, 1] > 0.999
    (warning,) = got.summary["warnings"]
    assert "so large that the score is the mean distance" in warning
    better = float(warning.split(": try ")[1])
    assert fitted(y, x, plain(epsilon=better)).summary["warnings"] == []


def test_the_whitened_default_is_said_to_be_too_large_where_it_is(fitted: Fit) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 40)).astype("f4")
    y = (rng.normal(size=(200, 40)) + 1.0).astype("f4")
    usual = plain(epsilon=WHITENED_EPSILON, whiten=True, center=True)
    (warning,) = fitted(y, x, usual).summary["warnings"]
    assert "so large that the score is the mean distance" in warning
    better = float(warning.split(": try ")[1])
    assert fitted(y, x, replace(usual, epsilon=better)).summary["warnings"] == []


@pytest.mark.long
def test_too_small_an_epsilon_is_said_to_be_rounding(fitted: Fit) -> None:
    x, y = problem(0)
    got = fitted(y, x, plain(epsilon=1e-7, max_iterations=20))
    (warning,) = got.summary["warnings"]
    assert "near the rounding of float32" in warning
    better = float(warning.split(": try ")[1])
    assert fitted(y, x, plain(epsilon=better)).summary["warnings"] == []


def test_a_narrow_cone_of_directions_is_said_to_be_rounding(fitted: Fit) -> None:
    """Cosines of 0.99999: what they differ by is near the rounding of 1."""
    x, y = problem(0)
    x, y = x * np.float32(1e-3) + 1, y * np.float32(1e-3) + 1
    (warning,) = fitted(y, x, plain(metric="cosine", max_iterations=20)).summary["warnings"]
    assert "near the rounding of float32" in warning
    assert "try --center" in warning
    better = float(warning.split(", or ")[1])
    for remedy in (plain(metric="cosine", center=True), plain(metric="cosine", epsilon=better)):
        assert not [each for each in fitted(y, x, remedy).summary["warnings"] if "rounding" in each]


def test_rows_that_are_all_at_one_distance_are_said_to_be_so(fitted: Fit, score: Score) -> None:
    x, y = problem(0)
    unit = y / np.linalg.norm(y, axis=1, keepdims=True)
    unit[:, 0], alike = 0.0, np.zeros_like(x)
    alike[:, 0] = 2.0  # at right angles to all of the target
    got = fitted(unit, alike, plain(metric="cosine"))
    (warning,) = got.summary["warnings"]
    assert "does not vary" in warning
    assert np.ptp(score(got, alike)) == 0.0


@pytest.mark.parametrize(("scale", "settings", "message"), [
    (1e20, plain(), "float32 cannot hold their squares"),
    (1e20, plain(whiten=True, center=True, epsilon=2.0), "float32 cannot hold their squares"),
    (1.0, plain(epsilon=1e-33), "too small to divide by"),
    (1e-18, plain(), "too small to divide by"),
])
def test_what_float32_cannot_hold_is_refused(scale: float, settings: GotOptions, message: str, fitted: Fit) -> None:
    x, y = (z * np.float32(scale) for z in problem(0))
    with pytest.raises(GotdError, match=message):
        fitted(y, x, settings)


@pytest.mark.long
@pytest.mark.parametrize(("whiten", "choose"), [(False, 0.01), (True, 0.05), (False, 600)])
def test_the_overlap_expected_is_that_of_two_samples(whiten: bool, choose: float, fitted: Fit, score: Score) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, 16))
    x = (centres[rng.integers(30, size=20_000)] + rng.normal(size=(20_000, 16))).astype("f4")
    y = (centres[rng.integers(5, size=100)] + rng.normal(size=(100, 16))).astype("f4")
    x, y = x - x.mean(axis=0), y - x.mean(axis=0)  # the sample's part of the mean is no part of what is told
    how = plain(pool_sample=4000, choose=choose, whiten=whiten)
    fits = [fitted(y, x, replace(how, seed=seed)) for seed in range(4)]
    best = [set(np.argsort(-score(each, x), kind="stable")[: int(choose if choose > 1 else choose * len(x))])
            for each in fits]
    measured = np.mean([len(one & other) / len(one) for one, other in combinations(best, 2)])
    assert np.mean([each.summary["expected_overlap"] for each in fits]) == pytest.approx(measured, abs=0.03)


def test_a_sample_that_is_the_source_is_certain_of_its_choice(fitted: Fit) -> None:
    x, y = problem(0, n=500)
    assert fitted(y, x, plain()).summary["expected_overlap"] == 1.0
    assert fitted(y, x[:100], plain(epsilon=0.0)).summary["expected_overlap"] is None


@pytest.mark.parametrize("epsilon", [0.0, 0.02, 0.05, 0.5])
def test_a_sensible_epsilon_draws_no_warning(epsilon: float, fitted: Fit) -> None:
    x, y = problem(0)
    assert fitted(y, x, plain(epsilon=epsilon)).summary["warnings"] == []


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(120), "no row has weight"),
        (np.r_[np.ones(119), -1.0], "negative or not finite"),
        (np.r_[np.nan, np.ones(119)], "negative or not finite"),
        (np.r_[np.inf, np.ones(119)], "negative or not finite"),
        (np.ones(119), "differ in number"),
        (np.ones(121), "differ in number"),
        (np.ones(0), "differ in number"),
    ],
)
def test_weights_that_mean_nothing_are_refused_by_name(weights: np.ndarray, message: str, fitted: Fit) -> None:
    x, y = problem(0)
    with pytest.raises(GotdError, match=rf"pool\.npy: .*{message}"):
        fitted(y, x, plain(), weights=weights)


def test_a_source_without_rows_is_refused(fitted: Fit) -> None:
    x, y = problem(0)
    with pytest.raises(GotdError, match=r"pool\.npy: no row has weight"):
        fitted(y, x[:0], plain())


@pytest.mark.parametrize("epsilon", [0.0, 0.05])
def test_degenerate_sources_and_targets_score_zero_or_a_number(epsilon: float, fitted: Fit, score: Score) -> None:
    x, y = problem(0)
    alike = np.ones_like(x)
    assert np.abs(score(fitted(y, x[:1], plain(epsilon=epsilon)), x[:1])).max() < 1e-6
    assert np.abs(score(fitted(y, alike, plain(epsilon=epsilon)), alike)).max() < 1e-5
    assert np.abs(score(fitted(alike, alike, plain(epsilon=epsilon)), alike)).max() < 1e-5
    assert np.isfinite(score(fitted(y[:1], x, plain(epsilon=epsilon)), x)).all()
    assert np.isfinite(score(fitted(x[:1], alike, plain(epsilon=epsilon, center=True)), x)).all()


@pytest.mark.parametrize(("rows", "whiten"), [(3, True), (6, False), (40, True)])
def test_where_the_target_is_the_pool_all_score_alike(rows: int, whiten: bool, fitted: Fit, score: Score) -> None:
    """Far rows of equal mass: what is left of the scores is what float32 rounds, nothing to measure a step by."""
    x, _ = problem(0, n=rows, d=64)
    got = fitted(x, x, replace(GotOptions(), whiten=whiten, center=True, epsilon=0.1))
    assert got.summary["converged"]
    assert np.ptp(score(got, x)) < 1e-5
