"""A choice by chance: documents drawn without replacement, with odds that go by their scores.

    rank(x) = score(x) / s + T G(x),   G = -log(-log u),   u uniform, by a hash of the text and a seed

s is the standard deviation of the scores of the pool. The k highest ranks are k draws, one after the other without
replacement, each with probabilities proportional to exp(score / (s T)): Gumbel top-k. Copies of a text share its u.

Source: Kool, van Hoof and Welling, Stochastic beams and where to find them (arXiv 1903.06059), section 2; Yellott, The
relationship between Luce's choice axiom, Thurstone's theory, and the double exponential distribution (1977).
"""

import hashlib
import math
from collections.abc import Iterable

import numpy as np

from gotd.content import copy_key
from gotd.methods.base import LOWEST

_HASH_BYTES = 8
#: Bits of a hash that a number between 0 and 1 takes, neither 0 nor 1 among them.
_UNIT_BITS = 52
#: A float64 is a whole number of 53 bits times a power of 2; its halves have so many bits.
_HALF_BITS = 26
#: Powers of 2 are counted from below the smallest float64.
_LEAST_EXPONENT = -1130


class Spread:
    """The standard deviation of numbers, the same bits in whatever order and blocks they come: sums are exact.

    Rows without content, which have the lowest score there is, do not count.
    """

    def __init__(self) -> None:
        self._count = self._sum = self._squares = 0

    def add(self, scores: np.ndarray) -> None:
        """The next scores, float32 (n,)."""
        numbers = scores[scores != np.float32(LOWEST)].astype(np.float64)
        self._count += len(numbers)
        self._sum += _exact_sum(numbers)
        self._squares += _exact_sum(numbers * numbers)  # of float32s a square is a float64 without rounding

    @property
    def deviation(self) -> float:
        """Root mean square of the differences from the mean; 1 where all are the same."""
        if not self._count:
            return 1.0
        unit = 1 << -_LEAST_EXPONENT
        variance = self._count * self._squares * unit - self._sum * self._sum  # in units of 1 / (count unit)^2
        return math.sqrt(variance / (self._count * unit) ** 2) if variance else 1.0


def _exact_sum(numbers: np.ndarray) -> int:
    """Return the sum in units of 2^_LEAST_EXPONENT. Shapes: float64 (n,)."""
    parts, exponents = np.frexp(numbers)
    whole = np.ldexp(parts, 2 * _HALF_BITS + 1).astype(np.int64)
    high, low = whole >> _HALF_BITS, whole & ((1 << _HALF_BITS) - 1)
    total = 0
    for exponent in np.unique(exponents).tolist():
        same = exponents == exponent
        total += ((int(high[same].sum()) << _HALF_BITS) + int(low[same].sum())) << (
            exponent - 2 * _HALF_BITS - 1 - _LEAST_EXPONENT)
    return total


class Noise:
    """Ranks by score and chance.

    temperature : above 0, in standard deviations of the scores. deviations : of the scores for each target
    """

    def __init__(self, temperature: float, seed: int, deviations: Iterable[float]) -> None:
        self._temperature = temperature
        self._deviations = list(deviations)
        self._keys = [hashlib.blake2b(b"%d %d" % (seed, target), digest_size=32).digest()
                      for target in range(len(self._deviations))]

    def rank(self, score: np.float32, text: str, target: int) -> np.float64:
        """Return what a record ranks by among those for a target."""
        gumbel = self._gumbel(copy_key(text), self._keys[target])
        return np.float64(float(score) / self._deviations[target] + self._temperature * gumbel)

    @staticmethod
    def _gumbel(content: bytes, key: bytes) -> float:
        """Return -log(-log u), from v = 1 - u, which is near 0 where the number is high."""
        number = int.from_bytes(hashlib.blake2b(content, digest_size=_HASH_BYTES, key=key).digest(), "little")
        v = ((number >> (8 * _HASH_BYTES - _UNIT_BITS)) + 0.5) * 2.0**-_UNIT_BITS
        return -math.log(-math.log1p(-v))
