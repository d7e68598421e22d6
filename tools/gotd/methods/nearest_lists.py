"""For every target row the documents nearest to it, from one reading of a pool of any size."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

#: Entries gathered before they are sorted in.
_GATHERED = 1 << 20


class Entries(NamedTuple):
    """Documents near target rows, in any order.

    target   : int32 (e,), which target row.
    distance : float32 (e,).
    key      : uint64 (e,), which document: equal for documents with equal vectors.
    """

    target: np.ndarray
    distance: np.ndarray
    key: np.ndarray


class NearestLists:
    """The `depth` nearest different documents of each of `count` target rows, nearest first, ties by key.

    Holds count * depth entries twice over, whatever has been added.
    """

    def __init__(self, count: int, depth: int) -> None:
        #: float32 (count,): what lies further from a target row than this has no place in its list.
        self.limits = np.full(count, np.inf, dtype=np.float32)
        self._count, self._depth = count, depth
        self._gathered: list[Entries] = []
        self._waiting = 0

    def add(self, found: Entries) -> None:
        """More documents; a document may come again."""
        self._gathered.append(found)
        self._waiting += len(found.key)
        if self._waiting > max(_GATHERED, self._count * self._depth):
            self._gathered, self._waiting = [self._sorted()], 0

    def lists(self) -> list[Entries]:
        """One list for each target row; shorter than `depth` only where it holds all different documents."""
        found = self._sorted()
        bounds = np.searchsorted(found.target, np.arange(self._count + 1))
        return [Entries(*(part[a:b] for part in found)) for a, b in pairwise(bounds.tolist())]

    def _sorted(self) -> Entries:
        """All entries that still have a place, by target row, distance and key, each document once."""
        none = Entries(np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.uint64))
        found = Entries(*(np.concatenate(parts) for parts in zip(none, *self._gathered, strict=True)))
        order = np.lexsort((found.key, found.distance, found.target))
        found = Entries(*(part[order] for part in found))
        first = np.ones(len(order), dtype=bool)
        first[1:] = (found.target[1:] != found.target[:-1]) | (found.key[1:] != found.key[:-1])
        found = Entries(*(part[first] for part in found))
        starts = np.searchsorted(found.target, np.arange(self._count))
        rank = np.arange(len(found.target)) - starts[found.target]
        last = rank == self._depth - 1
        self.limits[found.target[last]] = found.distance[last]
        return Entries(*(part[rank < self._depth] for part in found))
