"""The choice against its definition: down the ranking, past what must not be chosen; however the pool is read."""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gotd.choice import ranking_window, score_files
from gotd.choice.budgets import CHARACTERS, RECORDS, words
from gotd.choice.candidates import Ranking, ScoredRecords
from gotd.choice.choose import Choice, choose, lines_of
from gotd.choice.quotas import Quotas
from gotd.choice.ranking_window import COPIES, EXCLUDED, NEAR_COPIES, WITHOUT_CONTENT, Rules
from gotd.choice.score_files import ScoreFiles
from gotd.errors import DataError
from gotd.streams import records
from gotd.streams.arrays import ArrayWriter
from gotd.streams.file_seal import end_seal
from gotd.streams.json_fields import parse_object
from gotd.streams.pairing import Pair
from gotd.streams.record_files import ReadOptions
from gotd.streams.record_text import RecordText
from gotd.streams.records import RecordWriter, Skipping
from gotd.streams.seal import MadeBy
from gotd.streams.sinks import open_output

LOWEST = -3.4028235e38


class Row(NamedTuple):
    text: str
    score: float
    kind: str = ""
    other: float = 0.0


#: Few texts, each in some shapes that are copies of each other; copies have one score or another.
SHAPES: tuple[Callable[[str], str], ...] = (str, str.upper, lambda text: f"  {text}\n",
                                            lambda text: text.replace(" ", "\t\t"))
ROWS = st.lists(st.one_of(
    st.builds(Row, st.builds(lambda shape, number: shape(f"text {number}"), st.sampled_from(SHAPES), st.integers(0, 8)),
              st.integers(-2, 2).map(float), st.just(""), st.just(0.0)),
    st.sampled_from([Row("", LOWEST), Row("* _ *", 2.0), Row("leaked text", 1.0), Row("leaked again", 2.0)]),
), max_size=40)


def excluded(texts: Sequence[str]) -> np.ndarray:
    return np.array(["leaked" in text for text in texts])


class FirstDigits:
    """Knows the digits of texts by threes: two of one three are near copies."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def add(self, text: str) -> bool:
        number = int(text.split()[-1]) // 3
        if number in self.seen:
            return False
        self.seen.add(number)
        return True

    def has(self, text: str) -> bool:
        return int(text.split()[-1]) // 3 in self.seen


def expected(rows: list[Row], limit: int, by_chars: bool, keep_copies: bool,
             near: FirstDigits | None = None) -> tuple[list[int], dict[str, int]]:
    """The choice by its definition, and what was left out above the last one."""
    chosen: list[int] = []
    out: list[tuple[str, tuple[float, int]]] = []
    seen: set[str] = set()
    spent, full = 0, False
    for row in sorted(range(len(rows)), key=lambda row: (-rows[row].score, row)):
        text, score, *_ = rows[row]
        place = (score, -row)
        key = " ".join(text.casefold().split())
        if not any(character.isalnum() for character in text):
            out.append((WITHOUT_CONTENT, place))
        elif "leaked" in text:
            out.append((EXCLUDED, place))
        elif key in seen and not keep_copies:
            out.append((COPIES, place))
        elif near and not full and not near.add(text):
            out.append((NEAR_COPIES, place))
            seen.add(key)
        elif not full:
            spent += len(text) if by_chars else 1
            if spent > limit:
                full = True
            else:
                chosen.append(row)
                seen.add(key)
    full = full or spent >= limit
    last = (-np.inf, 0) if not full else (rows[chosen[-1]].score, -chosen[-1]) if chosen else (np.inf, 0)
    reasons = [reason for reason, place in out if place > last]
    return chosen, {reason: reasons.count(reason) for reason in set(reasons)}


def write(folder: Path, rows: list[Row], shards: int) -> tuple[list[str], list[Pair]]:
    """The pool as records that carry scores, and as records with scores beside them."""
    carried, beside, _ = write_for_two(folder, rows, shards)
    return carried, beside


def write_for_two(folder: Path, rows: list[Row], shards: int) -> tuple[list[str], list[Pair], list[Pair]]:
    """The same, and with scores for another target beside them. Every other shard's scores know their records' seal."""
    carried, beside, others = [], [], []
    for number in range(shards):
        part = rows[len(rows) * number // shards : len(rows) * (number + 1) // shards]
        names = [str(folder / f"{number}{ending}") for ending in (".carried.zst", ".jsonl.zst", ".npy", ".other.npy")]
        lines = [json.dumps({"text": row.text} | ({"meta": {"kind": row.kind}} if row.kind else {})).encode()
                 for row in part]
        for name, tail in ((names[0], True), (names[1], False)):
            with open_output(name) as sink:
                writer = RecordWriter(sink, MadeBy("ds-score"), RecordText() if number % 2 else None)
                writer.write([line[:-1] + b',"gotd_score":%r}' % row.score if tail else line
                              for line, row in zip(lines, part, strict=True)])
                writer.finish()
        for name, values in ((names[2], [row.score for row in part]), (names[3], [row.other for row in part])):
            with open_output(name) as sink:
                array = ArrayWriter(sink, "scores", "<f4", None, MadeBy("ds-score"))
                array.write(np.array(values, dtype=np.float32))
                seal = end_seal(names[1])
                array.records += seal.seal.records if seal else ()
                array.finish()
        carried.append(names[0])
        beside.append(Pair(names[2], [names[1]]))
        others.append(Pair(names[3], [names[1]]))
    return carried, beside, others


def ranking(kind_key: str = "") -> Ranking:
    return Ranking(ReadOptions(RecordText(), Skipping()), (), lambda _: None, kind_key)


def numbers(choice: Choice) -> list[int]:
    return [record.row for record in choice.records]


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if k were large beside it: else all of a small pool are candidates at once."""
    monkeypatch.setattr(score_files, "_MORE_CANDIDATES", 0)
    monkeypatch.setattr(ranking_window, "_WINDOW", 1)


@pytest.mark.heavy
@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(1, 12), st.booleans(), st.booleans())
def test_the_choice_is_the_defined_one_from_any_shards_both_ways(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], limit: int, by_chars: bool, keep_copies: bool
) -> None:
    rules = Rules(limit * (8 if by_chars else 1), CHARACTERS if by_chars else RECORDS, keep_copies, excluded)
    chosen, left_out = expected(rows, rules.limit, by_chars, keep_copies)
    made = set()
    for shards in (1, 3, 7):
        carried, beside = write(tmp_path_factory.mktemp("pool"), rows, shards)
        for pool in (ScoredRecords(carried, ranking()), ScoreFiles([beside], ranking())):
            choice = choose(pool, rules)
            assert numbers(choice) == chosen
            assert choice.left_out == left_out
            assert pool.rows == len(rows)
            records = choice.records if isinstance(pool, ScoredRecords) else lines_of(choice.records, True)[0]
            made.add(tuple(json.dumps(json.loads(record.line)) for record in records))
    assert len(made) == 1


@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(1, 4), st.booleans())
def test_near_copies_are_left_out_best_first(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], limit: int, by_chars: bool
) -> None:
    rules = Rules(limit * (8 if by_chars else 1), CHARACTERS if by_chars else RECORDS, False, excluded)
    chosen, left_out = expected(rows, rules.limit, by_chars, False, FirstDigits())
    for shards in (1, 3):
        carried, beside = write(tmp_path_factory.mktemp("pool"), rows, shards)
        for pool in (ScoredRecords(carried, ranking()), ScoreFiles([beside], ranking())):
            choice = choose(pool, rules._replace(near=FirstDigits()))
            assert numbers(choice) == chosen
            assert choice.left_out == left_out


def test_a_copy_of_a_near_copy_is_a_copy_whichever_window_it_is_in(tmp_path: Path) -> None:
    carried, beside = write(tmp_path, [Row("text 0", 0.0)] * 3 + [Row("text 1", 0.0), Row("text 1", -1.0)], 1)
    for pool in (ScoredRecords(carried, ranking()), ScoreFiles([beside], ranking())):
        choice = choose(pool, Rules(2, near=FirstDigits()))
        assert numbers(choice) == [0]
        assert choice.left_out == {COPIES: 3, NEAR_COPIES: 1}


def test_beside_a_near_copy_other_records_stay_where_copies_are_kept(tmp_path: Path) -> None:
    """The first rows are -1 and -2 as keys, whose hashes Python has equal."""
    rows = [Row(f"text {number}", -float(place)) for place, number in enumerate((0, 1, 4, 7))]
    carried, beside = write(tmp_path, rows, 1)
    for pool in (ScoredRecords(carried, ranking()), ScoreFiles([beside], ranking())):
        choice = choose(pool, Rules(3, keep_copies=True, near=FirstDigits()))
        assert numbers(choice) == [0, 2, 3]
        assert choice.left_out == {NEAR_COPIES: 1}


def test_copies_of_what_the_limit_does_not_reach_are_not_counted(tmp_path: Path) -> None:
    rows = [Row("last", 0.0), Row("too low", 0.0), Row("too low", 0.0), Row("first", 1.0), Row("first", 1.0)]
    carried, beside = write(tmp_path, rows, 1)
    for pool in (ScoredRecords(carried, ranking()), ScoreFiles([beside], ranking())):
        choice = choose(pool, Rules(2))
        assert numbers(choice) == [3, 0]
        assert choice.left_out == {COPIES: 1}


def test_ten_thousand_copies_of_the_best_text(tmp_path: Path) -> None:
    rows = [Row("the same", 9.0)] * 10_000 + [Row(f"text {number}", 1.0) for number in range(300)]
    carried, beside = write(tmp_path, rows, 3)
    for pool in (ScoredRecords(carried, ranking()), ScoreFiles([beside], ranking())):
        choice = choose(pool, Rules(200))
        assert numbers(choice) == [0, *range(10_000, 10_199)]
        assert choice.left_out == {COPIES: 9_999}


def test_of_sealed_records_only_those_that_may_be_chosen_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                                                    ) -> None:
    _, beside = write(tmp_path, [Row(f"text {number}", float(number)) for number in range(900)], 3)
    parsed = Counter[str]()
    for module in (records, score_files):
        monkeypatch.setattr(module, "parse_object", lambda line: parsed.update(["line"]) or parse_object(line))
    assert numbers(choose(ScoreFiles([beside[1:2]], ranking()), Rules(10))) == [*range(299, 289, -1)]
    assert parsed["line"] == 20  # twice as many as wanted
    parsed.clear()
    choose(ScoreFiles([beside[2:]], ranking()), Rules(10))
    assert parsed["line"] == 300


def test_records_replaced_after_their_seal_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, beside = write(tmp_path, [Row(f"text {number}", float(number)) for number in range(100)], 2)
    seal = end_seal(beside[1].records[0])
    write(tmp_path, [Row(f"other text {number}", float(number)) for number in range(100)], 2)
    monkeypatch.setattr(score_files, "end_seal", lambda _: seal)
    scores = tmp_path / "1.npy"
    assert seal
    with open_output(str(scores)) as sink:
        array = ArrayWriter(sink, "scores", "<f4", None, MadeBy("ds-score"))
        array.write(np.arange(50, dtype=np.float32))
        array.records += seal.seal.records
        array.finish()
    with pytest.raises(DataError, match=r"1\.jsonl\.zst: another file since its seal was read"):
        choose(ScoreFiles([beside[1:]], ranking()), Rules(10))


def by_chance(seed: int, count: int = 300) -> list[Row]:
    """Texts of some words, copies among them, in four kinds of unlike sizes, with scores for two targets."""
    draw = random.Random(seed)
    return [Row(" ".join(draw.choices("one two three four five six seven".split(), k=draw.randint(1, 6))).title(),
                draw.randint(-99, 99) / 32, draw.choices("abcd", [8, 4, 2, 1])[0], draw.randint(-99, 99) / 32)
            for _ in range(count)]


SHARES = {kind: Fraction(1, 4) for kind in "abcd"}
EVERY_RULE = {
    "at most": Rules(40, quotas=Quotas("meta.kind", Fraction(3, 10))),
    "shares": Rules(400, CHARACTERS, quotas=Quotas("meta.kind", None, SHARES, True)),
    "words": Rules(90, words()),
    "temperature": Rules(40, temperature=0.7, seed=3),
    "several": Rules(120, words(), quotas=Quotas("meta.kind", None, SHARES, True), temperature=0.7,
                     split=(Fraction(7, 10), Fraction(3, 10))),
}


@pytest.mark.parametrize("name", EVERY_RULE)
def test_one_three_and_seven_shards_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    rules, made = EVERY_RULE[name], set()
    for shards in (1, 3, 7):
        (tmp_path / str(shards)).mkdir()
        carried, beside, others = write_for_two(tmp_path / str(shards), by_chance(1), shards)
        several = len(rules.split) > 1
        pools = [ScoreFiles([beside, others], ranking("meta.kind"))] if several else [
            ScoreFiles([beside], ranking("meta.kind")), ScoredRecords(carried, ranking("meta.kind"))]
        for pool in pools:
            choice = choose(pool, rules)
            records = lines_of(choice.records, isinstance(pool, ScoreFiles), ["x", "y"] if several else [])[0]
            made.add((tuple(json.dumps(json.loads(record.line)) for record in records), str(choice[1:])))
    assert len(made) == 1
    assert len(made.pop()[0]) > 10
