"""Where a number stands in a list of distinct numbers, for many numbers at once."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gotd.methods.row_sample import mix

Int64s: TypeAlias = npt.NDArray[np.int64]
Int32s: TypeAlias = npt.NDArray[np.int32]

#: Slots for each key: most keys then stand in the first slot that is looked at.
_SLOTS_PER_KEY = 4


class Lookup:
    """A hash table with linear probing, in numpy. Memory: 24 to 40 bytes a key.

    keys : int64 (k,), distinct
    """

    def __init__(self, keys: Int64s) -> None:
        self.keys = keys
        bits = max(1, _SLOTS_PER_KEY * len(keys) - 1).bit_length()
        self._mask = np.int64((1 << bits) - 1)
        self._slots = np.full(1 << bits, -1, dtype=np.int32)
        waiting, at = np.arange(len(keys), dtype=np.int32), self._home(keys)
        while len(waiting):
            free = self._slots[at] < 0
            self._slots[at[free]] = waiting[free]  # of several that want one slot, the last has it
            left = self._slots[at] != waiting
            waiting, at = waiting[left], (at[left] + 1) & self._mask

    def find(self, keys: Int64s) -> Int32s:
        """The place of each key in the list, -1 where it is not there. Shapes: int64 (n,) -> int32 (n,)."""
        at = self._home(keys)
        places = self._slots[at]
        open_ = np.flatnonzero(places >= 0)
        while len(open_):
            wrong = self.keys[places[open_]] != keys[open_]
            open_ = open_[wrong]
            at[open_] = (at[open_] + 1) & self._mask
            places[open_] = self._slots[at[open_]]
            open_ = open_[places[open_] >= 0]
        return places

    def _home(self, keys: Int64s) -> Int64s:
        return mix(keys.astype(np.uint64)).astype(np.int64) & self._mask
