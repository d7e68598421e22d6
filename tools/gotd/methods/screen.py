"""Domains before documents: how far each set of rows is from the target, all by one cost and one eps.

The paper keeps the two to four nearest domains before it ranks documents. It compares entropic distances, which are
least for a blob in the target's midst, narrower than the target, and which fall with the number of rows. Here domains
are compared by the Sinkhorn divergence

    S(P, Q) = OT(P, Q) - OT(P, P) / 2 - OT(Q, Q) / 2,

at least 0, and 0 where P is Q. From n rows OT is too large by about B_P / n + B_Q / n. So each of the four is taken
between disjoint rows, as many for all:

    (OT(P1, Q1) + OT(P2, Q2)) / 2 - OT(P1, P2) / 2 - OT(Q1, Q2) / 2

and what is too much cancels: all of it where P is Q. Such an estimate is below 0 as often as above for the target's own
distribution. Several are taken, each from other rows as far as there are any, and their mean is printed with an
interval: with b of n rows in each, estimates vary about the mean of all such by a variance v, and that mean about the
truth by v b / (n - b) (subsampling).

Source: arXiv 2405.02774, appendix on the choice of domains; Feydy et al., Interpolating between Optimal Transport and
MMD using Sinkhorn Divergences (2019); Politis, Romano and Wolf, Subsampling (1999).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from gotd.methods.base import SourceCounts
from gotd.methods.distances import TargetDistance
from gotd.methods.options import TransportOptions
from gotd.methods.source_sample import Drawn, Wanted, draw, mixed_covariance
from gotd.ot.blocks import Workers
from gotd.ot.source import Part

#: Rows of a side of one transport, at most, and estimates.
_ROWS, _ESTIMATES = 256, 8
#: Marginal error of a transport; its distance is off by the square of it.
_TOLERANCE = 1e-3
#: Standard errors on either side: 95 % for eight estimates (Student's t with seven degrees of freedom).
_WIDTH = 2.36


class Screened(NamedTuple):
    """A set of rows and its distance to the target.

    name      : of the part.
    rows      : how many it has; sampled : how many of them were looked at.
    distance  : Sinkhorn divergence; low, high : its interval of 95 %.
    """

    name: str
    rows: int
    sampled: int
    distance: float
    low: float
    high: float


def screen(target: np.ndarray, weights: np.ndarray, parts: Sequence[Part], options: TransportOptions,
           workers: Workers, device: torch.device) -> list[Screened]:
    """The parts, nearest first, by as many rows of each as the smallest has.

    Centre and eps are those of all rows together, so that the distances can be compared.
    Shapes: target float (m, d), weights float64 (m,).
    Raises: GotdError where eps is 0, or a part's potentials do not converge.
    """
    wanted = Wanted(max(1, options.pool_sample // len(parts)), options.seed, bool(options.whiten))
    drawn = [draw([part], wanted, workers, device) for part in parts]
    coarse = replace(options, tol=max(options.tol, _TOLERANCE))
    target_distance = TargetDistance(target, weights, _together(drawn), coarse, workers, device)
    target, weights = target[weights > 0.0], weights[weights > 0.0]
    count = min(len(target), *(len(each.rows) for each in drawn))
    side = min(_ROWS, max(1, count // 4))
    estimates = np.empty((_ESTIMATES, len(parts)))
    for number in range(_ESTIMATES):
        one, other = _halves(len(target), side, options.seed, number)
        own = target_distance.between("the target", target[one], target[other], weights[other])
        for k, (part, each) in enumerate(zip(parts, drawn, strict=True)):
            first, second = (each.rows[rows] for rows in _halves(len(each.rows), side, options.seed, number))
            across = [target_distance.between(part.name, rows, target[half], weights[half])
                      for rows, half in ((first, one), (second, other))]
            estimates[number, k] = (sum(across) - target_distance.between(part.name, first, second) - own) / 2.0
    left = count - 2 * side
    errors = _WIDTH * estimates.std(axis=0, ddof=1) * math.sqrt(1.0 / _ESTIMATES + 2 * side / left) if left > 0 \
        else np.full(len(parts), np.inf)
    found = [Screened(part.name, each.counts.rows, min(len(each.rows), 2 * side * _ESTIMATES), mean, mean - error,
                      mean + error)
             for part, each, mean, error in zip(parts, drawn, estimates.mean(axis=0).tolist(), errors.tolist(),
                                                strict=True)]
    return sorted(found, key=lambda each: each.distance)


def _halves(count: int, side: int, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Two times `side` of so many rows, none twice while there are enough; the next ones for each number."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(count) for _ in range(1 + 2 * side * (number + 1) // count)])
    rows = order[2 * side * number : 2 * side * (number + 1)]
    return rows[:side], rows[side:]


def _together(drawn: Sequence[Drawn]) -> Drawn:
    """All samples as one, every row alike; the mean is that of all rows they were drawn from."""
    rows = np.array([each.counts.distinct for each in drawn], dtype=np.float64)
    shares = rows / rows.sum()
    means = np.stack([each.mean for each in drawn]).astype(np.float64)
    mean = shares @ means
    covariance = None
    if drawn[0].covariance is not None:
        covariance = mixed_covariance(shares.tolist(), drawn, torch.from_numpy(means - mean))
    joined = np.concatenate([each.rows for each in drawn])
    counts = SourceCounts(*(sum(column) for column in zip(*(each.counts for each in drawn), strict=True)))
    return Drawn(joined, np.full(len(joined), 1 / len(joined)), mean.astype(np.float32), covariance,
                 sum(each.moment_rows for each in drawn), counts)
