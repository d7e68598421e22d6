"""Round-robin: each target row in turn takes the nearest document that nobody has taken yet.

    score(x) = -(the turn at which x is taken), counted from 0: turn t M + j is round t, row j of the M target rows

so the k best by score are the first k that are taken, whatever k. It is decided document by document all the same. Let
D_jt be the cost from y_j to what it took in round t. What y_j had passed over by then was nearer, and taken; so x is
taken by the end of round t exactly when C(x, y_j) <= D_jt for some j, and its turn is the first (t, j) for which that
holds. The M x R numbers D, and the keys of those documents to settle equal distances, are the target file.

Where it differs from rows of a table taken one by one:
- Documents with equal vectors count as one: they are taken together, at the same score. A score of a document on its
  own cannot tell them apart. It is exactly a round-robin over the pool without its copies.
- A document that was not in the pool gets the turn of the first one taken that is not nearer.
- After R rounds (--rounds) the order is that of the distance to the nearest target row, all below what was taken.
- Where the nearest documents held for a target row have all been taken by others, the pool is read again for the
  nearest that are left; after MOST_READINGS there are fewer rounds, and a warning.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from gotd.errors import GotdError
from gotd.methods.block_scorer import BlockScorer
from gotd.methods.content_keys import content_keys
from gotd.methods.nearest_lists import Entries, NearestLists
from gotd.methods.protocol import Fitted
from gotd.methods.settings import Settings
from gotd.methods.space import cost_from, space_arrays, space_of, space_summary
from gotd.ot.blocks import Workers, block_rows, padded
from gotd.ot.cost import Cost, Target
from gotd.ot.source import Part, weighted_blocks
from gotd.ot.transform import Transform, transform

#: Documents held for each that a target row takes, and altogether at least: sixteen bytes of each.
_DEPTH, _HELD = 16, 1 << 20
#: Readings of the pool in search of documents that are left. Each takes as many more as are held for a target row.
MOST_READINGS = 20
#: Documents taken altogether unless --rounds says otherwise; the file holds twelve bytes of each.
_DEFAULT_TURNS = 1 << 16
#: float32 counts in ones to 2^24; the turns are the first half, what is never taken the other.
_MOST_TURNS = 1 << 23


def fit(target: np.ndarray, weights: np.ndarray, parts: Sequence[Part], source_is_pool: bool, settings: Settings,
        workers: Workers, device: torch.device, ranked: Part | None = None) -> Fitted:
    """Reads the pool (twice where its mean is wanted) and takes turns.

    Shapes: target float (m, d). Arrays: points float32 (m, d), distances float32 (m, r), keys uint64 (m, r); a target
    row that found nothing left to take has infinity there.
    """
    rounds = settings.rounds or math.ceil(_DEFAULT_TURNS / len(target))
    if rounds * len(target) > _MOST_TURNS:
        raise GotdError(f"--rounds {rounds} of {len(target)} target rows: at most {_MOST_TURNS} turns can be counted")
    space = space_of(target, parts, settings, workers, device)
    cost = space.cost
    points = cost.points(torch.from_numpy(target).to(device)).cpu().numpy()
    depth = max(rounds * _DEPTH, _HELD // len(target))
    game = Turns(len(points), rounds)
    readings, over = 0, False
    while not over and readings < MOST_READINGS:
        lists = _lists(points, cost, parts, depth, game.taken, workers, device)
        over = game.play(lists, depth)
        readings += 1
    arrays = game.thresholds()
    done = arrays["keys"].shape[1]
    warning = f"{done} rounds of {rounds}: target rows share their nearest documents; the rest is ranked by distance"
    summary = {
        "method": "round-robin", "converged": True, "warnings": [] if over else [warning], "rounds": done,
        "taken": int(np.isfinite(arrays["distances"]).sum()), "readings": readings,
        **space_summary(settings), "source_rows": space.drawn.counts.distinct, "target_rows": len(target),
    }
    return Fitted({"points": points} | arrays | space_arrays(cost), summary, space.read)


def _lists(points: np.ndarray, cost: Cost, parts: Sequence[Part], depth: int, taken: set[int], workers: Workers,
           device: torch.device) -> list[Entries]:
    """The nearest documents of every target row that are not taken."""
    nearest, count = NearestLists(len(points), depth), block_rows(device)
    gone = np.fromiter(taken, dtype=np.uint64, count=len(taken))
    kernel = _kernel(points, cost, device)

    def work(block: tuple[np.ndarray, np.ndarray]) -> Entries:
        distances = _distances(kernel, block[0], len(points), count, device)
        keys = content_keys(block[0], 0)
        row, j = np.nonzero((distances <= nearest.limits) & ~np.isin(keys, gone)[:, None])
        return Entries(j.astype(np.int32), distances[row, j], keys[row])

    for part in parts:
        for found in workers.map(work, weighted_blocks(part, count)):
            nearest.add(found)
    return nearest.lists()


def _kernel(points: np.ndarray, cost: Cost, device: torch.device) -> Transform:
    target = Target(torch.from_numpy(points).to(device), torch.ones(len(points), dtype=torch.float64, device=device))
    return transform(cost, target, 0.0, torch.zeros(len(points), dtype=torch.float64, device=device))


def _distances(kernel: Transform, rows: np.ndarray, width: int, count: int, device: torch.device) -> np.ndarray:
    """Costs of a block, the same bits whenever it is asked. Shapes: rows (n, d), n <= count -> float32 (n, width)."""
    points = kernel.cost.points(padded(rows, count, device))
    costs = kernel.cost.alpha(points)[:, None] - kernel.logits(points)
    return np.asarray(costs[: len(rows), :width].cpu().numpy())


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


class Scorer(BlockScorer):
    """Turns of any rows."""

    def __init__(self, arrays: dict[str, np.ndarray], summary: dict[str, Any], workers: Workers,
                 device: torch.device) -> None:
        super().__init__(workers, device)
        self.dimension = int(arrays["points"].shape[1])
        self._width, self._rounds = arrays["distances"].shape
        self._distances, self._keys = arrays["distances"], arrays["keys"]
        cost = cost_from(arrays, summary["metric"], summary["center"], device)
        self._kernel = _kernel(arrays["points"], cost, device)
        self._furthest = arrays["distances"][:, -1] if self._rounds else np.full(self._width, -np.inf, np.float32)

    def _block(self, rows: np.ndarray) -> np.ndarray:
        distances = _distances(self._kernel, rows, self._width, self._rows, self._device)
        turns = max(1, self._width * self._rounds)
        closest = np.maximum(distances.min(axis=1).astype(np.float64), 0.0)
        found = turns * (2.0 - 1.0 / (1.0 + closest))  # up to twice the turns, at an infinite distance too
        row, j = np.nonzero(distances <= self._furthest)
        rounds = self._first_rounds(j, distances[row, j], content_keys(rows, 0)[row])
        taken = rounds < self._rounds
        np.minimum.at(found, row[taken], rounds[taken] * self._width + j[taken])
        return np.asarray((0.0 - found).astype(np.float32))

    def _first_rounds(self, j: np.ndarray, distances: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """The first round in which target row j took something not nearer, by bisection. Shapes: (e,) -> int64 (e,)."""
        low, high = np.zeros(len(j), dtype=np.int64), np.full(len(j), self._rounds)
        while (low < high).any():
            middle = np.minimum((low + high) // 2, self._rounds - 1)
            there, key = self._distances[j, middle], self._keys[j, middle]
            nearer = (there < distances) | ((there == distances) & (key < keys))
            open_ = low < high
            low, high = np.where(open_ & nearer, middle + 1, low), np.where(open_ & ~nearer, middle, high)
        return low
