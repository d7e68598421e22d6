"""Averages and intervals against what they are known to be."""

import math

import numpy as np
import pytest
from scipy.stats import t

from gotd.probing.figures import Model, Texts, bits_per_byte, by_text, by_word
from gotd.probing.judgement import Estimate, Judgement, to_best


def judged(costs: np.ndarray, words: np.ndarray | None = None, units: np.ndarray | None = None,
           seed: int = 0, resamples: int = 999) -> Judgement:
    texts = costs.shape[1]
    return Judgement(costs, np.ones(texts) if words is None else words, np.arange(texts) if units is None else units,
                     resamples, seed)


def difference(judgement: Judgement, model: int, other: int) -> Estimate:
    one = np.eye(len(judgement.values))
    return judgement.estimate(one[model] - one[other])


def models(*costs: np.ndarray) -> list[Model]:
    """Random choices and choices: several draws are random."""
    return [Model(f"model {place}", "random" if len(each) > 1 else "choice", 1, 1, each)
            for place, each in enumerate(costs)]


def test_the_three_averages() -> None:
    costs, words, sizes = np.array([[1.0, 8.0, 9.0]]), np.array([1, 2, 3]), np.array([6, 12, 30])
    texts, one = Texts(words, np.arange(3), 200, 0), models(costs)
    one = [one[0]._replace(kind="none")]
    assert by_word(one, texts)[0].nats.value == pytest.approx(18 / 6)
    assert by_text(one, texts)[0].nats.value == pytest.approx((1 + 4 + 3) / 3)
    assert bits_per_byte(one, sizes, texts)[0].value == pytest.approx(18 / 48 / math.log(2))


@pytest.mark.long
def test_the_interval_of_a_mean_is_students() -> None:
    costs = np.random.default_rng(1).normal(5.0, 2.0, (1, 4000))
    found = judged(costs, resamples=4000).estimate(np.ones(1))
    half = t.ppf(0.975, 3999) * costs.std(ddof=1) / math.sqrt(4000)
    assert found.high - found.value == pytest.approx(half, rel=0.08)
    assert found.value - found.low == pytest.approx(half, rel=0.08)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    random = np.random.default_rng(2)
    held = 0
    for trial in range(300):
        # Of 30 units, each of one to several texts of lengths that are far from even.
        units = np.repeat(np.arange(30), random.geometric(0.6, 30))
        words = np.ceil(random.lognormal(4.0, 0.8, len(units)))
        costs = words * (4.0 + random.normal(0.0, 0.5, 30)[units] + random.normal(0.0, 0.3, len(units)))
        found = judged(costs[None], words, units, trial, 499).estimate(np.ones(1))
        held += found.low <= 4.0 <= found.high
    assert 270 <= held <= 297  # 285 expected, four standard deviations


def test_differences_are_paired() -> None:
    random = np.random.default_rng(4)
    hard = random.gamma(1.0, 50.0, 500)
    found = judged(np.stack([hard, hard + 1.0, hard]), np.full(500, 10.0))
    assert difference(found, 1, 0) == pytest.approx((0.1, 0.1, 0.1))
    assert difference(found, 2, 0) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)
    alone = found.estimate(np.eye(3)[0])
    assert alone.high - alone.low > 0.5


def test_units_and_not_texts_are_resampled() -> None:
    random = np.random.default_rng(5)
    costs = random.normal(5.0, 1.0, (1, 100))
    once = judged(costs, seed=3).estimate(np.ones(1))
    nine = judged(np.repeat(costs, 9, axis=1), units=np.repeat(np.arange(100), 9), seed=3).estimate(np.ones(1))
    assert nine == pytest.approx(once)
    apart = judged(np.repeat(costs, 9, axis=1), seed=3).estimate(np.ones(1))
    assert (apart.high - apart.low) * 3 == pytest.approx(nine.high - nine.low, rel=0.1)


def test_one_unit_says_nothing_of_how_units_differ() -> None:
    found = judged(np.array([[1.0, 2.0], [2.0, 5.0]]), units=np.zeros(2, np.int64))
    assert found.estimate(np.array([1.0, 0.0])) == (1.5, -math.inf, math.inf)
    assert to_best(found, [0, 1]) == [(0.0, 0.0, math.inf), (2.0, 0.0, math.inf)]


def test_a_random_choice_varies_with_its_draws() -> None:
    random = np.random.default_rng(6)
    costs = random.normal(700.0, 50.0, 400)
    shift = np.array([-3.0, 1.0, 0.0, 4.0, -2.0])
    found = by_word(models(costs + shift[:, None], costs[None]), Texts(np.full(400, 100), np.arange(400), 999, 0))
    # All texts judge the draws alike: how they differ is all that the difference does not know.
    half = t.ppf(0.975, 4) * shift.std(ddof=1) / math.sqrt(5) / 100
    assert found[1].to_random == pytest.approx((0.0, -half, half), abs=1e-9)
    assert found[0].draws == pytest.approx((costs.mean() + shift) / 100)
    # In its own figure there is both.
    none = models(costs[None])[0]._replace(kind="none")
    alone = by_word([none], Texts(np.full(400, 100), np.arange(400), 999, 0))[0].nats
    assert found[0].nats.high - found[0].nats.value == pytest.approx(math.hypot(alone.high - alone.value, half))


@pytest.mark.long
def test_the_best_of_many_equal_ones_is_not_said_to_be_better() -> None:
    random, ours, naive = np.random.default_rng(7), 0, 0
    for trial in range(120):
        costs = random.normal(5.0, 1.0, 60) + random.normal(0.0, 0.3, (8, 60))
        found = judged(costs, seed=trial, resamples=499)
        best = int(found.values.argmin())
        ours += any(each.low > 0.0 for each in to_best(found, range(8)))
        naive += any(difference(found, model, best).low > 0.0 for model in range(8) if model != best)
    assert ours <= 16  # 6 expected at the most, four standard deviations
    assert naive > 40  # without the correction


def test_a_choice_that_is_worse_is_said_to_be_worse_than_whichever_is_the_best() -> None:
    random = np.random.default_rng(8)
    costs = random.normal(5.0, 1.0, 200) + random.normal(0.0, 0.1, (4, 200)) + np.array([[0.0], [0.002], [0.5], [2.0]])
    first, second, worse, none = to_best(judged(costs), [0, 1, 2])
    assert first.low == second.low == 0.0  # either may be the best
    assert max(first.high, second.high) > 0.0
    assert worse.low > 0.4
    assert none.low > 1.9  # of what is no choice, too


def test_seeded() -> None:
    costs = np.random.default_rng(5).normal(size=(1, 50))
    first, again, other = (judged(costs, seed=seed).estimate(np.ones(1)) for seed in (1, 1, 2))
    assert first == again != other
