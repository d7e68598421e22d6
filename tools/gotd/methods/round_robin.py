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
- A target row whose nearest documents are all taken by others looks deeper, at most DEPTH R documents deep. If one
  must look deeper still, there are fewer rounds, and a warning.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from gotd.errors import GotdError
from gotd.methods.content_keys import content_keys
from gotd.methods.draw import draw
from gotd.methods.nearest_lists import Entries, NearestLists
from gotd.methods.protocol import Fitted
from gotd.methods.settings import Settings
from gotd.methods.space import centre_of, cost_from, cost_of
from gotd.ot.blocks import Workers, block_rows, padded, rechunked
from gotd.ot.cost import Cost, Target
from gotd.ot.source import Part, weighted_blocks
from gotd.ot.transform import Transform, transform

#: Documents held for each that a target row takes.
DEPTH = 16
#: Documents taken altogether unless --rounds says otherwise; the file holds twelve bytes of each.
_DEFAULT_TURNS = 1 << 16
#: float32 counts in ones to 2^24; the turns are the first half, what is never taken the other.
_MOST_TURNS = 1 << 23


def fit(target: np.ndarray, weights: np.ndarray, parts: Sequence[Part], source_is_pool: bool, settings: Settings,
        workers: Workers, device: torch.device) -> Fitted:
    """Reads the pool (twice where its mean is wanted) and takes turns.

    Shapes: target float (m, d). Arrays: points float32 (m, d), distances float32 (m, r), keys uint64 (m, r); a target
    row that found nothing left to take has infinity there.
    """
    rounds = settings.rounds or math.ceil(_DEFAULT_TURNS / len(target))
    if rounds * len(target) > _MOST_TURNS:
        raise GotdError(f"--rounds {rounds} of {len(target)} target rows: at most {_MOST_TURNS} turns can be counted")
    centred = settings.center or settings.metric == "sqeuclidean"
    mean = draw(parts, 1, settings.seed).mean if centred else np.zeros(target.shape[1], dtype=np.float32)
    cost = cost_of(settings, mean, device)
    points = cost.points(torch.from_numpy(target).to(device)).cpu().numpy()
    lists, rows = _lists(points, cost, parts, rounds * DEPTH, workers, device)
    took = take_turns([found.key.tolist() for found in lists], rounds, rounds * DEPTH)
    done = len(took)
    warnings = []
    if done < rounds and all(len(found.key) == rounds * DEPTH for found in lists):
        warnings.append(f"{done} rounds of {rounds}: target rows share their nearest documents; what is not taken in "
                        f"them is ranked by its distance to the nearest target row; a larger --rounds looks deeper")
    summary = {
        "method": "round-robin", "converged": True, "warnings": warnings, "rounds": done,
        "taken": int((took >= 0).sum()), "metric": settings.metric, "center": settings.center, "source_rows": rows,
        "target_rows": len(target),
    }
    return Fitted({"points": points} | _thresholds(lists, took) | centre_of(cost), summary)


def _lists(points: np.ndarray, cost: Cost, parts: Sequence[Part], depth: int, workers: Workers,
           device: torch.device) -> tuple[list[Entries], int]:
    """The nearest documents of every target row, and the number of documents."""
    nearest, count, read = NearestLists(len(points), depth), block_rows(device), 0
    kernel = _kernel(points, cost, device)

    def work(block: tuple[np.ndarray, np.ndarray]) -> tuple[Entries, int]:
        distances = _distances(kernel, block[0], len(points), count, device)
        row, j = np.nonzero(distances <= nearest.limits)
        keys = content_keys(block[0], 0)
        return Entries(j.astype(np.int32), distances[row, j], keys[row]), len(block[0])

    for part in parts:
        for found, rows in workers.map(work, weighted_blocks(part, count)):
            nearest.add(found)
            read += rows
    return nearest.lists(), read


def _kernel(points: np.ndarray, cost: Cost, device: torch.device) -> Transform:
    target = Target(torch.from_numpy(points).to(device), torch.full((len(points),), 1.0, dtype=torch.float64))
    return transform(cost, target, 0.0, torch.zeros(len(points), dtype=torch.float64, device=device))


def _distances(kernel: Transform, rows: np.ndarray, width: int, count: int, device: torch.device) -> np.ndarray:
    """Costs of a block, the same bits whenever it is asked. Shapes: rows (n, d), n <= count -> float32 (n, width)."""
    points = kernel.cost.points(padded(rows, count, device))
    costs = kernel.cost.alpha(points)[:, None] - kernel.logits(points)
    return np.asarray(costs[: len(rows), :width].cpu().numpy())


def take_turns(lists: list[list[int]], rounds: int, depth: int) -> np.ndarray:
    """Each list in turn takes its first entry that is not taken yet.

    lists : documents, nearest first; those shorter than `depth` are whole.
    Shapes: -> int64 (r, m), the place in its own list of what each took; -1 where nothing was left; r < rounds where
    nothing is left at all, or a list would have had to be longer.
    """
    taken: set[int] = set()
    places = [0] * len(lists)
    took: list[list[int]] = []
    while len(took) < rounds:
        turn = [-1] * len(lists)
        for j, items in enumerate(lists):
            place = places[j]
            while place < len(items) and items[place] in taken:
                place += 1
            if place < len(items):
                taken.add(items[place])
                turn[j] = place
            elif len(items) == depth:
                return _table(took, len(lists))
            places[j] = place + 1
        if max(turn) < 0:
            break
        took.append(turn)
    return _table(took, len(lists))


def _table(took: list[list[int]], count: int) -> np.ndarray:
    return np.array(took, dtype=np.int64).reshape(-1, count)


def _thresholds(lists: list[Entries], took: np.ndarray) -> dict[str, np.ndarray]:
    """Distance and key of what each target row took in each round."""
    distances = np.full(took.T.shape, np.inf, dtype=np.float32)
    keys = np.full(took.T.shape, 0xFFFFFFFFFFFFFFFF, dtype=np.uint64)
    for j, found in enumerate(lists):
        there = took[:, j] >= 0
        distances[j, there] = found.distance[took[there, j]]
        keys[j, there] = found.key[took[there, j]]
    return {"distances": distances, "keys": keys}


class Scorer:
    """Turns of any rows; the same bits for a row wherever it stands."""

    def __init__(self, arrays: dict[str, np.ndarray], summary: dict[str, Any], workers: Workers,
                 device: torch.device) -> None:
        self.dimension = int(arrays["points"].shape[1])
        self._width, self._rounds = arrays["distances"].shape
        self._distances, self._keys = arrays["distances"], arrays["keys"]
        cost = cost_from(arrays, summary["metric"], summary["center"], device)
        self._kernel = _kernel(arrays["points"], cost, device)
        self._furthest = arrays["distances"][:, -1] if self._rounds else np.full(self._width, -np.inf, np.float32)
        self._workers, self._device = workers, device

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Shapes: rows float16 or float32 (n, d) -> float32 (n,)."""
        pieces = list(self._workers.map(self._block, rechunked([rows], block_rows(self._device))))
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.float32)

    def _block(self, rows: np.ndarray) -> np.ndarray:
        distances = _distances(self._kernel, rows, self._width, block_rows(self._device), self._device)
        turns = max(1, self._width * self._rounds)
        closest = np.maximum(distances.min(axis=1).astype(np.float64), 0.0)
        found = turns * (1.0 + closest / (1.0 + closest))
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
