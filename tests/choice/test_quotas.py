"""Quotas against their definition: down the ranking, past kinds that have their share."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gotd.choice.budgets import CHARACTERS, RECORDS
from gotd.choice.choose import choose
from gotd.choice.quotas import Quotas, apportioned, checked_shares, kind_of, read_shares, share_of
from gotd.choice.ranking_window import COPIES, WITHOUT_CONTENT, Rules
from gotd.errors import DataError, GotdError, UsageError
from memory_pool import MemoryPool, Row

#: Few texts, so that copies of one stand in several kinds, with one score or another.
ROWS = st.lists(st.builds(lambda number, score, kind, shout: Row(
    f"text {number}".upper() if shout else f"text {number}", (float(score),), kind),
    st.integers(0, 9), st.integers(-2, 2), st.sampled_from("abcd"), st.booleans()), min_size=1, max_size=40)
QUOTAS = st.one_of(
    st.sampled_from([1, 2, 3]).map(lambda tenths: Quotas("kind", Fraction(tenths * 3, 10), None, True)),
    st.permutations([1, 2, 5]).map(lambda eighths: Quotas(
        "kind", None, {kind: Fraction(part, 8) for kind, part in zip("abc", eighths, strict=True)}, True)))


def expected(rows: list[Row], limit: int, quotas: Quotas, by_chars: bool) -> list[int]:
    """The choice by its definition."""
    shares = quotas.shares or {}
    whole = dict(zip(shares, apportioned(limit, list(shares.values())), strict=True))
    chosen: list[int] = []
    spent: Counter[str] = Counter()
    closed, seen = set[str](), set[str]()
    for number in sorted(range(len(rows)), key=lambda number: (-rows[number].scores[0], number)):
        text, _, kind = rows[number]
        most = whole.get(kind, 0) if quotas.shares else int((quotas.at_most or 0) * limit)
        if not most or kind in closed or text.lower() in seen:
            continue
        cost = len(text) if by_chars else 1
        if spent.total() + cost > limit:
            break
        if spent[kind] + cost > most:
            closed.add(kind)
            continue
        spent[kind] += cost
        seen.add(text.lower())
        chosen.append(number)
    return chosen


@settings(deadline=None, max_examples=120)
@given(ROWS, st.integers(4, 12), QUOTAS, st.booleans())
def test_the_choice_is_the_defined_one(rows: list[Row], limit: int, quotas: Quotas, by_chars: bool) -> None:
    limit *= 6 if by_chars else 1
    rules = Rules(limit, CHARACTERS if by_chars else RECORDS, quotas=quotas)
    if quotas.shares and not any(row.kind in quotas.shares for row in rows):
        return
    choice = choose(MemoryPool(rows), rules)
    assert [record.row for record in choice.records] == expected(rows, limit, quotas, by_chars)
    assert choice.kinds == Counter(rows[record.row].kind for record in choice.records)


def test_a_copy_in_another_kind_makes_room_there() -> None:
    """The copy of b comes last and is the best: a has lost its first record when that turns out to be a copy."""
    rows = [Row("same", (5.0,), "a"), Row("other", (4.0,), "a"), Row("SAME", (9.0,), "b")]
    pool = MemoryPool(rows)
    choice = choose(pool, Rules(2, quotas=Quotas("kind", Fraction(1, 2))))
    assert [record.row for record in choice.records] == [2, 1]
    assert choice.left_out == {COPIES: 1}
    assert pool.readings == 2


def test_what_is_left_out_is_counted_down_to_the_last_of_each_kind() -> None:
    rows = [Row("one", (9.0,), "a"), Row("One", (8.0,), "a"), Row("two", (7.0,), "a"), Row("...", (6.0,), "a"),
            Row("...", (5.0,), "b"), Row("three", (4.0,), "b"), Row("four", (3.0,), "b"), Row("...", (2.0,), "b"),
            Row("five", (9.0,), "c"), Row("six", (8.0,), "c")]
    quotas = Quotas("kind", None, {"a": Fraction(1, 2), "b": Fraction(1, 2)})
    choice = choose(MemoryPool(rows), Rules(4, quotas=quotas))
    assert [record.row for record in choice.records] == [0, 2, 5, 6]
    assert choice.left_out == {COPIES: 1, WITHOUT_CONTENT: 1}
    assert choice.other_kinds == 2
    assert choice.kinds == {"a": 2, "b": 2}


def test_quotas_that_cannot_be_filled_say_which_and_by_how_many() -> None:
    rows = [Row(f"text {number}", (1.0,), "a" if number else "b") for number in range(10)]
    shares = {"a": Fraction(1, 2), "b": Fraction(1, 4), "c": Fraction(1, 4)}
    with pytest.raises(GotdError, match=r"b has 1 of 2, c has 0 of 2: 3 records too few.*--allow-fewer"):
        choose(MemoryPool(rows), Rules(8, quotas=Quotas("kind", None, shares)))
    with pytest.raises(GotdError, match=r"5 of 8 records can be chosen, 3 too few; no kind may have more than 0\.5"):
        choose(MemoryPool(rows), Rules(8, quotas=Quotas("kind", Fraction(1, 2))))
    assert choose(MemoryPool(rows), Rules(8, quotas=Quotas("kind", None, shares, True))).kinds == {"a": 4, "b": 1}
    with pytest.raises(GotdError, match='no record has a "kind" field'):
        choose(MemoryPool([row._replace(kind="null") for row in rows]), Rules(8, quotas=Quotas("kind", Fraction(1, 2))))
    with pytest.raises(UsageError, match=r"at most 0\.1 of 8 is nothing"):
        choose(MemoryPool(rows), Rules(8, quotas=Quotas("kind", Fraction(1, 10))))


def test_shares_of_a_file() -> None:
    wanted = {"web": Fraction(1, 2), "1": Fraction(3, 10), "a b": Fraction(1, 5)}
    assert read_shares(b'{"web": 0.5, "1": 0.3, "a b": "0.2"}', "f") == wanted
    assert read_shares(b"\xef\xbb\xbfweb\t0.5\n1\t.3\n\na b\t1/5\n", "f") == wanted
    thirds = read_shares(b"a\t0.333\nb\t0.333\nc\t0.333", "f")
    assert list(thirds.values()) == [Fraction(1, 3)] * 3


@pytest.mark.parametrize(("data", "words"), [
    (b'{"a": 0.5, "b": 0.4}', "f: shares that sum to 0.9"), (b"a 0.5", "f:1: no tab"), (b"{", "f: not JSON"),
    (b"a\tmuch", "f: a: 'much' is no share"), (b'{"a": 1, "a": 1}', "f: a stands there twice"),
    (b"\xff", "f: not UTF-8"), (b'{"a": -1, "b": 2}', "f: a: -1 is no share"), (b"", "f: shares that sum to 0"),
    (b'{"a": null}', "None is no share"),
])  # fmt: skip
def test_shares_that_are_none(data: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_shares(data, "f")


def test_kinds_are_text() -> None:
    assert kind_of({"meta": {"source": "web"}}, "meta.source") == "web"
    kinds = {"3": 3, "true": True, "null": None, "0.5": 0.5, "3.0": "3.0"}
    assert {kind_of({"k": value}, "k"): value for value in kinds.values()} == kinds
    assert kind_of({}, "k") == "null"
    with pytest.raises(ValueError, match='"k" is a JSON array'):
        kind_of({"k": ["a"]}, "k")


@given(st.integers(0, 1000), st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_parts_are_whole_and_next_to_the_exact_ones(limit: int, weights: list[int]) -> None:
    shares = [Fraction(weight, sum(weights)) for weight in weights]
    parts = apportioned(limit, shares)
    assert sum(parts) == limit
    assert all(abs(part - limit * share) < 1 for part, share in zip(parts, shares, strict=True))


def test_a_share_is_the_decimal_number_that_was_given() -> None:
    assert share_of(0.07) * 100 == 7
    assert checked_shares({"a": 0.1, "b": 0.9}, "f") == {"a": Fraction(1, 10), "b": Fraction(9, 10)}
