"""A large target as fewer weighted points: cost and memory of everything grow with their number.

Exact duplicates are merged first, which loses nothing. What is still too many is replaced by means, each with the mass
of its members. Up to twice the limit the rows that lose least are merged, pair by pair (Ward's rule); of more,
clusters are formed: weighted sampling for a start, then Lloyd's iteration. Neither knows a seed nor the order of rows:
what is drawn goes by the rows' content.

A point y_j that is the mean of its members y_i costs |x - y_j|^2 + v_j on average, v_j their variance. A number added
to all costs of a point changes its potential by as much, and neither plan nor scores. So v_j is left out, but where
costs are measured themselves: eps is in deviations of the cost to the target as it was, and the distance has
sum_j b_j v_j added. Where rows are of unit length their points are, too: the mean of m nearly orthogonal rows has a
length of m^-1/2, and costs to it vary as much less than to any of them, as if it were as far from everything.

The error is sqrt(sum_j b_j v_j), an upper bound on the Wasserstein-2 distance between target and compressed target:
moving every row to its own mean is one way of transport.

Source: Ward, Hierarchical grouping to optimize an objective function (1963); Lloyd, Least squares quantization in PCM
(1982); weighted sampling without replacement: Efraimidis and Spirakis (2006).
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gotd.ot.blocks import Workers, block_rows, padded
from gotd.ot.cost import Cost

#: Lloyd's iterations. The first takes most of the error away; after the third it moved by less than 1 % (measured).
_LLOYD_ITERATIONS = 3
#: Pairs are merged up to so many times the limit: their search grows with the square of the rows.
_PAIRS_UP_TO = 2
#: Of the rows left, one in so many is merged before pairs are looked for anew, so many times; then clusters are formed.
_MERGED_AT_ONCE, _ROUNDS = 8, 12


class Compressed(NamedTuple):
    """Fewer points with the same total mass.

    points  : float32 (k, d).
    weights : float64 (k,), sums of the masses of the members.
    error   : root mean squared distance of a row to the point that stands for it.
    """

    points: np.ndarray
    weights: np.ndarray
    error: float

    def within(self, cost: Cost) -> float:
        """Return what the mean cost to the rows is above that to their points; 0 where they are of unit length."""
        return 0.0 if cost.is_unit else self.error**2


def compress(points: np.ndarray, weights: np.ndarray, limit: int, draws: np.ndarray, workers: Workers, *,
             unit: bool = False) -> Compressed:
    """At most `limit` weighted points for the given ones; limit 0 merges duplicates and keeps all.

    draws : float64 (n,) between 0 and 1, pseudo-random and the same for equal rows: which rows clusters start from.
    unit : rows are of unit length or zero, and so their points shall be.
    Shapes: points float32 (n, d), weights float64 (n,) >= 0, not all 0. Rows of weight 0 are dropped.
    """
    heavy = weights > 0.0
    points, weights, draws = _merged(points[heavy], weights[heavy], draws[heavy])
    if limit == 0 or len(points) <= limit:
        return Compressed(points, weights, 0.0)
    if len(points) <= _PAIRS_UP_TO * limit:
        member = _paired(points, weights, limit, draws, workers)
    else:
        member = _clustered(points, weights, limit, draws, workers)
    used, member = np.unique(member, return_inverse=True)
    centres = _means(points, weights, member, len(used))
    if unit:
        length = np.linalg.norm(centres, axis=1, keepdims=True)
        centres /= np.maximum(length, np.finfo(np.float32).tiny)
    distance = np.square(points - centres[member], dtype=np.float64).sum(axis=1)
    return Compressed(centres, np.bincount(member, weights=weights), float(np.sqrt(weights @ distance)))


def _merged(points: np.ndarray, weights: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Equal rows as one row with the sum of their weights and the least draw, in order of first appearance."""
    keys = np.ascontiguousarray(points).view(np.dtype((np.void, points.itemsize * points.shape[1]))).ravel()
    _, first, member = np.unique(keys, return_index=True, return_inverse=True)
    mass, least = np.bincount(member, weights=weights, minlength=len(first)), np.ones(len(first))
    np.minimum.at(least, member, draws)
    order = np.argsort(first)
    return points[first[order]], mass[order], least[order]


def _paired(points: np.ndarray, weights: np.ndarray, limit: int, draws: np.ndarray, workers: Workers
            ) -> np.ndarray:
    """Return the group of each row, of at most `limit`: pairs that are cheapest to merge, then pairs of what is left.

    A merger of groups of masses b and c costs b c / (b + c) |y - z|^2, what it adds to the squared error.
    Shapes: -> int64 (n,), numbers below n.
    """
    member, centres, masses = np.arange(len(points)), points, weights
    for _ in range(_ROUNDS):
        if len(centres) <= limit:
            return member
        most = min(len(centres) - limit, -(-len(centres) // _MERGED_AT_ONCE))
        into = _mergers(*_cheapest(centres, masses, workers), most)
        kept, into = np.unique(into, return_inverse=True)
        member, draws = into[member], draws[kept]
        centres, masses = _means(points, weights, member, len(kept)), np.bincount(member, weights=weights)
    return _clustered(centres, masses, limit, draws, workers)[member]


def _mergers(costs: np.ndarray, partners: np.ndarray, most: int) -> np.ndarray:
    """Return which row each row becomes one with, where no row is in two pairs. Shapes: (n,), int64 (n,) -> (n,)."""
    into, taken = np.arange(len(costs)), np.zeros(len(costs), dtype=bool)
    for row in np.argsort(costs, kind="stable").tolist():
        other = int(partners[row])
        if taken[row] or taken[other]:
            continue
        taken[row] = taken[other] = True
        into[max(row, other)] = min(row, other)
        most -= 1
        if not most:
            break
    return into


def _cheapest(centres: np.ndarray, masses: np.ndarray, workers: Workers) -> tuple[np.ndarray, np.ndarray]:
    """Return the least cost of a merger of each row with another, and that other. Shapes: -> float32, int64 (n,)."""
    device, rows = workers.device, block_rows(workers.device)
    y, b = torch.from_numpy(centres).to(device), torch.from_numpy(masses).float().to(device)
    b.clamp_(min=torch.finfo(torch.float32).tiny)
    squares = y.double().square().sum(dim=1).float()

    def work(start: int) -> tuple[Tensor, Tensor]:
        own = slice(start, min(start + rows, len(centres)))
        block = torch.addmm(squares, padded(centres[own], rows, device), y.T, alpha=-2.0)[: own.stop - start]
        costs = block.add_(squares[own, None]).clamp_(min=0.0).mul_(b / (b[own, None] + b)).mul_(b[own, None])
        costs[torch.arange(len(costs)), torch.arange(start, own.stop)] = torch.inf
        least = costs.min(dim=1)
        return least.values.cpu(), least.indices.cpu()

    found = list(workers.map(work, range(0, len(centres), rows)))
    return torch.cat([costs for costs, _ in found]).numpy(), torch.cat([others for _, others in found]).numpy()


def _clustered(points: np.ndarray, weights: np.ndarray, limit: int, draws: np.ndarray, workers: Workers
               ) -> np.ndarray:
    """Return the cluster of each row, of at most `limit`. Shapes: -> int64 (n,), numbers below `limit`."""
    # The smallest of exponential waiting times with rate b_j: a sample in proportion to mass, without replacement.
    waiting = -np.log(draws) / weights
    centres = points[np.sort(np.argpartition(waiting, limit)[:limit])]
    for _ in range(_LLOYD_ITERATIONS):
        centres = _means(points, weights, _nearest(points, centres, workers), len(centres))
    return _nearest(points, centres, workers)


def _nearest(points: np.ndarray, centres: np.ndarray, workers: Workers) -> np.ndarray:
    """Number of the nearest centre of each row: argmax of y.c - |c|^2/2. Shapes: (n, d), (k, d) -> int64 (n,)."""
    device, rows = workers.device, block_rows(workers.device)
    c = torch.from_numpy(centres).to(device)
    half = c.double().square().sum(dim=1).mul_(-0.5).float()

    def work(start: int) -> Tensor:
        block = points[start : start + rows]
        return torch.addmm(half, padded(block, rows, device), c.T).argmax(dim=1)[: len(block)].cpu()

    return np.asarray(torch.cat(list(workers.map(work, range(0, len(points), rows)))).numpy())


def _means(points: np.ndarray, weights: np.ndarray, member: np.ndarray, count: int) -> np.ndarray:
    """Weighted means of the clusters that have members. Shapes: -> float32 (k, d)."""
    mass = np.bincount(member, weights=weights, minlength=count)
    sums = torch.zeros((count, points.shape[1]), dtype=torch.float64)
    weighted = torch.from_numpy(points).double().mul_(torch.from_numpy(weights)[:, None])
    sums.index_add_(0, torch.from_numpy(member), weighted)
    used = mass > 0.0
    return np.asarray((sums.numpy()[used] / mass[used, None]).astype(np.float32))
