"""Cross-entropies with intervals: how sure they are, given how few texts of the target there are.

Texts are drawn again with replacement, all choices judged on the same ones, so that what makes a text hard for all of
them drops out of the differences.

Source: Efron and Tibshirani, An introduction to the bootstrap, 1993, chapters 8 and 13 (percentile intervals).
"""

import math
from typing import NamedTuple

import numpy as np

_LOW, _HIGH = 0.025, 0.975
#: Resamples worked on at a time.
_AT_ONCE = 64


class Estimate(NamedTuple):
    """A figure and the interval that holds 95 % of its resamples."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> "Estimate":
        """In another unit."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)


class Judgement:
    """The costs of several models on the same texts, resampled.

    costs : float64 (models, n), nats of each text
    words, sizes : int64 (n,), words and UTF-8 bytes of each text
    """

    def __init__(self, costs: np.ndarray, words: np.ndarray, sizes: np.ndarray, resamples: int, seed: int) -> None:
        self._nats = costs.sum(axis=1) / words.sum()
        self._bits = costs.sum(axis=1) / sizes.sum() / math.log(2)
        random, n = np.random.default_rng(seed), len(words)
        columns = np.concatenate([costs, words[None], sizes[None]]).T
        parts = []
        for start in range(0, resamples, _AT_ONCE):
            drawn = random.integers(0, n, (min(_AT_ONCE, resamples - start), n))
            weights = np.stack([np.bincount(row, minlength=n) for row in drawn])
            parts.append(weights @ columns)
        sums = np.concatenate(parts)
        self._resampled_nats = sums[:, :-2] / sums[:, -2:-1]
        self._resampled_bits = sums[:, :-2] / sums[:, -1:] / math.log(2)

    def nats_per_token(self, model: int) -> Estimate:
        """Cross-entropy for each word."""
        return _estimate(self._nats[model], self._resampled_nats[:, model])

    def bits_per_byte(self, model: int) -> Estimate:
        """Cross-entropy for each byte of the texts' UTF-8."""
        return _estimate(self._bits[model], self._resampled_bits[:, model])

    def difference(self, model: int, other: int) -> Estimate:
        """Nats per token of a model less those of another, on the same texts."""
        resampled = self._resampled_nats[:, model] - self._resampled_nats[:, other]
        return _estimate(self._nats[model] - self._nats[other], resampled)


def _estimate(value: float, resampled: np.ndarray) -> Estimate:
    low, high = np.quantile(resampled, [_LOW, _HIGH])
    return Estimate(float(value), float(low), float(high))
