"""cross-entropy word by word, by its definition."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from gotd.errors import GotdError
from gotd.methods.base import LOWEST, TextProblem
from gotd.methods.cross_entropy import WORD_CELLS, CrossEntropy
from gotd.methods.ngrams import WEIGHTS
from word_reference import words_of

TARGET = ["the protein binds the receptor", "a receptor of the protein, and a kinase", "kinase!"]
SOURCE = ["the cup of tea", "stir the soup and the tea", "a protein in the soup", " ", "tea"]
TEXTS = ["the protein binds tea", "soup", "nobody has seen this", "a receptor of the kinase and the cup", "THE, the"]


class Model:
    """An interpolated bigram of words, with nothing hashed."""

    def __init__(self, texts: list[str]) -> None:
        every = [words_of(text) for text in texts]
        self.words = Counter(word for words in every for word in words)
        self.pairs = Counter(pair for words in every for pair in pairwise(words))
        self.followed = Counter(word for words in every for word in words[:-1])
        self.total = self.words.total()

    def cost(self, text: str) -> float:
        """Nats a word."""
        costs, before = [], None
        for word in words_of(text):
            p = (1 - WEIGHTS[0]) / WORD_CELLS + WEIGHTS[0] * self.words[word] / self.total
            if self.followed[before]:
                p = (1 - WEIGHTS[1]) * p + WEIGHTS[1] * self.pairs[before, word] / self.followed[before]
            costs.append(-math.log(p))
            before = word
        return sum(costs) / len(costs)


def fitted_scores(texts: list[str], threads: int = 1) -> np.ndarray:
    fitted = CrossEntropy().fit(TextProblem([TARGET[:1], TARGET[1:]], [SOURCE], threads))
    return CrossEntropy.scorer(fitted.arrays, fitted.summary, threads).scores(texts)


def test_it_is_the_difference_of_two_models_a_word() -> None:
    target, source = Model(TARGET), Model(SOURCE)
    expected = [source.cost(text) - target.cost(text) for text in TEXTS]
    assert fitted_scores(TEXTS) == pytest.approx(expected, rel=1e-5)
    assert expected[0] > expected[1]  # it tells the kinds apart, and so does what is held against it


@pytest.mark.long
def test_neighbours_and_processes_change_nothing() -> None:
    scores = fitted_scores(TEXTS)
    assert np.array_equal(fitted_scores(TEXTS, threads=2), scores)
    assert np.array_equal(fitted_scores(TEXTS[::-1] * 50)[:5][::-1], scores)


def test_what_has_no_content_is_last_and_counted() -> None:
    fitted = CrossEntropy().fit(TextProblem([[*TARGET, "--"]], [SOURCE], 1))
    assert fitted.read is not None
    assert (fitted.read.source.rows, fitted.read.source.blank, fitted.read.target_blank) == (5, 1, 1)
    assert fitted.summary["target_words"] == sum(len(words_of(text)) for text in TARGET)
    assert fitted_scores([" ", "...", "tea"])[:2].tolist() == [np.float32(LOWEST)] * 2


def test_nothing_to_count_is_an_error() -> None:
    with pytest.raises(GotdError, match="the source: no words in 2 texts"):
        CrossEntropy().fit(TextProblem([TARGET], [["", "..."]], 1))
