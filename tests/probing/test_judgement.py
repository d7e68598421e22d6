"""Intervals against what they are known to be."""

import math

import numpy as np
import pytest

from gotd.probing.judgement import Judgement


def test_the_figures() -> None:
    costs = np.array([[1.0, 2.0, 9.0], [2.0, 4.0, 18.0]])
    found = Judgement(costs, np.array([1, 2, 3]), np.array([6, 12, 30]), 200, 0)
    assert found.nats_per_token(0).value == pytest.approx(2.0)
    assert found.bits_per_byte(1).value == pytest.approx(0.5 / math.log(2))
    assert found.difference(1, 0).value == pytest.approx(2.0)
    # All texts have half a nat a byte, and other shares of words: only by bytes is the interval a point.
    bits = Judgement(np.array([[3.0, 6.0, 15.0]]), np.array([1, 2, 3]), np.array([6, 12, 30]), 200, 0).bits_per_byte(0)
    assert bits == pytest.approx([0.5 / math.log(2)] * 3)


def test_the_interval_of_a_mean_is_the_normal_one() -> None:
    random = np.random.default_rng(1)
    n = 4000
    costs = random.normal(5.0, 2.0, (1, n))
    found = Judgement(costs, np.ones(n, np.int64), np.ones(n, np.int64), 4000, 3).nats_per_token(0)
    half = 1.96 * costs.std() / math.sqrt(n)
    assert found.high - found.value == pytest.approx(half, rel=0.08)
    assert found.value - found.low == pytest.approx(half, rel=0.08)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    random = np.random.default_rng(2)
    held = 0
    for trial in range(200):
        lengths = random.integers(1, 50, 300)
        costs = (lengths * random.gamma(4.0, 1.0, 300))[None]  # 4 nats a word
        found = Judgement(costs, lengths, lengths, 400, trial).nats_per_token(0)
        held += found.low <= 4.0 <= found.high
    assert 178 <= held <= 198  # 190 expected, four standard deviations


def test_differences_are_paired() -> None:
    random = np.random.default_rng(4)
    hard = random.gamma(1.0, 50.0, 500)
    costs = np.stack([hard, hard + 1.0, hard])
    found = Judgement(costs, np.full(500, 10), np.full(500, 10), 300, 0)
    assert found.difference(1, 0) == pytest.approx((0.1, 0.1, 0.1))
    assert found.difference(2, 0) == (0.0, 0.0, 0.0)
    assert found.nats_per_token(0).high - found.nats_per_token(0).low > 0.5


def test_seeded() -> None:
    costs = np.random.default_rng(5).normal(size=(1, 50))
    ones = np.ones(50, np.int64)
    first, again, other = (Judgement(costs, ones, ones, 100, seed).nats_per_token(0) for seed in (1, 1, 2))
    assert first == again != other
