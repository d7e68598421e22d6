"""The best of a stream, against sorting all of it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gotd.ranking import Ranked, TopK, WithinLimit

SCORES = st.lists(st.integers(-3, 3), max_size=60)  # few values: many ties


def in_order(scores: list[int]) -> list[int]:
    """Rows by score, then by input order."""
    return sorted(range(len(scores)), key=lambda row: (-scores[row], row))


@given(SCORES, st.integers(1, 20), st.integers(1, 9))
def test_top_k_is_the_head_of_the_sorted_rows(scores: list[int], k: int, cut: int) -> None:
    top = TopK(k)
    for start in range(0, len(scores), cut):
        top.add(np.array(scores[start : start + cut], dtype=np.float32))
        top._settle()
    assert top.best()[1].tolist() == in_order(scores)[:k]


def test_top_k_of_many_rows() -> None:
    scores = np.random.default_rng(0).normal(size=300_000).astype(np.float32)
    top = TopK(1000)
    for block in np.array_split(scores, 37):
        top.add(block)
    values, rows = top.best()
    assert np.array_equal(rows, np.argsort(-scores, kind="stable")[:1000])
    assert np.array_equal(values, scores[rows])


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 9)), max_size=60), st.integers(1, 60))
def test_within_a_limit_is_the_longest_head_that_fits(items: list[tuple[int, int]], limit: int) -> None:
    chosen = WithinLimit(limit)
    for row, (score, cost) in enumerate(items):
        chosen.add(Ranked(np.float32(score), -row, b""), cost)
    expected, spent = [], 0
    for row in in_order([score for score, _ in items]):
        spent += items[row][1]
        if spent > limit:
            break
        expected.append(row)
    assert [record.row for record in chosen.best()] == expected
