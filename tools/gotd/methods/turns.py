"""Turns of target rows: the documents nearest to each, from readings of a pool of any size, and who takes what."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gotd.methods.base import VectorProblem
from gotd.methods.content_keys import content_keys
from gotd.ot.blocks import block_rows, padded
from gotd.ot.cost import Cost, Target
from gotd.ot.source import weighted_blocks
from gotd.ot.transform import Transform, folded, transform

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


def nearest_left(problem: VectorProblem, points: np.ndarray, cost: Cost, depth: int, taken: set[int]) -> list[Entries]:
    """Return the nearest documents of every target row that are not taken. Shapes: points float32 (m, d)."""
    device = problem.device
    nearest, count = NearestLists(len(points), depth), block_rows(device)
    gone = np.fromiter(taken, dtype=np.uint64, count=len(taken))
    kernel = kernel_of(points, cost, device)

    def work(block: tuple[np.ndarray, np.ndarray]) -> Entries:
        distances = distances_of(kernel, block[0], len(points), count, device)
        keys = content_keys(block[0], 0)
        row, j = np.nonzero((distances <= nearest.limits) & ~np.isin(keys, gone)[:, None])
        return Entries(j.astype(np.int32), distances[row, j], keys[row])

    for part in problem.parts:
        for found in problem.workers.map(work, weighted_blocks(part, count)):
            nearest.add(found)
    return nearest.lists()


def kernel_of(points: np.ndarray, cost: Cost, device: torch.device) -> Transform:
    """Return what costs to the target's points are computed with. Shapes: points float32 (m, d)."""
    target = Target(torch.from_numpy(points).to(device), torch.ones(len(points), dtype=torch.float64, device=device))
    return folded(transform(cost, target, 0.0, torch.zeros(len(points), dtype=torch.float64, device=device)))


def distances_of(kernel: Transform, rows: np.ndarray, width: int, count: int, device: torch.device) -> np.ndarray:
    """Costs of a block, the same bits whenever it is asked. Shapes: rows (n, d), n <= count -> float32 (n, width)."""
    return costs_of(kernel, kernel.cost.points(padded(rows, count, device)), width)[: len(rows)]


def costs_of(kernel: Transform, points: Tensor, width: int) -> np.ndarray:
    """Costs of points, as from `kernel.cost`. Shapes: points float32 (block, d) -> float32 (block, width)."""
    costs = kernel.cost.alpha(points)[:, None] - kernel.logits(points)
    return np.asarray(costs[:, :width].cpu().numpy())


class Turns:
    """Target rows in turn take the first document of their list that nobody has taken.

    taken : keys of the documents that are.
    """

    def __init__(self, count: int, rounds: int) -> None:
        self.taken: set[int] = set()
        self._count, self._rounds, self._turn = count, rounds, 0
        self._distances = np.full((count, rounds), np.inf, dtype=np.float32)
        self._keys = np.full((count, rounds), 0xFFFFFFFFFFFFFFFF, dtype=np.uint64)

    def play(self, lists: Sequence[Entries], depth: int) -> bool:
        """Goes on until all rounds are over (True), or until a list ends that may have gone on.

        lists : for each target row what is left, nearest first; those shorter than `depth` hold all that is left.
        """
        keys = [found.key.tolist() for found in lists]
        places = [0] * self._count
        while self._turn < self._count * self._rounds:
            turn, j = divmod(self._turn, self._count)
            place = places[j]
            while place < len(keys[j]) and keys[j][place] in self.taken:
                place += 1
            places[j] = place
            if place < len(keys[j]):
                self.taken.add(keys[j][place])
                self._distances[j, turn], self._keys[j, turn] = lists[j].distance[place], lists[j].key[place]
            elif len(keys[j]) == depth:
                return False
            self._turn += 1
        return True

    def thresholds(self) -> dict[str, np.ndarray]:
        """Distance and key of what each target row took in each whole round in which something was left."""
        done = self._turn // self._count
        took = np.flatnonzero(np.isfinite(self._distances[:, :done]).any(axis=0))
        return {"distances": self._distances[:, : len(took)].copy(), "keys": self._keys[:, : len(took)].copy()}
