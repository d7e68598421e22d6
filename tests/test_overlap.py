"""Which texts stand elsewhere: by the definition, on real shapes of text."""

import random

import numpy as np
import pytest

from gotd.methods.ngrams import Classes, find_words
from gotd.overlap import RUN_WORDS, Overlap, Sharing

WORDS = [f"w{number}" for number in range(500)]


def text(seed: int, count: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def standing(target: list[str], others: list[str]) -> list[bool]:
    overlap = Overlap(target)
    seen = overlap.nothing()
    seen[overlap.seen(find_words(others, Classes()))[0]] = True
    return overlap.standing(seen).tolist()


def test_whole_texts_inside_longer_ones() -> None:
    long, short, other = text(0, 60), text(1, 5), text(2, 60)
    target = [long, short, other, "", "alone"]
    joined = f"{text(3, 40)} {long.upper()}\n{text(4, 9)}\n\n{short}\n\n{text(5, 30)}"
    assert standing(target, [joined]) == [True, True, False, False, False]
    assert standing(target, [text(6, 300)]) == [False] * 5
    assert standing(target, ["", "alone"]) == [False, False, False, False, True]


def test_a_short_text_within_a_sentence_does_not_count() -> None:
    assert standing(["the same words"], ["not the same words again"]) == [False]
    assert standing(["the same words"], ["The  same\nwords"]) == [True]
    assert standing(["the same words"], ["the same", "words"]) == [False]


@pytest.mark.parametrize("kept, expected", [(50, True), (36, True), (34, False), (12, False)])
def test_half_of_the_runs(kept: int, expected: bool) -> None:
    # 60 words have 48 runs, the first k words k - 12 of them.
    whole = text(0, 60)
    part = " ".join(whole.split()[:kept])
    assert standing([whole], [f"{part} {text(1, 50)}"]) == [expected]


def test_runs_do_not_cross_texts() -> None:
    whole = text(0, RUN_WORDS + 7)
    halves = [" ".join(whole.split()[:10]), " ".join(whole.split()[10:])]
    assert standing([whole], halves) == [False]
    assert standing([whole], [" ".join(halves)]) == [True]


def test_against_a_set_of_runs() -> None:
    few = [f"v{number}" for number in range(4)]
    source = random.Random(7)
    draw = [" ".join(source.choices(few, k=source.randrange(40))) for _ in range(300)]
    target, others = draw[:100], [*draw[100:], *(" ".join(entry.split()[1:]) for entry in draw[:50])]

    def runs(entry: str) -> set[tuple[str, ...]]:
        split = entry.split()
        return {tuple(split[i : i + RUN_WORDS]) for i in range(len(split) - RUN_WORDS + 1)}

    there = set().union(*map(runs, others))
    wholes = {tuple(other.split()) for other in others}
    expected = []
    for entry in target:
        split = entry.split()
        each = [tuple(split[i : i + RUN_WORDS]) in there for i in range(len(split) - RUN_WORDS + 1)]
        expected.append(bool(np.mean(each) >= 0.5) if each else bool(split) and tuple(split) in wholes)
    assert standing(target, others) == expected
    assert 10 < sum(expected) < 90


@pytest.mark.parametrize("run_words", [3, 13, 20])
def test_sharing_one_run_is_enough(run_words: int) -> None:
    target = [text(seed, 60) for seed in range(3)] + ["one two"]
    sharing = Sharing(target, run_words)
    part = target[1].split()[7 : 7 + run_words]
    assert sharing.runs == 3 * (60 - run_words + 1) + 1
    others = [f"{text(5, 40)} {' '.join(part)} {text(6, 40)}", f"{text(5, 40)} {' '.join(part[1:])}", "One\nTWO",
              f"{text(7, 30)}\n\none two\n\n{text(8, 3)}", "one two three", "", text(9, 300)]
    assert sharing(others).tolist() == [True, False, True, True, False, False, False]
    assert sharing([text(seed, 400) for seed in range(100, 900)] + [target[0]]).nonzero()[0].tolist() == [800]
    assert sharing([]).shape == (0,)
