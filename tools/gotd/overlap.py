"""Which texts stand in other text as well: they cannot judge it, and it must not be chosen where they judge.

Two texts share a run of 13 words, in lower case and whatever space is between. A text that is shorter stands in another
that is the same, or has a paragraph that is (ds-chunk joins short texts with a blank line).

A run's key is a polynomial of its words' keys, taken from the sums up to its ends (Karp and Rabin, Efficient randomized
pattern-matching algorithms, 1987), so that all runs of a block are a few numpy calls.
"""

from collections.abc import Sequence

import numpy as np

from gotd.lookup import Int32s, Int64s, Lookup
from gotd.methods.ngrams import Classes, Words, find_words, text_blocks
from gotd.methods.row_sample import mix

#: As in the decontamination of training sets (Brown et al., arXiv 2005.14165, appendix C).
RUN_WORDS = 13
#: Share of a text's runs that must stand elsewhere.
_ENOUGH = 0.5
#: An odd number and its inverse modulo 2^64.
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)


class Overlap:
    """The runs of some texts, and which of them have been seen elsewhere. Memory: some 50 bytes a word of the texts."""

    def __init__(self, texts: Sequence[str], run_words: int = RUN_WORDS) -> None:
        self._run_words = run_words
        classes = Classes()
        parts = [find_words(block, classes) for block in text_blocks(texts)]
        runs = [run_keys(part, run_words) for part in parts]
        lengths = np.concatenate([np.zeros(0, np.int64), *(np.diff(part.offsets) for part in parts)])
        short = (lengths > 0) & (lengths < run_words)
        wholes = np.concatenate([np.zeros(0, np.int64), *(_keys(part, part.offsets[:-1], part.offsets[1:])
                                                         for part in parts)])
        per_text = np.maximum(lengths - run_words + 1, 0)
        keys = np.concatenate([*runs, wholes[short]])
        self._texts = np.concatenate([np.repeat(np.arange(len(lengths)), per_text), np.flatnonzero(short)])
        distinct, self._runs = np.unique(keys, return_inverse=True)
        self._lookup = Lookup(distinct)
        self._documents = len(lengths)

    def seen(self, words: Words) -> tuple[Int32s, Int64s]:
        """Numbers of the runs that stand in these texts, and of these texts. Shapes: -> int32, int64 (k,)."""
        runs, (starts, ends) = _run_starts(words, self._run_words), _paragraphs(words)
        short = ends - starts < self._run_words
        starts, ends = np.concatenate([runs, starts[short]]), np.concatenate([runs + self._run_words, ends[short]])
        found = self._lookup.find(_keys(words, starts, ends))
        there = np.flatnonzero(found >= 0)
        texts = np.searchsorted(words.offsets, starts[there], side="right") - 1
        return found[there], np.asarray(texts, dtype=np.int64)

    def nothing(self) -> np.ndarray:
        """No run has been seen. Shapes: -> bool (runs,)."""
        return np.zeros(len(self._lookup.keys), dtype=np.bool_)

    def standing(self, seen: np.ndarray) -> np.ndarray:
        """Which texts stand elsewhere, at least half of their runs. Shapes: bool (runs,) -> bool (n,)."""
        runs = np.bincount(self._texts, minlength=self._documents)
        there = np.bincount(self._texts, seen[self._runs], self._documents)
        return np.asarray((runs > 0) & (there >= _ENOUGH * runs))


def _paragraphs(words: Words) -> tuple[Int64s, Int64s]:
    """First word and end of every text and of every paragraph. Shapes: -> int64 (p,) both; none is empty."""
    data = np.frombuffer(words.data, dtype=np.uint8)
    lines = np.flatnonzero(data == ord("\n"))
    blank = lines[:-1][np.diff(lines) == 1]
    cuts = np.unique(np.concatenate([words.offsets, np.searchsorted(words.starts, blank)]))
    starts = np.concatenate([cuts[:-1], words.offsets[:-1]])
    ends = np.concatenate([cuts[1:], words.offsets[1:]])
    return starts[ends > starts], ends[ends > starts]


class Sharing:
    """Tells which of any texts share a run of words with some texts."""

    def __init__(self, texts: Sequence[str], run_words: int = RUN_WORDS) -> None:
        self._overlap = Overlap(texts, run_words)
        self._classes = Classes()

    @property
    def runs(self) -> int:
        """How many different runs there are to be shared."""
        return len(self._overlap.nothing())

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return which of these texts share one. Shapes: n texts -> bool (n,)."""
        shared, first = np.zeros(len(texts), dtype=np.bool_), 0
        for block in text_blocks(texts):
            shared[first + self._overlap.seen(find_words(block, self._classes))[1]] = True
            first += len(block)
        return shared


def run_keys(words: Words, run_words: int) -> Int64s:
    """Keys of all runs of so many words that stand within a text, in order. Shapes: -> int64 (r,)."""
    starts = _run_starts(words, run_words)
    return _keys(words, starts, starts + run_words)


def _run_starts(words: Words, run_words: int) -> Int64s:
    """First words of all runs that stand within a text. Shapes: -> int64 (r,)."""
    starts = np.arange(max(0, len(words.keys) - run_words + 1))
    ends_of_text = np.repeat(words.offsets[1:], np.diff(words.offsets))[: len(starts)]
    return np.asarray(starts[starts + run_words <= ends_of_text])


def _keys(words: Words, starts: Int64s, ends: Int64s) -> Int64s:
    """Keys of words starts[i] .. ends[i] - 1. Shapes: int64 (r,) -> int64 (r,)."""
    count = len(words.keys)
    sums = np.zeros(count + 1, dtype=np.uint64)
    np.cumsum(words.keys * _powers(_BASE, count), out=sums[1:])
    moved = (sums[ends] - sums[starts]) * _powers(_INVERSE, count + 1)[starts]
    return np.asarray(mix(moved ^ (ends - starts).astype(np.uint64)).astype(np.int64))


def _powers(base: int, count: int) -> np.ndarray:
    """1, base, base^2 ..., modulo 2^64. Shapes: -> uint64 (count,)."""
    powers = np.full(count, base, dtype=np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)
