"""The whole comparison in memory: laws that hold whatever the text."""

import random
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from gotd.errors import GotdError
from gotd.overlap import Overlap
from gotd.probing import counting
from gotd.probing.comparing import HeldOut, Input, compare
from gotd.probing.comparison import Comparison, Settings
from gotd.probing.counting import Histogram, Reader, count, draw
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
        return compare(HeldOut("held-out", held_out), named, given("source", source, batch),
                       None if pool is None else given("pool", pool, batch),
                       Settings(**{"resamples": 200, **settings}), threads)  # type: ignore[arg-type]

    return of


def values(found: Comparison) -> dict[tuple[str, int], tuple[object, ...]]:
    """All but the differences to the best, of which there are none with one choice."""
    return {(row.name, row.tokens): (row.by_word.nats, row.by_text.nats, row.bits_per_byte, row.by_word.to_random)
            for row in found.rows}


def test_the_right_choice_wins(run: Callable[..., Comparison]) -> None:
    found = run({"good": GOOD, "poor": POOR}, budget=900)
    none, random_, *_ = found.rows
    assert (none.name, random_.kind) == ("no choice", "random")
    assert {row.tokens for row in found.rows[1:]} == {900}
    for measure in ("by_word", "by_text"):
        of_none, of_random, of_good, of_poor = (getattr(row, measure) for row in found.rows)
        assert of_good.nats.value < of_random.nats.value
        assert of_good.to_random.high < 0.0 < of_poor.to_random.low
        assert of_good.to_best == (0.0, 0.0, 0.0)
        assert 0.0 < of_poor.to_best.low < of_poor.to_best.value
        assert of_none.to_best.value == pytest.approx(of_none.nats.value - of_good.nats.value)
        assert len(of_random.draws) == 5
        assert of_random.nats.value == pytest.approx(np.mean(of_random.draws))
        assert len(set(of_random.draws)) == 5
        assert not of_good.draws


def test_order_batches_and_threads_change_nothing(run: Callable[..., Comparison]) -> None:
    one = run({"good": GOOD, "poor": POOR})
    two = run({"poor": POOR, "good": GOOD}, batch=7, threads=1)
    assert values(one) == values(two)
    assert len(one.rows) == 5  # two sizes, so two random choices
    random = {row.tokens: row.by_word.nats.value for row in one.rows if row.kind == "random"}
    for row in one.rows[3:]:
        assert row.by_word.to_random is not None
        assert row.by_word.to_random.value == pytest.approx(row.by_word.nats.value - random[row.tokens])


def test_lambda_0_is_the_base(run: Callable[..., Comparison]) -> None:
    found = run({"good": GOOD}, share=0.0)
    expected = found.rows[0].by_word.nats
    assert all(row.by_word.nats == pytest.approx(expected) for row in found.rows)
    assert found.rows[-1].by_word.to_random == pytest.approx((0.0, 0.0, 0.0))


def test_all_of_the_source_at_random_is_the_base(run: Callable[..., Comparison]) -> None:
    words = sum(len(text.split()) for text in SOURCE)
    found = run({"all": SOURCE}, budget=words)
    assert len({round(row.by_word.nats.value, 12) for row in found.rows}) == 1


def test_a_random_choice_of_the_pool(given: Callable[..., Input]) -> None:
    held_out = FAR[:100]
    target = Target([" ".join(held_out)])
    reader = Reader(target, Overlap(["x"]), 2)
    pool = given("pool", SOURCE, 37)
    histograms = [Histogram(5), Histogram(7)]
    count(reader, pool.batches(), histograms=histograms)
    both = draw(reader, pool.batches(), histograms, [50, 3000])
    drawn = {budget: draws[0] for budget, draws in both.items()}
    assert len({tuple(found.rows) for found in both[3000]}) == 2
    for budget, found in ((budget, found) for budget, draws in both.items() for found in draws):
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
    count(reader, pool.batches(), histograms=[other])
    assert set(draw(reader, pool.batches(), [other], [3000])[3000][0].rows) != set(rows)
    assert len({each.seed for seed in (0, 1) for each in Histogram.several(5, seed)}) == 10


def test_documents_of_one_bin_come_in_the_order_of_the_pool(given: Callable[..., Input],
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "bins", lambda _seed, _start, documents: np.zeros(documents, np.int64))
    reader, histogram = Reader(Target(["a b"]), Overlap(["x"]), 2), Histogram(0)
    pool = given("pool", ["a b"] * 9, 2)
    count(reader, pool.batches(), histograms=[histogram])
    found = draw(reader, pool.batches(), [histogram], [7])[7][0]
    assert (found.counts.total, found.rows.tolist()) == (7, [0, 1, 2, 3])


def test_target_text_in_a_choice_is_left_out(run: Callable[..., Comparison]) -> None:
    found = run({"good": [*GOOD, *HELD_OUT[:40]], "poor": POOR})
    assert found.facts.target_left_out == 40
    assert found.facts.target_documents == 80
    alone = run({"good": [*GOOD, *HELD_OUT[:40]], "poor": POOR}, held_out=HELD_OUT[40:])
    assert values(found) == values(alone)
    with pytest.raises(GotdError, match=r"every text stands in a choice \(all\)"):
        run({"poor": POOR, "all": HELD_OUT})


def test_target_text_in_the_random_choice_is_left_out(run: Callable[..., Comparison]) -> None:
    pool = [*SOURCE, *HELD_OUT[:40]]
    found = run({"good": GOOD[:8]}, pool=pool)
    drawn = {pool[row] for draws in found.random_rows.values() for rows in draws for row in rows}
    inside = [text in drawn for text in HELD_OUT]
    assert 0 < sum(inside) < 40
    assert found.judged.tolist() == [not each for each in inside]
    assert found.facts.target_left_out == sum(inside)
    with pytest.raises(GotdError, match=r"every text stands in a choice \(random\)"):
        run({"good": GOOD[:8]}, pool=pool, held_out=[text for text in HELD_OUT if text in drawn])


def test_target_text_that_is_half_in_one_choice_and_half_in_another_judges(run: Callable[..., Comparison]) -> None:
    long = " ".join(texts(NEAR, 7, 3))
    words = long.split()
    halves = [" ".join(half) for half in (words[: len(words) // 2], words[len(words) // 2 :])]
    found = run({"good": [*GOOD, halves[0]], "poor": [*POOR, halves[1]]}, held_out=[*HELD_OUT, long])
    assert found.facts.target_left_out == 0


def test_what_is_past_the_budget_leaves_nothing_out(run: Callable[..., Comparison]) -> None:
    found = run({"good": [*GOOD, *HELD_OUT[:40]]}, budget=900)
    assert found.facts.target_left_out == 0
    assert values(found) == values(run({"good": GOOD}, budget=900))


def test_target_text_in_the_source_is_said(run: Callable[..., Comparison]) -> None:
    found = run({"good": GOOD}, source=[*SOURCE, *HELD_OUT[:3]], pool=SOURCE)
    assert found.facts.source_standing == 3
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


def test_texts_of_one_unit_are_resampled_together(run: Callable[..., Comparison]) -> None:
    once, thrice = run({"good": GOOD}), run({"good": GOOD}, held_out=[text for text in HELD_OUT for _ in range(3)])
    assert thrice.facts.target_units == once.facts.target_units == 120
    for one, three in zip(once.rows, thrice.rows, strict=True):
        assert three.by_word.nats == pytest.approx(one.by_word.nats)
        assert three.by_text.nats == pytest.approx(one.by_text.nats)


def test_copies_say_nothing_new(run: Callable[..., Comparison]) -> None:
    found = run({"good": GOOD}, held_out=HELD_OUT[:20] * 6)
    assert found.facts.target_units == 20
    assert "only 20 units of 120 texts judge" in found.warnings[0]


def test_a_mixture_of_long_and_short_texts_has_two_averages(run: Callable[..., Comparison]) -> None:
    of_long, of_short = [f"long{n}" for n in range(80)], [f"short{n}" for n in range(80)]
    long = [" ".join(texts(of_long, seed, 30)) for seed in range(40, 60)]
    choices = {"for the long": texts(of_long, 5, 60), "for the short": texts(of_short, 6, 60)}
    found = run(choices, held_out=[*long, *texts(of_short, 8, 80)], budget=1000)
    for_long, for_short = found.rows[-2:]
    assert for_long.by_word.nats.value < for_short.by_word.nats.value
    assert for_short.by_text.nats.value < for_long.by_text.nats.value
    assert for_short.by_text.to_best == (0.0, 0.0, 0.0)
    assert for_short.by_word.to_best is not None and for_short.by_word.to_best.low > 0.0


@pytest.mark.long
def test_the_interval_to_random_covers_other_draws(run: Callable[..., Comparison]) -> None:
    # Few long documents of unlike worth: what a random choice holds is a matter of luck.
    pool = [" ".join(texts(FAR if seed % 4 else NEAR, seed, 8)) for seed in range(100, 180)]
    expected = run({"good": GOOD}, pool=pool, draws=400).rows[-1].by_word.to_random
    found = [run({"good": GOOD}, pool=pool, seed=seed).rows[-1].by_word.to_random for seed in range(1, 25)]
    assert expected is not None
    assert sum(each.low <= expected.value <= each.high for each in found if each) >= 20
    # Were it for the texts alone, whose interval is that of many draws, the draws' luck would be outside of it.
    assert sum(abs(each.value - expected.value) > expected.high - expected.value for each in found if each) >= 8


def test_a_choice_of_texts_much_longer_than_the_targets_is_said(run: Callable[..., Comparison]) -> None:
    def joined(count: int) -> list[str]:
        return [" ".join(GOOD[start : start + count]) for start in range(0, len(GOOD), count)]

    assert not run({"good": GOOD, "longer": joined(2)}, pool=SOURCE).warnings
    (warning,) = run({"good": GOOD, "long": joined(6)}, pool=SOURCE).warnings
    words = sum(len(text.split()) for text in GOOD) / 10
    of_target = sum(len(text.split()) for text in HELD_OUT) / len(HELD_OUT)
    assert f"long: its texts have {words:.0f} words on average, those of the target {of_target:.0f}; " in warning


def test_few_texts_are_said(run: Callable[..., Comparison]) -> None:
    assert "only 5 texts" in run({"good": GOOD}, held_out=HELD_OUT[:5]).warnings[0]
