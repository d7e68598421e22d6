"""The interpolated model, against probabilities worked out by hand and by a dictionary."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest

from gotd.methods.ngrams import WEIGHTS
from gotd.probing.counting import Counted
from gotd.probing.model import Mixture, document_costs, word_probabilities
from gotd.probing.target import VOCABULARY, Target
from word_reference import words_of

B1, B2, B3 = WEIGHTS


def test_by_hand(counted: Callable[..., Counted]) -> None:
    target = Target(["a b b c", "z"])
    source = counted(target, ["a b a b c", "b"]).counts
    choice = counted(target, ["b b", "c c"]).counts
    at = 0.25
    mixture = Mixture(((1 - at, source), (at, choice)))
    # Shares: of 6 words a 2, b 3, c 1; of 4 words b 2, c 2. Before another word stand a 2, b 2 and b 1, c 1.
    a, b, c = 0.75 * 2 / 6, 0.75 * 3 / 6 + 0.25 * 2 / 4, 0.75 * 1 / 6 + 0.25 * 2 / 4
    one = {word: (1 - B1) / VOCABULARY + B1 * share for word, share in [("a", a), ("b", b), ("c", c), ("z", 0.0)]}
    b_before = 0.75 * 2 / 6 + 0.25 * 1 / 4
    ab = (1 - B2) * one["b"] + B2 * (0.75 * 2 / 6) / (0.75 * 2 / 6)
    bb = (1 - B2) * one["b"] + B2 * (0.25 * 1 / 4) / b_before
    bc = (1 - B2) * one["c"] + B2 * (0.75 * 1 / 6) / b_before
    expected = [one["a"], ab, bb, bc, one["z"]]
    assert word_probabilities(target, mixture, 2) == pytest.approx(expected, rel=1e-12)
    # "a b" stands before another word twice, never before b; "b b" before none, so that b alone remains.
    expected[2] = (1 - B3) * bb
    assert word_probabilities(target, mixture, 3) == pytest.approx(expected, rel=1e-12)
    costs = document_costs(target, mixture, 3)
    assert costs == pytest.approx([-np.log(expected[:4]).sum(), -np.log(expected[4])], rel=1e-12)


class Slow:
    """The same model of one set of texts, in dictionaries."""

    def __init__(self, texts: Sequence[str]) -> None:
        split = [words_of(text) for text in texts]
        self.total = sum(map(len, split))
        self.one = Counter(word for text in split for word in text)
        self.two = Counter(pair for text in split for pair in pairwise(text))
        self.three = Counter(triple for text in split for triple in zip(text, text[1:], text[2:], strict=False))
        self.before = Counter(word for text in split for word in text[:-1])
        self.pair_before = Counter(pair for text in split for pair in pairwise(text[:-1]))

    def probability(self, history: Sequence[str], word: str, order: int) -> float:
        found = (1 - B1) / VOCABULARY + B1 * self.one[word] / self.total
        if history and self.before[history[-1]]:
            found = (1 - B2) * found + B2 * self.two[history[-1], word] / self.before[history[-1]]
        if order == 3 and len(history) > 1 and self.pair_before[history[-2], history[-1]]:
            seen = self.pair_before[history[-2], history[-1]]
            found = (1 - B3) * found + B3 * self.three[history[-2], history[-1], word] / seen
        return found


def sentences(seed: int, count: int) -> list[str]:
    source = random.Random(seed)
    return [" ".join(source.choices("the cat dog, sat ran on; Mat rug! über 日本".split(), k=source.randrange(12)))
            for _ in range(count)]


@pytest.mark.parametrize("order", [2, 3])
def test_word_by_word(order: int, counted: Callable[..., Counted]) -> None:
    held_out, source = sentences(0, 40), sentences(1, 300)
    target = Target(held_out)
    slow = Slow(source)
    expected = [slow.probability(split[:i], word, order) for split in map(words_of, held_out)
                for i, word in enumerate(split)]
    for batch in (7, 1000):
        mixture = Mixture(((1.0, counted(target, source, batch=batch).counts),))
        assert word_probabilities(target, mixture, order) == pytest.approx(expected, rel=1e-10)


def test_probabilities_sum_to_one(counted: Callable[..., Counted]) -> None:
    source, choice = sentences(1, 200), sentences(2, 30)
    known = sorted({word for text in [*source, *choice] for word in words_of(text)})
    for history in (["the", "cat"], ["rug", "never"], ["sat", "on"]):
        # Every word that is known, and one that is not and stands for the rest of the vocabulary.
        target = Target([" ".join([*history, word]) for word in [*known, "unknown"]])
        mixture = Mixture(((0.7, counted(target, source).counts), (0.3, counted(target, choice).counts)))
        for order in (2, 3):
            found = word_probabilities(target, mixture, order)[2::3]
            assert found[:-1].sum() + (VOCABULARY - len(known)) * found[-1] == pytest.approx(1.0, abs=1e-9)


def test_no_share_is_the_source_alone_and_all_of_it_the_choice(counted: Callable[..., Counted]) -> None:
    target = Target(sentences(3, 20))
    source, choice = counted(target, sentences(1, 50)).counts, counted(target, sentences(2, 50)).counts
    alone = {name: document_costs(target, Mixture(((1.0, counts),)), 3) for name, counts in
             [("source", source), ("choice", choice)]}
    for share, name in [(0.0, "source"), (1.0, "choice")]:
        mixture = Mixture(((1 - share, source), (share, choice)))
        assert document_costs(target, mixture, 3) == pytest.approx(alone[name], rel=1e-12)


def test_a_copy_of_the_source_changes_nothing(counted: Callable[..., Counted]) -> None:
    target, texts = Target(sentences(3, 20)), sentences(1, 50)
    source, twice = counted(target, texts).counts, counted(target, texts * 2).counts
    mixed = document_costs(target, Mixture(((0.4, source), (0.6, twice))), 3)
    assert mixed == pytest.approx(document_costs(target, Mixture(((1.0, source),)), 3), rel=1e-12)


def test_the_budget_is_exact_and_takes_the_first_words(counted: Callable[..., Counted]) -> None:
    target = Target(["a b c d e f"])
    cut = counted(target, ["a b c", "", "d e f a", "b"], budget=5, batch=2).counts
    whole = counted(target, ["a b c", "", "d e"]).counts
    assert (cut.total, cut.documents) == (5, 3)
    for name in ("words", "followed_words", "pairs", "followed_pairs", "triples"):
        assert (getattr(cut, name) == getattr(whole, name)).all(), name
