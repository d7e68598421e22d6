"""Texts that are nearly the same: the Jaccard similarity of their runs of words.

MinHash signatures in bands (datasketch) find the pairs that may be near copies; whether they are is then computed from
their runs, so that nothing is left out that is no near copy.

Source: Broder, On the resemblance and containment of documents (SEQUENCES 1997).
"""

from typing import TYPE_CHECKING

import numpy as np

from gotd.errors import GotdError
from gotd.lookup import Int64s
from gotd.methods.ngrams import Classes, find_words
from gotd.overlap import run_keys

if TYPE_CHECKING:
    from datasketch import MinHash

#: Words of a run, as in the deduplication of training sets; a shorter text is one run.
SHINGLE_WORDS = 5
PERMUTATIONS = 256
_SEED = 1
#: Share of the pairs right at the threshold that may be overlooked; of more similar ones it is less.
_OVERLOOKED = 0.01


class NearCopies:
    """Texts that are no near copies of each other. Memory: 2 kB, and 8 bytes a word, for each of them."""

    def __init__(self, similarity: float) -> None:
        """similarity : Jaccard, above 0, from which on two texts are near copies."""
        try:
            from datasketch import MinHash, MinHashLSH
        except ImportError as error:
            raise GotdError("--distinct needs datasketch; pip install 'gotd[dedup]'") from error
        self._similarity = similarity
        self._classes = Classes()
        self._runs: list[Int64s] = []
        self._empty = MinHash(PERMUTATIONS, _SEED, hashfunc=int)
        self._bands = MinHashLSH(params=bands(similarity), num_perm=PERMUTATIONS)

    def add(self, text: str) -> bool:
        """Take a text in; False, and nothing is taken in, where it is a near copy of one that was."""
        runs, signature = self._signed(text)
        if self._is_near(runs, signature):
            return False
        self._bands.insert(len(self._runs), signature)
        self._runs.append(runs)
        return True

    def has(self, text: str) -> bool:
        """Return True if it is a near copy of a text that was taken in."""
        return self._is_near(*self._signed(text))

    def _signed(self, text: str) -> "tuple[Int64s, MinHash]":
        runs = self._runs_of(text)
        signature = self._empty.copy()
        signature.update_batch((runs.astype(np.uint64) >> np.uint64(32)).tolist())
        return runs, signature

    def _is_near(self, runs: Int64s, signature: "MinHash") -> bool:
        return any(jaccard(runs, self._runs[number]) >= self._similarity for number in self._bands.query(signature))

    def _runs_of(self, text: str) -> Int64s:
        words = find_words([text], self._classes)
        return np.unique(run_keys(words, max(1, min(SHINGLE_WORDS, len(words.keys)))))


def bands(similarity: float) -> tuple[int, int]:
    """Return how many bands, of how many permutations each: the narrowest net that still holds nearly all pairs.

    Two texts of similarity s meet in one of b bands of r with a probability of 1 - (1 - s^r)^b.
    """
    widths = [r for r in range(1, PERMUTATIONS // 2 + 1) if (1.0 - similarity**r) ** (PERMUTATIONS // r) <= _OVERLOOKED]
    width = max(widths, default=1)
    return PERMUTATIONS // width, width


def jaccard(first: Int64s, second: Int64s) -> float:
    """Return the similarity of two sets. Shapes: int64 (m,), (n,), both sorted, none empty."""
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / (len(first) + len(second) - common)
