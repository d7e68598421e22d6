"""DSIR: how much likelier a text's words and word pairs are in the target than in the source.

    score(text) = sum over its words and pairs of  log(q_b + 1e-8) - log(p_b + 1e-8)

b is the bucket of a word or pair (ngrams.py), q and p the shares of the buckets in target and source. With --gumbel,
Gumbel noise is added, so that the k best are a sample without replacement in proportion to exp(score): it comes from
the text's bytes and the seed, so a text has its noise wherever it stands, and equal texts have the same. Texts of fewer
words than --min-words get the lowest score there is: the package leaves them out.

The package counts its raw data only up to 10^9 words and pairs; here the source is counted whole.

Source: Xie et al., arXiv 2302.03169, section 3; data-selection 1.0.3 (PyPI), hashed_ngram_dsir.py and base.py.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from gotd.content import has_content, with_content
from gotd.errors import GotdError
from gotd.methods.buckets import BucketCache
from gotd.methods.content_keys import uniform
from gotd.methods.ngrams import BUCKETS, Classes, find_words, text_blocks
from gotd.methods.processes import Processes
from gotd.methods.protocol import LOWEST, Fitted, Read, SourceCounts
from gotd.methods.settings import Settings

#: Added to every share, so that none is zero: the package's own number.
_SMALLEST_SHARE = 1e-8
#: One process reads for all, and cannot feed more.
_MOST_PROCESSES = 8
_SEED_BYTES = 8
_SEED_MASK = 0xFFFFFFFFFFFFFFFF


class _Found(NamedTuple):
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


Made = TypeVar("Made")


class Features(Generic[Made]):
    """What is made of the words and pairs of texts, on several processes, with one cache."""

    def __init__(self, threads: int, make: Callable[[_Found], Made]) -> None:
        self._classes, self._cache, self._make = Classes(), BucketCache(), make
        self._processes = Processes(min(threads, _MOST_PROCESSES), self._block)

    def of(self, texts: Sequence[str]) -> Iterator[Made]:
        """In order, for some texts at a time; the work begins at once."""
        return self._processes.map(list(text_blocks(texts)))

    def _block(self, texts: Sequence[str]) -> Made:
        words = find_words(texts, self._classes)
        counts = np.diff(words.offsets)
        member = np.repeat(np.arange(len(texts)), counts)
        left = np.flatnonzero(member[1:] == member[:-1])
        found = _Found(self._cache.words(words), self._cache.pairs(words, left), member, member[left], counts)
        return self._make(found)


class _Counted(NamedTuple):
    """What was counted in some texts.

    buckets : int64 (BUCKETS,). texts : those with content; short : of them the short ones; blank : those without.
    """

    buckets: np.ndarray
    texts: int
    short: int
    blank: int = 0


def fit(target: Iterable[Sequence[str]], source: Iterable[Sequence[str]], settings: Settings, threads: int) -> Fitted:
    """Counts target and source.

    Arrays: log_ratio float64 (BUCKETS,).
    Raises: GotdError where one of them has no words.
    """
    features = Features(threads, partial(_counted, min_words=settings.min_words))
    q, p = _count("the target", target, features), _count("the source", source, features)
    ratio = np.log(_shares(q) + _SMALLEST_SHARE) - np.log(_shares(p) + _SMALLEST_SHARE)
    found = [int(counted.buckets.sum()) for counted in (p, q)]
    warnings = []
    if p.short > p.texts / 2:
        warnings.append(f"{p.short} of {p.texts} texts of the source have fewer than {settings.min_words} words and "
                        "would be left out; lower --min-words")
    summary = {
        "method": "dsir", "converged": True, "warnings": warnings, "buckets": BUCKETS,
        "min_words": settings.min_words, "gumbel": settings.gumbel, "source_rows": p.texts, "source_short": p.short,
        "source_ngrams": found[0], "target_rows": q.texts, "target_ngrams": found[1], "seed": settings.seed,
    }
    counts = SourceCounts(p.texts + p.blank, p.blank, p.texts, 0, 0, 0)
    return Fitted({"log_ratio": ratio}, summary, Read(counts, None, q.blank))


def _counted(found: _Found, min_words: int) -> _Counted:
    buckets = np.bincount(found.words, minlength=BUCKETS) + np.bincount(found.pairs, minlength=BUCKETS)
    return _Counted(buckets, len(found.counts), int((found.counts < min_words).sum()))


def _count(what: str, batches: Iterable[Sequence[str]], features: Features[_Counted]) -> _Counted:
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
    return _Counted(buckets, texts, short, blank)


def _ahead(begun: Iterable[Iterator[Made]]) -> Iterator[Made]:
    """All that comes of what was begun, in order; the next is begun first, so that it is read meanwhile."""
    held: Iterator[Made] = iter(())
    for each in begun:
        yield from held
        held = each
    yield from held


def _shares(counted: _Counted) -> np.ndarray:
    return np.asarray(counted.buckets / counted.buckets.sum())


class Scorer:
    """Scores any texts."""

    def __init__(self, arrays: dict[str, np.ndarray], summary: dict[str, Any], threads: int) -> None:
        self._ratio = arrays["log_ratio"]
        self._min_words, self._gumbel, self._seed = summary["min_words"], summary["gumbel"], summary["seed"]
        self._features = Features(threads, self._sums)

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Shapes: n texts -> float32 (n,)."""
        sums = np.concatenate([np.empty((0, 2)), *self._features.of(texts)])
        is_short = (sums[:, 1] < self._min_words) | ~with_content(texts)
        if self._gumbel:
            sums[:, 0] += gumbel(texts, self._seed)
        return np.where(is_short, LOWEST, sums[:, 0]).astype(np.float32)

    def _sums(self, found: _Found) -> np.ndarray:
        """Log-ratio and number of words of each text. Shapes: -> float64 (n, 2)."""
        count = len(found.counts)
        # bincount adds up in order, one text as if it were alone.
        words = np.bincount(found.word_texts, self._ratio[found.words], count)
        return np.stack([words + np.bincount(found.pair_texts, self._ratio[found.pairs], count), found.counts], axis=1)


def gumbel(texts: Sequence[str], seed: int) -> np.ndarray:
    """-log(-log(u)) with u from each text's bytes and the seed. Shapes: n texts -> float64 (n,)."""
    key = (seed & _SEED_MASK).to_bytes(_SEED_BYTES, "little")
    digests = [hashlib.blake2b(text.encode(), digest_size=8, key=key).digest() for text in texts]
    return np.asarray(-np.log(-np.log(uniform(np.frombuffer(b"".join(digests), dtype="<u8")))))
