"""A number for each row that depends on its content alone: pseudo-random, and the same wherever the row stands.

    key(x) = mix(sum over words j of  b_j h((x_j xor r_j) A)),   h(z) = z xor (z >> 32),  modulo 2^64

x_j being the row as float16, four numbers a word; r_j and the odd b_j are pseudo-random and go by the seed. A word that
differs changes its summand for certain, since every step can be undone; two rows that differ anyhow share a key about
once in 2^64.

Source: multilinear hashing: Carter and Wegman, Universal classes of hash functions (1979); the finaliser mix: Steele,
Lea and Flood, Fast splittable pseudorandom number generators (OOPSLA 2014).
"""

from functools import lru_cache

import numpy as np

from gotd.methods.row_sample import mix, row_keys

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_HALVES_IN_WORD = 4
#: The bits of float16's -0.0 as a whole number: the smallest of 16 bits.
_NEGATIVE_ZERO = -0x8000
#: Rows hashed at a time: their words stay in a core's cache.
_ROWS_AT_ONCE = 256
#: Bits of a key that a float64 between 0 and 1 can hold.
_UNIT_BITS = 53


def content_keys(rows: np.ndarray, seed: int) -> np.ndarray:
    """Return a pseudo-random key for the content of each row.

    Shapes: rows float16 or float32 (n, d) -> uint64 (n,). Equal rows have equal keys; so do rows that float16 cannot
    tell apart, because in a pipe vectors are float16 whatever they were made as.
    """
    words = _words(rows)
    masks, factors = _constants(seed, words.shape[1])
    keys = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        mixed = words[start : start + _ROWS_AT_ONCE] ^ masks
        mixed *= _MULTIPLIER
        mixed ^= mixed >> np.uint64(32)
        mixed *= factors
        keys[start : start + _ROWS_AT_ONCE] = mixed.sum(axis=1)
    return mix(keys)


def _words(rows: np.ndarray) -> np.ndarray:
    """Return rows as float16, padded with zeros to whole words. Shapes: (n, d) -> uint64 (n, w)."""
    with np.errstate(over="ignore"):
        halves = np.ascontiguousarray(rows, dtype="<f2")
    bits = halves.view("<u2")
    if bits.view("<i2").min(initial=0) == _NEGATIVE_ZERO:  # it equals 0.0 and has other bytes
        bits = np.where(bits.view("<i2") == _NEGATIVE_ZERO, np.uint16(0), bits)
    if short := -bits.shape[1] % _HALVES_IN_WORD:
        bits = np.pad(bits, ((0, 0), (0, short)))
    return np.ascontiguousarray(bits).view("<u8")


@lru_cache(maxsize=8)
def _constants(seed: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return r_j and b_j. Shapes: -> uint64 (width,), uint64 (width,)."""
    drawn = row_keys(seed, 0, 2 * width)
    return drawn[:width], drawn[width:] | np.uint64(1)


def uniform(keys: np.ndarray) -> np.ndarray:
    """Keys as numbers between 0 and 1, neither included. Shapes: uint64 (n,) -> float64 (n,)."""
    top = (keys >> np.uint64(64 - _UNIT_BITS)).astype(np.float64)
    return np.asarray((top + 0.5) * 2.0**-_UNIT_BITS)
