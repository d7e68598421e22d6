"""The header of a `.npy`: what follows, said in a line of Python, read without believing it."""

import io
import warnings
from typing import NamedTuple

import numpy as np

MAGIC = b"\x93NUMPY"
#: Headers end at multiples of so many bytes.
_ALIGNMENT = 64
#: numpy's own limit: a longer line takes its parser ever longer.
MAX_HEADER_BYTES = 10_000
#: Keys in the headers of arrays that numpy must not take for whole files. numpy refuses keys that it does not know, and
#: its error shows them. The first opens a pipe; the second stands in a file until its rows are counted.
IN_A_PIPE = "gotd wrote this to a pipe, as several arrays; numpy reads what is written with -o FILE.npy or > FILE.npy"
UNFINISHED = "cut short: gotd did not finish it"


class Header(NamedTuple):
    """version : major, of the format; shape : as it stands there, negative numbers too; mark : our key in it"""

    version: int
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    fortran: bool
    mark: str = ""

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
    mark, line = _without_mark(line)
    length = len(line).to_bytes(len(length), "little")
    read = np.lib.format.read_array_header_1_0 if version == 1 else np.lib.format.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numbers that Python 2 wrote
            shape, fortran, dtype = read(io.BytesIO(length + line), max_header_size=MAX_HEADER_BYTES)
    except Exception as error:  # whatever Python's own parser makes of it
        raise ValueError(f"damaged .npy header ({' '.join(str(error).split())[:100]})") from error
    if any(isinstance(length, bool) for length in shape):  # numbers to numpy's parser, and to nobody after it
        raise ValueError(f"damaged .npy header (shape {shape})")
    return Header(version, dtype, shape, fortran, mark)


def marked(header: bytes, mark: str, may_grow: bool) -> bytes:
    """Return a version 1 header with one more key; as long as it was, or else longer by whole lines of 64 bytes."""
    start, line = header[:8], header[10:].rstrip()
    line = line[:-1] + _entry(mark) + b"}"
    size = len(header)
    while may_grow and 10 + len(line) + 1 > size:
        size += _ALIGNMENT
    return start + (size - 10).to_bytes(2, "little") + line.ljust(size - 11) + b"\n"


def _without_mark(line: bytes) -> tuple[str, bytes]:
    for mark in (IN_A_PIPE, UNFINISHED):
        if _entry(mark) in line:
            return mark, line.replace(_entry(mark), b"", 1)
    return "", line


def _entry(mark: str) -> bytes:
    return f"{mark!r}: 0, ".encode()
