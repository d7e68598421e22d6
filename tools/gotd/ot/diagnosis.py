"""Does eps mean something, and how far is the choice settled? Warnings as data, with remedies that work.

How potentials solved on another sample would differ, the two halves of this one tell. A half's potentials are off by
sqrt(2) times as much as the whole sample's, in independent ways, so that the two halves' differ by 2 s where s is how
far the whole sample's are off, and the potentials of two whole samples by sqrt(2) s: by the halves' difference over
sqrt(2). What is off is what the sample lacks: with a part p of the source's rows in it, it is less by sqrt(1 - p)
(sampling without replacement). The halves are solved to first order, by Newton's step.

Source: balanced half-samples, McCarthy, Pseudo-replication: half samples (1969).
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from gotd.ot.blocks import Workers
from gotd.ot.cost import Target
from gotd.ot.newton import Newton
from gotd.ot.potentials import residual_of
from gotd.ot.sample import Sample, sample_check
from gotd.ot.transform import Transform, with_potentials

#: Above this correlation of f with the mean cost to the target, the score is the mean distance under another name.
_MEAN_COST_CORRELATION = 0.999
#: A smaller eps is advised where it brings the correlation below this, so that the warning goes.
_OTHER_CORRELATION = 0.998
#: Smaller values of eps that are tried: halves of halves.
_HALVES = 6
#: eps should be this many times the rounding of a float32 cost, or weights exp(-C/eps) are mostly rounding.
_ROUNDINGS_PER_EPSILON = 64.0
#: Rows about the last of the best that say how the potentials of others differ there.
_FEWEST_NEAR = 256
#: Standard deviations beyond which a normal number is not met, and halvings of the interval that holds a threshold.
_CERTAIN, _HALVINGS = 10.0, 60


def weighted_correlation(u: np.ndarray, v: np.ndarray, masses: np.ndarray) -> float:
    """Pearson's correlation under masses that sum to 1; 0 where either does not vary. Shapes: all (n,)."""
    if np.ptp(u) == 0.0 or np.ptp(v) == 0.0:
        return 0.0
    u = u.astype(np.float64) - masses @ u
    v = v.astype(np.float64) - masses @ v
    norm = np.sqrt((masses @ u**2) * (masses @ v**2))
    return float(masses @ (u * v) / norm) if norm > 0.0 else 0.0


def rounding_warning(relative: float, epsilon: float, largest_cost: float, centred: bool) -> str | None:
    """Say where eps is so small that float32 rounds the weights away.

    relative     : eps over the standard deviation of the cost.
    epsilon      : the same, absolute.
    largest_cost : size of the terms a cost is made of, which float32 rounds.
    centred      : the source's mean is taken from every vector.
    """
    floor = _ROUNDINGS_PER_EPSILON * float(np.finfo(np.float32).eps) * largest_cost
    if epsilon >= floor:
        return None
    better = _rounded_up(relative * floor / epsilon)
    remedy = f"try {better:g}" if centred else f"try --center, which takes away what all vectors share, or {better:g}"
    return (f"epsilon {relative:g} is {epsilon:.3g} in units of the cost, near the rounding of float32 at costs of "
            f"{largest_cost:.3g}: {remedy}")


def mean_cost_warning(relative: float, correlation: float, at: Callable[[float], float]) -> str | None:
    """Say where the score is the mean distance to the target, and which eps would not make it so.

    correlation : of f with the mean cost to the target, over the source.
    at          : the same at another relative eps.

    Where no smaller eps makes another score of it the target is of one kind, and nothing is lost.
    """
    if not correlation > _MEAN_COST_CORRELATION:
        return None
    for half in range(1, _HALVES + 1):
        better = float(f"{relative * 0.5**half:.2g}")
        if at(better) < _OTHER_CORRELATION:
            return (f"epsilon {relative:g} is so large that the score is the mean distance to the target (correlation "
                    f"{correlation:.5f}); rare kinds of target text are lost: try {better:g}")
    return None


def _rounded_up(number: float) -> float:
    """Two digits, not below. Shapes: number above 0."""
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return float(f"{math.ceil(number / unit * (1 + 1e-9)) * unit:.2g}")


def expected_overlap(potentials: np.ndarray, change: Callable[[np.ndarray], np.ndarray], masses: np.ndarray,
                     fraction: float) -> float:
    """Share of the best `fraction` of the mass (the lowest potentials) that remain when potentials change like this.

    change : one draw of how others differ at some rows, int64 (k,) -> float (k,); only its size about the last of the
             best counts, less what all have in common there. With s that size, row i is among the others' best with
             probability Phi((t - f_i) / s), t such that these add up to the fraction: no count of rows that cross,
             which for a few rows would be all chance.
    Shapes: potentials, masses float (n,); masses sum to 1.
    """
    order = np.argsort(potentials, kind="stable")
    f, a = potentials[order].astype(np.float64), masses[order].astype(np.float64)
    ends = np.cumsum(a)
    last = int(np.searchsorted(ends, min(fraction, 1.0) * ends[-1] * (1 - 1e-12)))
    # As many rows on either side as there are best ones, if there are enough.
    reach = max(last + 1, _FEWEST_NEAR // 2)
    near = slice(max(0, last + 1 - reach), last + 1 + reach)
    e = change(order[near]).astype(np.float64)
    centre = a[near] @ e / a[near].sum()
    size = math.sqrt(a[near] @ np.square(e - centre) / a[near].sum())
    if not size > 0.0 or last + 1 >= len(f):
        return 1.0
    wanted = ends[last]

    def chances(threshold: float, rows: slice) -> np.ndarray:
        return np.asarray(torch.special.ndtr(torch.from_numpy((threshold - f[rows]) / size)).numpy())

    def total(threshold: float) -> float:
        # Beyond ten deviations a row is among the best for certain, or for certain not.
        low, high = np.searchsorted(f, [threshold - _CERTAIN * size, threshold + _CERTAIN * size])
        certain = ends[low - 1] if low else 0.0
        return float(certain + a[low:high] @ chances(threshold, slice(low, high)))

    below, above = f[0] - _CERTAIN * size, f[-1] + _CERTAIN * size
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        below, above = (middle, above) if total(middle) < wanted else (below, middle)
    return float(a[: last + 1] @ chances(above, slice(last + 1)) / wanted)


def change_on_another_sample(
    sample: Sample, kernel: Transform, target: Target, g: Tensor, share: float, workers: Workers
) -> Tensor | None:
    """One draw of what another sample of this size would add to g; None where there are no two halves.

    share : of the source's rows that the sample holds.
    Shapes: g float64 (m,) -> float64 (m,).
    """
    if sample.size < 2 or not bool((sample.masses[::2].sum() > 0.0) & (sample.masses[1::2].sum() > 0.0)):
        return None
    here = with_potentials(kernel, target, g)
    one, other = (
        residual_of(kernel.epsilon, target, sample_check(sample.thinned(2, first), here, workers).marginal[: len(g)])
        for first in (0, 1)
    )
    step = Newton(sample, kernel, target, judges=True).step(g, one - other)
    return step * math.sqrt(max(0.0, 1.0 - share) / 2.0)
