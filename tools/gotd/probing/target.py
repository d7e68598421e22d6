"""The held-out text: its words, pairs and triples, each numbered, so that other text is counted by these alone.

What a model of some text says about the target depends on the counts of the target's own n-grams and of their
beginnings. Only those are counted, exactly, and however long the other text is, the counts take the same memory.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gotd.lookup import Int32s, Int64s, Lookup
from gotd.methods.ngrams import Classes, find_words, text_blocks

#: Words are hashed to so many buckets: the vocabulary over which probabilities sum to 1.
VOCABULARY_BITS = 20
VOCABULARY = 1 << VOCABULARY_BITS
_SHIFT = np.uint64(64 - VOCABULARY_BITS)
#: Stands for no number.
NONE = -1


class Numbered(NamedTuple):
    """Some texts, word by word, as numbers of the target's n-grams that end at each word; NONE where it has no such.

    words, pairs, triples : int32 (w,)
    lengths : int64 (n,), words of each text
    """

    words: Int32s
    pairs: Int32s
    triples: Int32s
    lengths: Int64s

    def first(self, words: int) -> "Numbered":
        """The first `words` words, all where there are fewer; the last text may be cut."""
        if words >= len(self.words):
            return self
        ends = np.cumsum(self.lengths)
        texts = int(np.searchsorted(ends, words)) + 1
        lengths = np.diff(np.minimum(ends[:texts], words), prepend=0)
        return Numbered(self.words[:words], self.pairs[:words], self.triples[:words], lengths)

    def only(self, texts: np.ndarray) -> "Numbered":
        """Some of the texts. Shapes: bool (n,)."""
        kept = np.repeat(texts, self.lengths)
        return Numbered(self.words[kept], self.pairs[kept], self.triples[kept], self.lengths[texts])


def has_before(lengths: Int64s, words: int) -> np.ndarray:
    """Whether at least `words` words of the same text stand before each. Shapes: int64 (n,) -> bool (w,)."""
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.asarray(np.arange(len(starts)) - starts >= words)


class Target:
    """The target's texts and the numbers of their n-grams. Memory: some 150 bytes a word of the target.

    documents : int64 (n,), UTF-8 bytes of each text
    numbered  : the target itself; no pair or triple is NONE but for the first words of a text
    pair_first, pair_last : int32 (pairs,), the words of each pair
    triple_first, triple_last : int32 (triples,), the pairs that each triple begins and ends with
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.classes = Classes()
        self.bytes = np.array([len(text.encode()) for text in texts], dtype=np.int64)
        parts = [find_words(block, self.classes) for block in text_blocks(texts)]
        lengths = np.concatenate([np.zeros(0, np.int64), *(np.diff(part.offsets) for part in parts)])
        buckets = np.concatenate([np.zeros(0, np.int64), *(_buckets(part.keys) for part in parts)])
        words, self._numbers = _number_words(buckets)
        self.vocabulary = int(self._numbers.max()) + 1
        pairs, self._pairs = _number(_pair_keys(words, lengths, self.vocabulary))
        triples, self._triples = _number(_triple_keys(words, pairs, lengths, self.vocabulary))
        self.numbered = Numbered(words, pairs, triples, lengths)
        self.pair_first, self.pair_last = _ends(self._pairs.keys, self.vocabulary)
        self.triple_first, last = _ends(self._triples.keys, self.vocabulary)
        # A triple of the target ends with a pair of the target.
        self.triple_last = self._pairs.find(self.pair_last[self.triple_first].astype(np.int64) * self.vocabulary + last)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many distinct words, pairs and triples there are."""
        return self.vocabulary, len(self._pairs.keys), len(self._triples.keys)

    def number(self, keys: np.ndarray, lengths: Int64s) -> Numbered:
        """Other texts. Shapes: uint64 (w,), as `find_words` gives them; int64 (n,)."""
        words = self._numbers[_buckets(keys)]
        pairs = _found(self._pairs, _pair_keys(words, lengths, self.vocabulary))
        triples = _found(self._triples, _triple_keys(words, pairs, lengths, self.vocabulary))
        return Numbered(words, pairs, triples, lengths)


def _buckets(keys: np.ndarray) -> Int64s:
    return np.asarray((keys >> _SHIFT).astype(np.int64))


def _number_words(buckets: Int64s) -> tuple[Int32s, Int32s]:
    """The number of each word, int32 (w,), and of each bucket, int32 (VOCABULARY,), NONE where it is empty."""
    distinct, words = np.unique(buckets, return_inverse=True)
    numbers = np.full(VOCABULARY, NONE, dtype=np.int32)
    numbers[distinct] = np.arange(len(distinct))
    return words.astype(np.int32), numbers


def _pair_keys(words: Int32s, lengths: Int64s, vocabulary: int) -> Int64s:
    """A number for the pair that ends at each word, NONE where there is none. Shapes: -> int64 (w,)."""
    keys = np.full(len(words), NONE, dtype=np.int64)
    whole = np.flatnonzero(has_before(lengths, 1) & (words >= 0))
    whole = whole[words[whole - 1] >= 0]
    keys[whole] = words[whole - 1].astype(np.int64) * vocabulary + words[whole]
    return keys


def _triple_keys(words: Int32s, pairs: Int32s, lengths: Int64s, vocabulary: int) -> Int64s:
    """The same for triples: the pair that ends one word before, and the word."""
    keys = np.full(len(words), NONE, dtype=np.int64)
    whole = np.flatnonzero(has_before(lengths, 2) & (words >= 0))
    whole = whole[pairs[whole - 1] >= 0]
    keys[whole] = pairs[whole - 1].astype(np.int64) * vocabulary + words[whole]
    return keys


def _number(keys: Int64s) -> tuple[Int32s, Lookup]:
    """Each key's number among the distinct ones, int32 (w,), and where to look others up."""
    lookup = Lookup(np.unique(keys[keys >= 0]))
    return _found(lookup, keys), lookup


def _found(lookup: Lookup, keys: Int64s) -> Int32s:
    numbers = np.full(len(keys), NONE, dtype=np.int32)
    there = np.flatnonzero(keys >= 0)
    numbers[there] = lookup.find(keys[there])
    return numbers


def _ends(keys: Int64s, vocabulary: int) -> tuple[Int32s, Int32s]:
    return (keys // vocabulary).astype(np.int32), (keys % vocabulary).astype(np.int32)
