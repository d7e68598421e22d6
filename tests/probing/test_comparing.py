"""The whole comparison in memory: laws that hold whatever the text."""

import random
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from gotd.errors import GotdError
from gotd.probing import counting
from gotd.probing.comparing import Comparison, Input, Settings, compare
from gotd.probing.counting import Histogram, Reader, count, draw
from gotd.probing.overlap import Overlap
from gotd.probing.target import Target

NEAR, FAR = [f"near{n}" for n in range(60)], [f"far{n}" for n in range(300)]


def texts(words: list[str], seed: int, count: int) -> list[str]:
    source = random.Random(seed)
    return [" ".join(source.choices(words, k=source.randrange(5, 40))) for _ in range(count)]


SOURCE = texts(FAR + NEAR[:10], 0, 800)
HELD_OUT = texts(NEAR, 1, 120)
GOOD, POOR = texts(NEAR, 2, 60), texts(FAR, 3, 90)


@pytest.fixture(scope="module")
def run(given: Callable[..., Input]) -> Callable[..., Comparison]:
    def of(choices: dict[str, list[str]], source: list[str] = SOURCE, pool: list[str] | None = None,
           held_out: list[str] = HELD_OUT, batch: int = 100, threads: int = 2, **settings: float) -> Comparison:
        named = [given(name, each, batch) for name, each in choices.items()]
        return compare("held-out", held_out, named, given("source", source, batch),
                       None if pool is None else given("pool", pool, batch),
                       Settings(**{"resamples": 200, **settings}), threads)  # type: ignore[arg-type]

    return of


def values(found: Comparison) -> dict[tuple[str, int], tuple[object, ...]]:
    return {(row.name, row.tokens): (row.nats_per_token, row.bits_per_byte, row.to_random) for row in found.rows}


def test_the_right_choice_wins(run: Callable[..., Comparison]) -> None:
    found = run({"good": GOOD, "poor": POOR}, budget=900)
    none, random_, good, poor = found.rows
    assert (none.name, random_.kind) == ("no choice", "random")
    assert good.nats_per_token.value < random_.nats_per_token.value
    assert {row.tokens for row in found.rows[1:]} == {900}
    assert good.to_random is not None and good.to_random.high < 0.0
    assert poor.to_random is not None and poor.to_random.low > 0.0
    assert good.to_best is None
    assert poor.to_best is not None and poor.to_best.low > 0.0


def test_order_batches_and_threads_change_nothing(run: Callable[..., Comparison]) -> None:
    one = run({"good": GOOD, "poor": POOR})
    two = run({"poor": POOR, "good": GOOD}, batch=7, threads=1)
    assert values(one) == values(two)
    assert len(one.rows) == 5  # two sizes, so two random choices
    random = {row.tokens: row.nats_per_token.value for row in one.rows if row.kind == "random"}
    for row in one.rows[3:]:
        assert row.to_random is not None
        assert row.to_random.value == pytest.approx(row.nats_per_token.value - random[row.tokens])


def test_lambda_0_is_the_base(run: Callable[..., Comparison]) -> None:
    found = run({"good": GOOD}, share=0.0)
    assert {row.nats_per_token.value for row in found.rows} == {found.rows[0].nats_per_token.value}


def test_all_of_the_source_at_random_is_the_base(run: Callable[..., Comparison]) -> None:
    words = sum(len(text.split()) for text in SOURCE)
    found = run({"all": SOURCE}, budget=words)
    assert len({round(row.nats_per_token.value, 12) for row in found.rows}) == 1


def test_a_random_choice_of_the_pool(given: Callable[..., Input]) -> None:
    held_out = FAR[:100]
    target = Target([" ".join(held_out)])
    reader = Reader(target, Overlap(["x"]), 2)
    pool = given("pool", SOURCE, 37)
    histogram = Histogram(5)
    count(reader, pool.batches(), histogram=histogram)
    drawn = draw(reader, pool.batches(), histogram, [50, 3000])
    for budget, found in drawn.items():
        assert found.counts.total == budget
        chosen = [SOURCE[row].split() for row in found.rows]
        assert budget <= sum(map(len, chosen)) < budget + 40  # the last text is cut
        assert len(found.rows) == len(set(found.rows.tolist()))
    assert set(drawn[50].rows) <= set(drawn[3000].rows)
    # Uniform: as many from either half, to four standard deviations.
    rows = drawn[3000].rows
    assert abs((rows < len(SOURCE) / 2).mean() - 0.5) < 2 / np.sqrt(len(rows))
    # The counts are those of its words, but for the text that is cut.
    there = Counter(word for row in rows for word in SOURCE[row].split())
    expected = np.array([there[word] for word in held_out])
    counts = drawn[3000].counts.words[target.numbered.words]
    assert (expected >= counts).all()
    assert (expected - counts).sum() < 40
    other = Histogram(6)
    count(reader, pool.batches(), histogram=other)
    assert set(draw(reader, pool.batches(), other, [3000])[3000].rows) != set(rows)


def test_documents_of_one_bin_come_in_the_order_of_the_pool(given: Callable[..., Input],
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "bins", lambda _seed, _start, documents: np.zeros(documents, np.int64))
    reader, histogram = Reader(Target(["a b"]), Overlap(["x"]), 2), Histogram(0)
    pool = given("pool", ["a b"] * 9, 2)
    count(reader, pool.batches(), histogram=histogram)
    found = draw(reader, pool.batches(), histogram, [7])[7]
    assert (found.counts.total, found.rows.tolist()) == (7, [0, 1, 2, 3])


def test_target_text_in_a_choice_is_left_out(run: Callable[..., Comparison]) -> None:
    found = run({"good": [*GOOD, *HELD_OUT[:40]], "poor": POOR})
    assert found.facts["target_left_out"] == 40
    assert found.facts["target_documents"] == 80
    alone = run({"good": [*GOOD, *HELD_OUT[:40]], "poor": POOR}, held_out=HELD_OUT[40:])
    assert values(found) == values(alone)
    with pytest.raises(GotdError, match=r"every text stands in a choice \(all\)"):
        run({"poor": POOR, "all": HELD_OUT})


def test_target_text_in_the_random_choice_is_left_out(run: Callable[..., Comparison]) -> None:
    pool = [*SOURCE, *HELD_OUT[:40]]
    found = run({"good": GOOD}, pool=pool)
    drawn = {pool[row] for rows in found.random_rows.values() for row in rows}
    inside = [text in drawn for text in HELD_OUT]
    assert 0 < sum(inside) < 40
    assert found.judged.tolist() == [not each for each in inside]
    assert found.facts["target_left_out"] == sum(inside)
    with pytest.raises(GotdError, match=r"every text stands in a choice \(random\)"):
        run({"good": GOOD}, pool=pool, held_out=[text for text in HELD_OUT if text in drawn])


def test_target_text_that_is_half_in_one_choice_and_half_in_another_judges(run: Callable[..., Comparison]) -> None:
    long = " ".join(texts(NEAR, 7, 3))
    words = long.split()
    halves = [" ".join(half) for half in (words[: len(words) // 2], words[len(words) // 2 :])]
    found = run({"good": [*GOOD, halves[0]], "poor": [*POOR, halves[1]]}, held_out=[*HELD_OUT, long])
    assert found.facts["target_left_out"] == 0


def test_what_is_past_the_budget_leaves_nothing_out(run: Callable[..., Comparison]) -> None:
    found = run({"good": [*GOOD, *HELD_OUT[:40]]}, budget=900)
    assert found.facts["target_left_out"] == 0
    assert values(found) == values(run({"good": GOOD}, budget=900))


def test_target_text_in_the_source_is_said(run: Callable[..., Comparison]) -> None:
    found = run({"good": GOOD}, source=[*SOURCE, *HELD_OUT[:3]])
    assert found.facts["source_standing"] == 3
    assert "3 of the texts" in found.warnings[0]
    assert not run({"good": GOOD}).warnings


def test_a_source_smaller_than_the_choice(run: Callable[..., Comparison]) -> None:
    with pytest.raises(GotdError, match=r"source: .* fewer than the .* of good, .*--pool"):
        run({"small": GOOD[:30], "good": GOOD}, source=SOURCE[:10])
    found = run({"good": GOOD}, source=SOURCE[:10], pool=SOURCE)
    assert "fewer than a choice" in found.warnings[0]
    with pytest.raises(GotdError, match=r"pool: .* larger --pool"):
        run({"good": GOOD}, pool=SOURCE[:10])


@pytest.mark.parametrize("choices, said", [({"empty": [""]}, "empty: no words"), ({"short": ["a b"]}, "--budget 900")])
def test_too_little_of_a_choice(run: Callable[..., Comparison], choices: dict[str, list[str]], said: str) -> None:
    with pytest.raises(GotdError, match=said):
        run(choices, budget=900)


@pytest.mark.parametrize("held_out", [[], ["", " "]])
def test_an_empty_target(run: Callable[..., Comparison], held_out: list[str]) -> None:
    with pytest.raises(GotdError, match="held-out: no words"):
        run({"good": GOOD}, held_out=held_out)


def test_few_texts_are_said(run: Callable[..., Comparison]) -> None:
    assert "only 5 texts" in run({"good": GOOD}, held_out=HELD_OUT[:5]).warnings[0]
