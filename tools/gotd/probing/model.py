"""The n-gram model of an effective distribution, and what it says about the target.

A light training on a choice U turns the distribution P that a model was trained on into (1 - lambda) P + lambda U. With
shares of n-grams s = (1 - lambda) c_P / N_P + lambda c_U / N_U (counts c, words N), the probability of a word w after
words u, v is interpolated:

    p0(w)       = 1 / VOCABULARY
    p1(w)       = (1 - b1) p0(w)   + b1 s(w)
    p2(w|v)     = (1 - b2) p1(w)   + b2 s(v w) / s(v .)
    p3(w|u,v)   = (1 - b3) p2(w|v) + b3 s(u v w) / s(u v .)

where s(v .) is the share of v before another word of the same text; without any, the shorter context stands alone. The
first word of a text has p1, the second p2. Probabilities sum to 1 over the vocabulary at every order.

Source: Jelinek and Mercer, Interpolated estimation of Markov source parameters from sparse data, 1980.
"""

from typing import NamedTuple

import numpy as np

from gotd.lookup import Int64s
from gotd.methods.ngrams import WEIGHTS
from gotd.probing.target import VOCABULARY, Numbered, Target, has_before


class Counts:
    """How often the target's n-grams stand in some text.

    words, followed_words : int64 (vocabulary,); followed: with another word of the same text after it
    pairs, followed_pairs : int64 (pairs,); triples : int64 (triples,)
    total, documents : words and texts in all
    """

    def __init__(self, target: Target) -> None:
        vocabulary, pairs, triples = target.sizes
        self.words, self.followed_words = np.zeros(vocabulary, np.int64), np.zeros(vocabulary, np.int64)
        self.pairs, self.followed_pairs = np.zeros(pairs, np.int64), np.zeros(pairs, np.int64)
        self.triples = np.zeros(triples, np.int64)
        self.total = self.documents = 0

    def add(self, texts: Numbered) -> None:
        """More texts."""
        followed = np.append(has_before(texts.lengths, 1)[1:], False)[: len(texts.words)]
        for counts, numbers in ((self.words, texts.words), (self.followed_words, texts.words[followed]),
                                (self.pairs, texts.pairs), (self.followed_pairs, texts.pairs[followed]),
                                (self.triples, texts.triples)):
            np.add.at(counts, numbers[numbers >= 0], 1)
        self.total += len(texts.words)
        self.documents += len(texts.lengths)


class Mixture(NamedTuple):
    """Texts and their shares of the effective distribution, which sum to 1."""

    parts: tuple[tuple[float, Counts], ...]

    def shares(self, name: str) -> np.ndarray:
        """Shares of the n-grams of one kind, by the name they have in `Counts`. Shapes: -> float64."""
        return np.asarray(sum(share / counts.total * getattr(counts, name) for share, counts in self.parts))


def document_costs(target: Target, mixture: Mixture, order: int) -> np.ndarray:
    """-log of the probability of each of the target's texts, in nats. Shapes: -> float64 (n,)."""
    costs = -np.log(word_probabilities(target, mixture, order))
    lengths = target.numbered.lengths
    return np.bincount(np.repeat(np.arange(len(lengths)), lengths), costs, len(lengths))


def word_probabilities(target: Target, mixture: Mixture, order: int) -> np.ndarray:
    """The probability of every word of the target after those before it. Shapes: -> float64 (w,)."""
    b1, b2, b3 = WEIGHTS
    at = target.numbered
    one = (1 - b1) / VOCABULARY + b1 * mixture.shares("words")
    before = mixture.shares("followed_words")[target.pair_first]
    two = _interpolated(one[target.pair_last], mixture.shares("pairs"), before, b2)
    found = one[at.words]
    _replace(found, two, at.pairs)
    if order > len(("word", "pair")):
        before = mixture.shares("followed_pairs")[target.triple_first]
        _replace(found, _interpolated(two[target.triple_last], mixture.shares("triples"), before, b3), at.triples)
    return found


def _interpolated(shorter: np.ndarray, shares: np.ndarray, before: np.ndarray, weight: float) -> np.ndarray:
    """Shapes: float64 (k,) all."""
    seen = before > 0.0
    conditional = np.divide(shares, before, out=np.zeros_like(shares), where=seen)
    return np.where(seen, (1 - weight) * shorter + weight * conditional, shorter)


def _replace(found: np.ndarray, values: np.ndarray, numbers: Int64s | np.ndarray) -> None:
    there = numbers >= 0
    found[there] = values[numbers[there]]
