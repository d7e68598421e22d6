"""Which of the target's texts stand in other text as well: they cannot judge it.

A text stands elsewhere if at least half of its runs of 13 words do, in lower case and whatever space is between; a
shorter one, if it is a whole text there or a whole paragraph (ds-chunk joins short texts with a blank line).

A run's key is a polynomial of its words' keys, taken from the sums up to its ends (Karp and Rabin, Efficient randomized
pattern-matching algorithms, 1987), so that all runs of a block are a few numpy calls.
"""

from collections.abc import Sequence

import numpy as np

from gotd.methods.ngrams import Classes, Words, find_words, text_blocks
from gotd.methods.sampling import mix
from gotd.probing.lookup import Int32s, Int64s, Lookup

#: As in the decontamination of training sets (Brown et al., arXiv 2005.14165, appendix C).
RUN_WORDS = 13
#: Share of a text's runs that must stand elsewhere.
_ENOUGH = 0.5
#: An odd number and its inverse modulo 2^64.
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)


class Overlap:
    """The target's runs, and which of them have been seen elsewhere. Memory: some 50 bytes a word of the target."""

    def __init__(self, texts: Sequence[str]) -> None:
        classes = Classes()
        parts = [find_words(block, classes) for block in text_blocks(texts)]
        starts = [_run_starts(part) for part in parts]
        runs = [_keys(part, first, first + RUN_WORDS) for part, first in zip(parts, starts, strict=True)]
        lengths = np.concatenate([np.zeros(0, np.int64), *(np.diff(part.offsets) for part in parts)])
        short = (lengths > 0) & (lengths < RUN_WORDS)
        wholes = np.concatenate([np.zeros(0, np.int64), *(_keys(part, part.offsets[:-1], part.offsets[1:])
                                                         for part in parts)])
        per_text = np.maximum(lengths - RUN_WORDS + 1, 0)
        keys = np.concatenate([*runs, wholes[short]])
        self._texts = np.concatenate([np.repeat(np.arange(len(lengths)), per_text), np.flatnonzero(short)])
        distinct, self._runs = np.unique(keys, return_inverse=True)
        self._lookup = Lookup(distinct)
        self._documents = len(lengths)

    def seen(self, words: Words) -> tuple[Int32s, Int64s]:
        """Numbers of the target's runs that stand in these texts, and of the texts. Shapes: -> int32, int64 (k,)."""
        runs, (starts, ends) = _run_starts(words), _paragraphs(words)
        short = ends - starts < RUN_WORDS
        starts, ends = np.concatenate([runs, starts[short]]), np.concatenate([runs + RUN_WORDS, ends[short]])
        found = self._lookup.find(_keys(words, starts, ends))
        there = np.flatnonzero(found >= 0)
        texts = np.searchsorted(words.offsets, starts[there], side="right") - 1
        return found[there], np.asarray(texts, dtype=np.int64)

    def nothing(self) -> np.ndarray:
        """No run has been seen. Shapes: -> bool (runs,)."""
        return np.zeros(len(self._lookup.keys), dtype=np.bool_)

    def standing(self, seen: np.ndarray) -> np.ndarray:
        """Which texts stand elsewhere. Shapes: bool (runs,) -> bool (n,)."""
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


def _run_starts(words: Words) -> Int64s:
    """First words of all runs that stand within a text. Shapes: -> int64 (r,)."""
    starts = np.arange(max(0, len(words.keys) - RUN_WORDS + 1))
    ends_of_text = np.repeat(words.offsets[1:], np.diff(words.offsets))[: len(starts)]
    return np.asarray(starts[starts + RUN_WORDS <= ends_of_text])


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
