"""Token ids of pieces of text by their hash: a dictionary that answers for thousands of pieces in a few numpy calls."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gotd.embedders.words import Int64s, UInt64s

Int32s: TypeAlias = npt.NDArray[np.int32]

#: Slots, as a power of two; half of them are filled at most, so that searches are short.
_BITS = 19
MAX_PIECES = 1 << (_BITS - 1)
MAX_TOKENS = 4 * MAX_PIECES


class PieceTable:
    """Hash to token ids, by open addressing: a piece has the slot its hash's top bits name, or the next free one.

    All of it is in memory from the start (12 MiB), so that what a command holds does not grow as it learns.
    """

    def __init__(self) -> None:
        self._pieces = self._tokens = 0
        self._keys = np.empty(1 << _BITS, dtype=np.uint64)
        self._values = _zeros(1 << _BITS)
        self._firsts = _zeros(MAX_PIECES)
        self._counts = _zeros(MAX_PIECES)
        self._ids = _zeros(MAX_TOKENS)
        self.clear()

    def __len__(self) -> int:
        return self._pieces

    def clear(self) -> None:
        """Forgets everything."""
        self._pieces = self._tokens = 0
        self._keys.fill(0)  # a free slot; what stands elsewhere is written before it is read

    def has_room(self, pieces: int, tokens: int) -> bool:
        """Whether so many more can be added."""
        return self._pieces + pieces <= MAX_PIECES and self._tokens + tokens <= MAX_TOKENS

    def find(self, hashes: UInt64s) -> Int64s:
        """Number of each piece, int64 (n,); -1 where it is not known."""
        wanted = np.maximum(hashes, np.uint64(1))  # zero marks a free slot
        slots = (wanted >> np.uint64(64 - _BITS)).view(np.int64)
        keys = self._keys[slots]
        numbers = np.where(keys == wanted, self._values[slots], -1).astype(np.int64)
        left = np.flatnonzero((keys != wanted) & (keys != 0))
        while len(left):
            slots[left] = (slots[left] + 1) & ((1 << _BITS) - 1)
            keys = self._keys[slots[left]]
            here = keys == wanted[left]
            numbers[left[here]] = self._values[slots[left[here]]]
            left = left[~here & (keys != 0)]
        return numbers

    def add(self, hashes: UInt64s, ids: Sequence[Sequence[int]]) -> None:
        """Pieces that are not there yet, each hash once, for which there is room."""
        counts = np.array([len(each) for each in ids], dtype=np.int64)
        flat = np.fromiter((token for each in ids for token in each), dtype=np.int64, count=int(counts.sum()))
        numbers = np.arange(self._pieces, self._pieces + len(ids))
        self._firsts[numbers] = self._tokens + np.cumsum(counts) - counts
        self._counts[numbers] = counts
        self._ids[self._tokens : self._tokens + len(flat)] = flat
        self._pieces += len(ids)
        self._tokens += len(flat)
        self._place(np.maximum(hashes, np.uint64(1)), numbers)

    def _place(self, wanted: UInt64s, numbers: Int64s) -> None:
        slots = (wanted >> np.uint64(64 - _BITS)).view(np.int64)
        while len(slots):
            free = self._keys[slots] == 0
            self._keys[slots[free]] = wanted[free]
            placed = self._keys[slots] == wanted  # of two that met in one slot, one
            self._values[slots[placed]] = numbers[placed]
            wanted, numbers, slots = wanted[~placed], numbers[~placed], slots[~placed]
            slots = (slots + 1) & ((1 << _BITS) - 1)

    def ids(self, numbers: Int64s) -> tuple[Int64s, Int64s]:
        """Token ids of the pieces in a row, int64 (t,), and how many are each piece's, int64 (n,)."""
        counts = self._counts[numbers]
        ends = np.cumsum(counts)
        starts = np.repeat(self._firsts[numbers] - (ends - counts), counts)
        return self._ids[starts + np.arange(len(starts))].astype(np.int64), counts.astype(np.int64)


def _zeros(count: int) -> Int32s:
    """Zeros that are in memory at once."""
    made = np.empty(count, dtype=np.int32)
    made.fill(0)
    return made
