"""Words and pairs of texts in their buckets: found, counted and made into shares, on several processes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from gotd.content import has_content
from gotd.errors import GotdError
from gotd.methods.buckets import BucketCache
from gotd.methods.dsir import BUCKETS
from gotd.methods.ngrams import Classes, find_words, text_blocks
from gotd.methods.processes import Processes

#: One process reads for all, and cannot feed more.
_MOST_PROCESSES = 8


class NGrams(NamedTuple):
    """Words and pairs of n texts.

    words, pairs : int64 (w,), (p,), buckets in order.
    word_texts, pair_texts : int64 (w,), (p,), which text.
    counts : int64 (n,), words of each text.
    """

    words: np.ndarray
    pairs: np.ndarray
    word_texts: np.ndarray
    pair_texts: np.ndarray
    counts: np.ndarray


Result = TypeVar("Result")


class Features(Generic[Result]):
    """What is made of the words and pairs of texts, on several processes, with one cache."""

    def __init__(self, threads: int, make: Callable[[NGrams], Result]) -> None:
        self._classes, self._cache, self._make = Classes(), BucketCache(), make
        self._processes = Processes(min(threads, _MOST_PROCESSES), self._block)

    def of(self, texts: Sequence[str]) -> Iterator[Result]:
        """In order, for some texts at a time; the work begins at once."""
        return self._processes.map(list(text_blocks(texts)))

    def _block(self, texts: Sequence[str]) -> Result:
        words = find_words(texts, self._classes)
        counts = np.diff(words.offsets)
        member = np.repeat(np.arange(len(texts)), counts)
        left = np.flatnonzero(member[1:] == member[:-1])
        found = NGrams(self._cache.words(words), self._cache.pairs(words, left), member, member[left], counts)
        return self._make(found)


class Counted(NamedTuple):
    """What was counted in some texts.

    buckets : int64 (BUCKETS,). texts : those with content; short : of them the short ones; blank : those without.
    """

    buckets: np.ndarray
    texts: int
    short: int
    blank: int = 0


def counted(found: NGrams, min_words: int) -> Counted:
    buckets = np.bincount(found.words, minlength=BUCKETS) + np.bincount(found.pairs, minlength=BUCKETS)
    return Counted(buckets, len(found.counts), int((found.counts < min_words).sum()))


def count_all(what: str, batches: Iterable[Sequence[str]], features: Features[Counted]) -> Counted:
    """Everything in all texts. Raises: GotdError where there is nothing."""
    buckets = np.zeros(BUCKETS, dtype=np.int64)
    texts = short = blank = 0

    def worded() -> Iterator[list[str]]:
        nonlocal blank
        for batch in batches:
            yield [text for text in batch if has_content(text)]
            blank += sum(not has_content(text) for text in batch)

    for part in _ahead(features.of(batch) for batch in worded()):
        buckets += part.buckets
        texts += part.texts
        short += part.short
    if not buckets.any():
        raise GotdError(f"{what}: no words in {texts + blank} texts; check the files and --text-key")
    return Counted(buckets, texts, short, blank)


def _ahead(begun: Iterable[Iterator[Result]]) -> Iterator[Result]:
    """All that comes of what was begun, in order; the next is begun first, so that it is read meanwhile."""
    held: Iterator[Result] = iter(())
    for each in begun:
        yield from held
        held = each
    yield from held


def shares(counted: Counted) -> np.ndarray:
    return np.asarray(counted.buckets / counted.buckets.sum())
