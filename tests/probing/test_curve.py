"""Prefixes of one ranking: they are what comparing them one by one says, and the curve flattens where the good ends."""

import random

import pytest

import gotd
from gotd.errors import GotdError
from gotd.probing.curve import sizes_of
from gotd.probing.report import curve_as_json, curve_as_table


def words(kind: str, number: int, count: int, seed: int) -> list[str]:
    source = random.Random(seed)
    return [" ".join(f"{kind}{source.randrange(number)}" for _ in range(source.randrange(10, 40)))
            for _ in range(count)]


SOURCE = words("far", 300, 1200, 0) + words("near", 10, 60, 1)
HELD_OUT = words("near", 60, 80, 2)
#: A hundred good documents, then others.
RANKING = words("near", 60, 100, 3) + words("far", 300, 700, 4)


@pytest.fixture(scope="module")
def curve() -> gotd.Curve:
    return gotd.probe_curve(RANKING, HELD_OUT, SOURCE, first=25, resamples=200)


def test_sizes_are_doubled_up_to_all() -> None:
    assert sizes_of(1000, 100) == [100, 200, 400, 800, 1000]
    assert sizes_of(64000, None) == [1000, 2000, 4000, 8000, 16000, 32000, 64000]
    assert sizes_of(5, None) == [1, 2, 4, 5]
    assert sizes_of(7, 7) == [7]


def test_whole_prefixes_are_the_choices_compared_one_by_one(curve: gotd.Curve) -> None:
    assert curve.sizes == [25, 50, 100, 200, 400, 800]
    choices = {str(size): RANKING[:size] for size in curve.sizes}
    wanted = gotd.probe(choices, HELD_OUT, SOURCE, resamples=200)
    assert [row[1:] for row in curve.whole.rows] == [row[1:] for row in wanted.rows]  # all but their names


def test_as_many_words_of_each_are_of_all_of_it(curve: gotd.Curve) -> None:
    rows = curve.rows(curve.equal)
    first = curve.rows(curve.whole)[0]
    assert {row.tokens for row in rows} == {first.tokens}
    assert rows[0].by_word.nats.value == pytest.approx(first.by_word.nats.value)  # all of the shortest is drawn
    assert all(len(row.by_word.draws) == 5 for row in rows)
    assert len(set(rows[-1].by_word.draws)) == 5
    values = [row.by_text.nats.value for row in rows]
    assert values[2] < values[3] < values[4] < values[5]  # the good ends at 100
    assert rows[5].by_text.nats.high - rows[5].by_text.nats.low > 0.0


def test_it_flattens_where_the_good_ends(curve: gotd.Curve) -> None:
    for measure in ("by_word", "by_text"):
        assert curve.flat(measure).lowest == 100
        assert curve.flat(measure).flat in (50, 100)
        assert curve.as_good(measure) == 100
    table = curve_as_table(curve)
    assert "by the word: lowest at 100 documents" in table
    assert max(map(len, table.splitlines())) <= 100
    record = curve_as_json(curve)["curve"]
    assert isinstance(record, dict)
    assert record["documents"] == curve.sizes
    assert record["flat"]["by_text"]["lowest"] == 100


def test_a_ranking_that_is_good_to_its_end_is_not_flat_yet() -> None:
    curve = gotd.probe_curve(words("near", 400, 120, 3), words("near", 400, 80, 2), SOURCE, first=15, resamples=200)
    assert curve.flat("by_word").lowest == 120
    assert "not flat yet" in curve_as_table(curve)


def test_a_ranking_shorter_than_the_first() -> None:
    with pytest.raises(GotdError, match="ranking: 5 documents, fewer than --first 6"):
        gotd.probe_curve(RANKING[:5], HELD_OUT, SOURCE, first=6)
