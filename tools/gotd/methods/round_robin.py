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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from gotd.errors import GotdError
from gotd.methods.base import DEVICE, Arrays, Fitted, VectorProblem, VectorRule
from gotd.methods.block_scorer import BlockScorer
from gotd.methods.options import Option, SpaceOptions
from gotd.methods.schema import CENTRE, WHITENING, ArrayField, Flag, Measured, MetricName, Summary

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from gotd.ot.blocks import Workers
    from gotd.ot.cost import Cost

#: Documents held for each that a target row takes, and altogether at least: sixteen bytes of each.
_DEPTH, _HELD = 16, 1 << 20
#: Readings of the pool in search of documents that are left. Each takes as many more as are held for a target row.
MOST_READINGS = 20
#: Documents taken altogether unless --rounds says otherwise; the file holds twelve bytes of each.
_DEFAULT_TURNS = 1 << 16
#: float32 counts in ones to 2^24; the turns are the first half, what is never taken the other.
_MOST_TURNS = 1 << 23


@dataclass(frozen=True)
class RoundRobinOptions(SpaceOptions):
    """Options of the turns."""

    rounds: Annotated[int | None, Option(
        f"Of round-robin and best-match: documents each target row takes. Default: {_DEFAULT_TURNS} among all.",
        "N", least=1)] = None

    def idle(self) -> Mapping[str, str]:
        """Return what is used to whiten alone: the whole pool is read, not a sample."""
        return {} if self.whiten else dict.fromkeys(("seed", "pool_sample"), " without --whiten")


@dataclass(frozen=True, kw_only=True)
class RoundRobinSummary(Summary):
    """What the fit says of itself. taken : documents; readings : of the pool"""

    rounds: Measured = None
    taken: Measured = None
    readings: Measured = None
    metric: MetricName
    center: Flag
    whiten: Flag = False
    source_rows: Measured = None
    target_rows: Measured = None


def _rises(distances: "np.ndarray") -> bool:
    """Each target row takes nearer documents first; infinity is where it found none."""
    return not bool((distances != distances).any() or (distances[:, 1:] < distances[:, :-1]).any())


class TurnScores(BlockScorer):
    """Turns of any rows."""

    def __init__(self, arrays: Arrays, figures: RoundRobinSummary, workers: "Workers", device: "torch.device") -> None:
        import numpy as np

        from gotd.methods.space import cost_from
        from gotd.methods.turns import kernel_of

        super().__init__(workers, device)
        self.dimension = int(arrays["points"].shape[1])
        self._width, self._rounds = arrays["distances"].shape
        self._distances, self._keys = arrays["distances"], arrays["keys"]
        cost = cost_from(arrays, figures.metric, figures.center, device)
        self._kernel = kernel_of(arrays["points"], cost, device)
        self.cost = self._kernel.cost
        self._furthest = arrays["distances"][:, -1] if self._rounds else np.full(self._width, -np.inf, np.float32)

    def of_points(self, points: "Tensor", rows: "np.ndarray") -> "np.ndarray":
        """Turns of points, by their costs and by the content of their rows."""
        import numpy as np

        from gotd.methods.content_keys import content_keys
        from gotd.methods.turns import costs_of

        distances = costs_of(self._kernel, points, self._width)[: len(rows)]
        turns = max(1, self._width * self._rounds)
        closest = np.maximum(distances.min(axis=1).astype(np.float64), 0.0)
        found = turns * (2.0 - 1.0 / (1.0 + closest))  # up to twice the turns, at an infinite distance too
        row, j = np.nonzero(distances <= self._furthest)
        rounds = self._first_rounds(j, distances[row, j], content_keys(rows, 0)[row])
        taken = rounds < self._rounds
        np.minimum.at(found, row[taken], rounds[taken] * self._width + j[taken])
        return np.asarray((0.0 - found).astype(np.float32))

    def _first_rounds(self, j: "np.ndarray", distances: "np.ndarray", keys: "np.ndarray") -> "np.ndarray":
        """The first round in which target row j took something not nearer, by bisection. Shapes: (e,) -> int64 (e,)."""
        import numpy as np

        low, high = np.zeros(len(j), dtype=np.int64), np.full(len(j), self._rounds)
        while (low < high).any():
            middle = np.minimum((low + high) // 2, self._rounds - 1)
            there, key = self._distances[j, middle], self._keys[j, middle]
            nearer = (there < distances) | ((there == distances) & (key < keys))
            open_ = low < high
            low, high = np.where(open_ & nearer, middle + 1, low), np.where(open_ & ~nearer, middle, high)
        return low


class RoundRobin(VectorRule):
    """What each target row takes in each round.

    Arrays: points float32 (m, d), distances float32 (m, r), keys uint64 (m, r); a target row that found nothing left to
    take has infinity there.
    """

    name = "round-robin"
    inputs = DEVICE
    options_type = RoundRobinOptions
    options: RoundRobinOptions
    arrays: ClassVar = {
        "points": ArrayField("<f4", ("m", "d")), "distances": ArrayField("<f4", ("m", "rounds"), _rises),
        "keys": ArrayField("<u8", ("m", "rounds")), "centre": CENTRE, "whitening": WHITENING,
    }
    summary_type = RoundRobinSummary
    scorer_type = TurnScores

    def fit(self, problem: VectorProblem) -> Fitted:
        """Read the pool (twice where its mean is wanted) and take turns."""
        import numpy as np
        import torch

        from gotd.methods.space import space_arrays, space_of

        rows = len(problem.target)
        rounds = self.options.rounds or math.ceil(_DEFAULT_TURNS / rows)
        if rounds * rows > _MOST_TURNS:
            raise GotdError(f"--rounds {rounds} of {rows} target rows: at most {_MOST_TURNS} turns can be counted")
        space = space_of(problem, self.options)
        points = space.cost.points(torch.from_numpy(problem.target).to(problem.device)).cpu().numpy()
        arrays, readings, over = self.thresholds(problem, points, space.cost, rounds)
        done = arrays["keys"].shape[1]
        warning = (f"{done} rounds of {rounds}: target rows share their nearest documents; the rest is ranked by "
                   "distance")
        summary = RoundRobinSummary(
            method=self.name, warnings=[] if over else [warning], rounds=done,
            taken=len(np.unique(arrays["keys"][np.isfinite(arrays["distances"])])), readings=readings,
            metric=self.options.metric, center=self.options.centers, whiten=bool(self.options.whiten),
            source_rows=space.drawn.counts.distinct, target_rows=rows)
        return Fitted({"points": points} | arrays | space_arrays(space.cost), summary, space.read)

    def thresholds(self, problem: VectorProblem, points: "np.ndarray", cost: "Cost",
                   rounds: int) -> "tuple[dict[str, np.ndarray], int, bool]":
        """Return D and the keys, the number of readings of the pool, and whether all rounds were played."""
        from gotd.methods.turns import Turns, nearest_left

        depth = max(rounds * _DEPTH, _HELD // len(points))
        game, readings, over = Turns(len(points), rounds), 0, False
        while not over and readings < MOST_READINGS:
            over = game.play(nearest_left(problem, points, cost, depth, game.taken), depth)
            readings += 1
        return game.thresholds(), readings, over

    @property
    def rereads(self) -> bool:
        """Whether a fit may read the source more than once."""
        return True
