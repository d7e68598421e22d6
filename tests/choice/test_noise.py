"""Draws by chance against Plackett and Luce's law, and what must not change them."""

import math
import random
from itertools import permutations
from statistics import pstdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotd.choice.choose import choose
from gotd.choice.noise import Noise, Spread
from gotd.choice.ranking_window import Rules
from gotd.methods.base import LOWEST
from memory_pool import MemoryPool, Row

SCORES = [2.0, 1.0, 0.5, 0.0, -1.0, -2.5]
POOL = [Row(f"text {number}", (score,)) for number, score in enumerate(SCORES)]


def inclusion(odds: list[float], k: int) -> list[float]:
    """With which probability each item is among k draws without replacement, each by the odds of those left."""
    found = [0.0] * len(odds)
    for order in permutations(range(len(odds)), k):
        chance, left = 1.0, sum(odds)
        for item in order:
            chance *= odds[item] / left
            left -= odds[item]
        for item in order:
            found[item] += chance
    return found


@pytest.mark.parametrize(("temperature", "k"), [(0.5, 1), (0.5, 3), (2.0, 3)])
def test_draws_follow_the_law_of_plackett_and_luce(temperature: float, k: int) -> None:
    deviation, seeds = pstdev(SCORES), 4000
    wanted = inclusion([math.exp(score / deviation / temperature) for score in SCORES], k)
    noise = [Noise(temperature, seed, [deviation]) for seed in range(seeds)]
    counts = np.zeros(len(SCORES))
    for each in noise:
        ranks = [each.rank(np.float32(row.scores[0]), row.text, 0) for row in POOL]
        counts[np.argsort(ranks)[-k:]] += 1
    spread = np.sqrt(np.array(wanted) * (1 - np.array(wanted)) / seeds)
    assert (np.abs(counts / seeds - wanted) < 4 * spread + 1e-9).all()


def test_a_choice_is_the_best_by_these_ranks_with_its_own_scores() -> None:
    noise = Noise(1.0, 5, [pstdev(SCORES)])
    ranks = [noise.rank(np.float32(row.scores[0]), row.text, 0) for row in POOL]
    choice = choose(MemoryPool(POOL), Rules(3, temperature=1.0, seed=5))
    assert [record.row for record in choice.records] == np.argsort(ranks)[::-1][:3].tolist()
    assert [record.score for record in choice.records] == [SCORES[record.row] for record in choice.records]


def test_order_and_scale_change_nothing_and_seeds_do() -> None:
    rows = [Row(f"text {number}", (random.Random(number).gauss(0.0, 1.0),)) for number in range(300)]
    def texts(rows: list[Row], **rules: float) -> list[str]:
        pool = MemoryPool(rows)
        return [pool.text(record.line) for record in choose(pool, Rules(40, **rules)).records]  # type: ignore[arg-type]

    shuffled = random.Random(1).sample(rows, len(rows))
    scaled = [row._replace(scores=(row.scores[0] * 1024.0,)) for row in rows]
    drawn = texts(rows, temperature=0.5, seed=1)
    assert drawn == texts(shuffled, temperature=0.5, seed=1) == texts(scaled, temperature=0.5, seed=1)
    assert drawn != texts(rows, temperature=0.5, seed=2)
    best = set(texts(rows))
    shared = [len(best & set(texts(rows, temperature=temperature))) for temperature in (1e-6, 0.1, 0.5, 50.0)]
    assert shared[0] == 40 > shared[1] > shared[2] > shared[3]
    assert shared[3] < 15  # 40 of 300 by chance alone: 5.3, and 2.0 of deviation


def test_a_copy_is_no_second_chance() -> None:
    noise = Noise(1.0, 0, [1.0])
    assert noise.rank(np.float32(1.0), "A  text", 0) == noise.rank(np.float32(1.0), "a text\n", 0)
    other = Noise(1.0, 0, [1.0, 1.0])
    assert other.rank(np.float32(1.0), "a text", 0) != other.rank(np.float32(1.0), "a text", 1)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**100), max_value=2.0**100),
                min_size=1, max_size=30), st.integers(1, 7))
def test_the_deviation_is_exact_in_any_order_and_blocks(numbers: list[float], block: int) -> None:
    found = set()
    for order in (numbers, numbers[::-1], sorted(numbers)):
        spread = Spread()
        for start in range(0, len(order), block):
            spread.add(np.array(order[start : start + block], dtype=np.float32))
        found.add(spread.deviation)
    assert len(found) == 1
    assert found.pop() == pytest.approx(pstdev(numbers) or 1.0, rel=1e-12)


def test_rows_without_content_do_not_count_for_the_deviation() -> None:
    spread = Spread()
    spread.add(np.array([1.0, LOWEST, 3.0], dtype=np.float32))
    assert spread.deviation == 1.0
    assert Spread().deviation == 1.0
