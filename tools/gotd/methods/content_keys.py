"""A number for each row that depends on its content alone: pseudo-random, and the same wherever the row stands."""

import numpy as np

from gotd.methods.sampling import mix

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MASK = 0xFFFFFFFFFFFFFFFF
_HALVES_IN_NUMBER = 4
#: Bits of a key that a float64 between 0 and 1 can hold.
_UNIT_BITS = 53


def content_keys(rows: np.ndarray, seed: int) -> np.ndarray:
    """splitmix64's finaliser chained over the rows' bytes as float16, eight at a step.

    Shapes: rows float16 or float32 (n, d) -> uint64 (n,). Equal rows have equal keys; so do rows that float16 cannot
    tell apart, because in a pipe vectors are float16 whatever they were made as.
    """
    with np.errstate(over="ignore"):
        halves = rows.astype("<f2") + np.float16(0.0)  # -0.0 equals 0.0 and has other bytes
    width = -(-rows.shape[1] // _HALVES_IN_NUMBER)
    whole = np.zeros((len(rows), width * _HALVES_IN_NUMBER), dtype="<f2")
    whole[:, : rows.shape[1]] = halves
    keys = np.full(len(rows), seed & _MASK, dtype=np.uint64)
    for column in np.ascontiguousarray(whole.view("<u8").T):
        keys = mix(keys * _GOLDEN ^ column)
    return mix(keys)


def uniform(keys: np.ndarray) -> np.ndarray:
    """Keys as numbers between 0 and 1, neither included. Shapes: uint64 (n,) -> float64 (n,)."""
    top = (keys >> np.uint64(64 - _UNIT_BITS)).astype(np.float64)
    return np.asarray((top + 0.5) * 2.0**-_UNIT_BITS)
