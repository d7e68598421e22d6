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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar

from gotd.methods.base import LOWEST, Arrays, Fitted, Read, SourceCounts, TextProblem, TextRule
from gotd.methods.options import Option, SeededOptions
from gotd.methods.schema import ArrayField, Count, Flag, Measured, TextSummary, Whole

if TYPE_CHECKING:
    import numpy as np

    from gotd.methods.text_features import NGrams

#: Buckets that words and pairs are counted in: the package's own number.
BUCKETS = 10_000
#: Added to every share, so that none is zero: the package's own number.
_SMALLEST_SHARE = 1e-8
#: Of two shares between 1e-8 and 1 + 1e-8 it is at most 18.5; infinity and NaN are more.
_MOST_LOG_RATIO = 20.0
_SEED_BYTES = 8
_SEED_MASK = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True)
class DsirOptions(SeededOptions):
    """Options of the likelihood ratio."""

    gumbel: Annotated[bool, Option("Of dsir: add noise, so that the best are a sample in proportion.")] = False
    min_words: Annotated[int, Option("Of dsir: shorter texts score lowest.", "N", least=0)] = 100

    def idle(self) -> Mapping[str, str]:
        """Return what only noise has a use for."""
        return {} if self.gumbel else {"seed": " without --gumbel"}


@dataclass(frozen=True, kw_only=True)
class DsirSummary(TextSummary):
    """What the fit says of itself. source_short : texts of the source with fewer than min_words words"""

    buckets: Measured = BUCKETS
    min_words: Count
    gumbel: Flag
    source_rows: Measured = None
    source_short: Measured = None
    source_ngrams: Measured = None
    target_rows: Measured = None
    target_ngrams: Measured = None
    seed: Whole


def _is_log_ratio(ratio: "np.ndarray") -> bool:
    return bool((abs(ratio) <= _MOST_LOG_RATIO).all())


class LikelihoodRatios:
    """Scores any texts."""

    def __init__(self, arrays: Arrays, figures: DsirSummary, threads: int) -> None:
        from gotd.methods.text_features import Features

        self._ratio, self._figures = arrays["log_ratio"], figures
        self._features = Features(threads, self._sums)

    def scores(self, texts: Sequence[str]) -> "np.ndarray":
        """Shapes: n texts -> float32 (n,)."""
        import numpy as np

        from gotd.content import with_content

        sums = np.concatenate([np.empty((0, 2)), *self._features.of(texts)])
        is_short = (sums[:, 1] < self._figures.min_words) | ~with_content(texts)
        if self._figures.gumbel:
            sums[:, 0] += gumbel(texts, self._figures.seed)
        return np.where(is_short, LOWEST, sums[:, 0]).astype(np.float32)

    def _sums(self, ngrams: "NGrams") -> "np.ndarray":
        """Log-ratio and number of words of each text. Shapes: -> float64 (n, 2)."""
        import numpy as np

        count = len(ngrams.counts)
        # bincount adds up in order, one text as if it were alone.
        words = np.bincount(ngrams.word_texts, self._ratio[ngrams.words], count)
        pairs = np.bincount(ngrams.pair_texts, self._ratio[ngrams.pairs], count)
        return np.stack([words + pairs, ngrams.counts], axis=1)


class Dsir(TextRule):
    """The log-ratio of the buckets' shares. Arrays: log_ratio float64 (BUCKETS,)."""

    name = "dsir"
    options_type = DsirOptions
    options: DsirOptions
    arrays: ClassVar = {"log_ratio": ArrayField("<f8", (BUCKETS,), _is_log_ratio)}
    summary_type = DsirSummary
    scorer_type = LikelihoodRatios

    def fit(self, problem: TextProblem) -> Fitted:
        """Count target and source. Raises: GotdError where one of them has no words."""
        import numpy as np

        from gotd.methods.text_features import Features, count_all, counted, shares

        options = self.options
        features = Features(problem.threads, partial(counted, min_words=options.min_words))
        q = count_all("the target", problem.target, features)
        p = count_all("the source", problem.source, features)
        ratio = np.log(shares(q) + _SMALLEST_SHARE) - np.log(shares(p) + _SMALLEST_SHARE)
        warnings = []
        if p.short > p.texts / 2:
            warnings.append(f"{p.short} of {p.texts} texts of the source have fewer than {options.min_words} words and "
                            "would be left out; lower --min-words")
        summary = DsirSummary(
            method=self.name, warnings=warnings, min_words=options.min_words, gumbel=options.gumbel,
            source_rows=p.texts, source_short=p.short, source_ngrams=int(p.buckets.sum()), target_rows=q.texts,
            target_ngrams=int(q.buckets.sum()), seed=options.seed, text_key=problem.text_key)
        counts = SourceCounts(p.texts + p.blank, p.blank, p.texts, 0, 0, 0)
        return Fitted({"log_ratio": ratio}, summary, Read(counts, None, q.blank))


def gumbel(texts: Sequence[str], seed: int) -> "np.ndarray":
    """-log(-log(u)) with u from each text's bytes and the seed. Shapes: n texts -> float64 (n,)."""
    import numpy as np

    from gotd.methods.content_keys import uniform

    key = (seed & _SEED_MASK).to_bytes(_SEED_BYTES, "little")
    digests = [hashlib.blake2b(text.encode(), digest_size=8, key=key).digest() for text in texts]
    return np.asarray(-np.log(-np.log(uniform(np.frombuffer(b"".join(digests), dtype="<u8")))))
