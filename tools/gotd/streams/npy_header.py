"""The header of a `.npy`: what follows, said in a line of Python, read without believing it."""

import io
import warnings
from typing import Any, NamedTuple

import numpy as np

MAGIC = b"\x93NUMPY"
#: numpy's own limit: a longer line takes its parser ever longer.
MAX_HEADER_BYTES = 10_000


class Header(NamedTuple):
    """version : major, of the format; shape : as it stands there, negative numbers too"""

    version: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool

    @property
    def payload_bytes(self) -> int:
        """Bytes of the numbers that must follow; -1 for a shape that cannot be."""
        if any(length < 0 for length in self.shape):
            return -1
        count = 1
        for length in self.shape:
            count *= int(length)
        return count * self.dtype.itemsize


def length_bytes(version: bytes) -> int:
    """Bytes of the number that says how long the line is; ValueError for a version that there is not.

    version : major and minor, a byte each
    """
    if version not in (b"\1\0", b"\2\0", b"\3\0"):
        raise ValueError(f"version {'.'.join(map(str, version))} of the format")
    return 2 if version[0] == 1 else 4


def parse(version: int, length: bytes, line: bytes) -> Header:
    """The header whose parts these are; ValueError says what is wrong with it."""
    read = np.lib.format.read_array_header_1_0 if version == 1 else np.lib.format.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numbers that Python 2 wrote
            shape, fortran, dtype = read(io.BytesIO(length + line), max_header_size=MAX_HEADER_BYTES)
    except Exception as error:  # whatever Python's own parser makes of it
        raise ValueError(f"damaged .npy header ({' '.join(str(error).split())[:100]})") from error
    if any(isinstance(length, bool) for length in shape):  # numbers to numpy's parser, and to nobody after it
        raise ValueError(f"damaged .npy header (shape {shape})")
    return Header(version, dtype, shape, fortran)
