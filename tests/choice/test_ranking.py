"""The best of a stream, against sorting all of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotd.choice.ranking import LeftOut, Ranked, TopK, WithinLimit

SCORES = st.lists(st.integers(-3, 3), max_size=60)  # few values: many ties


def in_order(scores: list[int]) -> list[int]:
    """Rows by score, then by input order."""
    return sorted(range(len(scores)), key=lambda row: (-scores[row], row))


def rows_within(chosen: WithinLimit, limit: int) -> list[int]:
    """The longest head of what is kept whose costs, added up, stay within the limit."""
    rows, spent = [], 0
    for kept in chosen.ranking():
        spent += kept.cost
        if spent > limit:
            break
        rows.append(kept.record.row)
    return rows


@given(SCORES, st.integers(1, 20), st.integers(1, 9))
def test_top_k_is_the_head_of_the_sorted_rows(scores: list[int], k: int, cut: int) -> None:
    top = TopK(k)
    for start in range(0, len(scores), cut):
        top.add(np.array(scores[start : start + cut], dtype=np.float32))
        top._settle()
    assert top.best().tolist() == sorted(scores, reverse=True)[:k]


def test_top_k_of_many_rows() -> None:
    scores = np.random.default_rng(0).normal(size=300_000).astype(np.float32)
    top = TopK(1000)
    for block in np.array_split(scores, 37):
        top.add(block)
    assert np.array_equal(top.best(), np.sort(scores)[::-1][:1000])


@pytest.mark.long
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
    assert rows_within(chosen, limit) == expected


COPIES = st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 9), st.integers(0, 6)), max_size=60)


@given(COPIES, st.integers(1, 30))
def test_of_one_key_only_the_best_counts(items: list[tuple[int, int, int]], limit: int) -> None:
    # A key costs between 3 and 12, its best record decides how much.
    chosen = WithinLimit(limit)
    for row, (score, more, key) in enumerate(items):
        chosen.add(Ranked(np.float32(score), -row, b""), 3 + more, key, 3)
    expected, spent, seen = [], 0, set()
    for row in in_order([score for score, _, _ in items]):
        if items[row][2] in seen:
            continue
        seen.add(items[row][2])
        spent += 3 + items[row][1]
        if spent > limit:
            break
        expected.append(row)
    assert rows_within(chosen, limit) == expected


@pytest.mark.long
def test_what_is_replaced_is_let_go() -> None:
    chosen = WithinLimit(10)
    for row in range(150_000):  # ever better copies of three texts
        chosen.add(Ranked(np.float32(row), -row, b""), 1, row % 3)
    assert len(chosen._whole.heap) < 100_000
    assert rows_within(chosen, 10) == [149_999, 149_998, 149_997]


@pytest.mark.long
def test_counts_of_scores_that_do_not_matter_any_more_are_let_go() -> None:
    left_out = LeftOut()
    for score in range(300_000):
        left_out.add("copies", Ranked(np.float32(score), 0, b""), np.float32(score - 10))
    last = Ranked(np.float32(299_990), 1, b"")
    assert left_out.counts(lambda _: last) == {"copies": 9}
    assert len(left_out._later["copies", ""]) < 200_000


def test_of_any_number_of_kinds_no_more_is_kept_than_of_all() -> None:
    chosen = WithinLimit(50, lambda _: 5)
    for row in range(20_000):
        chosen.add(Ranked(np.float32(row % 997), -row, b"", kind=str(row % 5000)), 1)
        assert len(chosen._kept) <= 50
        assert len(chosen._kinds) <= 50
    assert [kept.record.rank for kept in chosen.ranking()] == [996.0] * 20 + [995.0] * 20 + [994.0] * 10


KINDS = st.lists(st.tuples(st.integers(-3, 3), st.sampled_from("abc")), max_size=60)


@given(KINDS, st.integers(1, 12), st.integers(1, 5))
def test_of_each_kind_the_best_are_kept(items: list[tuple[int, str]], limit: int, most: int) -> None:
    chosen = WithinLimit(limit, lambda _: most)
    for row, (score, kind) in enumerate(items):
        chosen.add(Ranked(np.float32(score), -row, b"", kind=kind), 1)
    expected: list[int] = []
    for row in in_order([score for score, _ in items]):
        if [items[each][1] for each in expected].count(items[row][1]) < most and len(expected) < limit:
            expected.append(row)
    assert [kept.record.row for kept in chosen.ranking()] == expected
