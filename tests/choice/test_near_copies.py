"""Near copies against their definition: sets of runs of five words, compared one by one."""

import random

import pytest

from gotd.choice.near_copies import PERMUTATIONS, NearCopies, bands

pytest.importorskip("datasketch")

WORDS = [f"w{number}" for number in range(400)]


def runs(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    size = min(5, len(words))
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}


def similarity(first: str, second: str) -> float:
    return len(runs(first) & runs(second)) / len(runs(first) | runs(second))


def variants(count: int, seed: int) -> list[str]:
    """Texts of random length, each with variants in which some words are others."""
    source, made = random.Random(seed), []
    for _ in range(count):
        words = source.choices(WORDS, k=source.randrange(3, 80))
        made.append(" ".join(words))
        for changes in (0, 1, 2, 4, 8):
            other = list(words)
            for _ in range(changes):
                other[source.randrange(len(other))] = source.choice(WORDS)
            made.append(" ".join(other))
    source.shuffle(made)
    return made


@pytest.mark.heavy
@pytest.mark.parametrize("threshold", [0.3, 0.7, 0.9, 1.0])
def test_what_is_taken_in_is_what_comparing_all_pairs_takes(threshold: float) -> None:
    near, kept, agreed = NearCopies(threshold), list[str](), 0
    texts = variants(60, seed=1)
    for text in texts:
        alone = all(similarity(text, other) < threshold for other in kept)
        taken = near.add(text)
        assert taken or not alone  # whatever is left out is a near copy
        agreed += taken == alone
        if taken:
            kept.append(text)
    assert agreed >= 0.99 * len(texts)
    assert len(kept) < 0.95 * len(texts)


def test_copies_but_for_case_and_white_space_are_near_copies() -> None:
    near = NearCopies(1.0)
    assert near.add("One  two\nthree")
    assert not near.add("one two THREE")
    assert near.add("one two")
    assert near.add("one")


@pytest.mark.parametrize("threshold", [0.01, 0.1, 0.25, 0.5, 0.75, 0.8, 0.95, 1.0])
def test_bands_overlook_hardly_any_pair(threshold: float) -> None:
    count, width = bands(threshold)
    assert count * width <= PERMUTATIONS
    if threshold >= 0.1:
        assert (1.0 - threshold**width) ** count <= 0.01
