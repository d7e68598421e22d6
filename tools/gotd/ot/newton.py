"""Newton's step on the semi-dual, with the curvature of a sample: for when a look at the source is dear.

Sinkhorn's step is the residual r = eps (log b - log c(g)). To first order r changes with g by -(I - K), where

    K_jk = sum_i a_i p_ij p_ik / c_j        (rows sum to 1: constants are left alone)

so that Newton's step d solves (I - K) d = r, or, in a form that is symmetric, (diag(c) - P^T A P) d = c r. The residual
is that of the whole source; K, which only has to be roughly right, is that of a sample. A step then takes away all of
the error but what the sample mistakes in K: nine tenths of it on text vectors, where Sinkhorn's takes a third. That
mistake is much the same from step to step, so Anderson acceleration over the steps learns it: from the third on they
took away 80 to 86 per cent of the error, where they had taken 62 to 72 (100,000 text vectors, a sample of 16,384). No
M x M matrix is formed: conjugate gradients need products with P alone.

Between clusters that are many eps apart I - K is singular to rounding, and the dual far from quadratic: their offsets
are solved for by themselves (clusters.py), and the linear system without them.

Source: Brauer, Clason, Lorenz and Wirth, A Sinkhorn-Newton method for entropic optimal transport, arXiv 1710.06635;
the curvature of a sample: Byrd, Chin, Neveitt and Nocedal, SIAM J. Optim. 21 (2011).
"""

import math
import sys
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gotd.ot.acceleration import Anderson
from gotd.ot.blocks import Workers
from gotd.ot.clusters import cluster_labels, most_clusters, offsets
from gotd.ot.cost import Target
from gotd.ot.sample import Sample, sample_cluster_shares, sample_plan, sample_potentials
from gotd.ot.transform import Transform, with_potentials

#: Entries of P that are held for the products: 64 MiB of float32 where a step saves a reading of the source, a quarter
#: where it judges what was found, but for as many rows as target points.
_PLAN_ENTRIES, _JUDGING_ENTRIES = 1 << 24, 1 << 22
#: The system is solved this well and no better: the sample does not know K any better.
_TOLERANCE = 0.02
_ITERATIONS = 50
#: Steps of the power method that find how soft the softest direction is.
_POWERS = 12
#: A change by two to three of float32's roundings is within the tolerance of scores that vary by so many of them.
_ALIKE = 128.0


class Newton:
    """Proposes the next g from the residual on the whole source, as `Anderson` does.

    Where a step has made the error larger, the linear model does not hold; accelerated Sinkhorn steps, which are at
    worst Sinkhorn's own, then go on from the best g.
    """

    def __init__(self, sample: Sample, kernel: Transform, target: Target, share: float = 0.0, is_source: bool = False,
                 judges: bool = False) -> None:
        """share : of the source's rows that the sample holds.
        is_source : residuals are those of the sample itself, so that the balance of its masses is known exactly.
        judges : steps are to say how good a g is, and need be only roughly right.
        """
        points = len(kernel.points)
        rows = max(1, _PLAN_ENTRIES // points)
        if judges:
            rows = max(_JUDGING_ENTRIES // points, min(rows, points))
        self._whole, self._sample = sample, sample.thinned(-(-sample.size // rows))
        self._kernel, self._target, self._is_source = kernel, target, is_source
        self._share = share
        self._last: tuple[Tensor, Tensor, Tensor] | None = None
        self._softness = 1.0
        self._accelerated = Anderson(target.weights)
        self._best: tuple[float, Tensor, Tensor] | None = None
        self._instead: Anderson | None = None

    def next(self, g: Tensor, residual: Tensor, error: float) -> Tensor:
        """The g to try next, g having been measured. Shapes: g, residual float64 (m,) -> float64 (m,)."""
        if self._instead is None and self._best is not None and not error <= self._best[0]:
            self._instead = Anderson(self._target.weights)
            error, g, residual = self._best
        if self._instead is not None:
            return self._instead.next(g, residual, error)
        self._best = (error, g, residual)
        step = self.step(g, residual)
        if not bool(step.isfinite().all()):
            return g + residual
        return self._accelerated.next(g, step, error)

    def doubt(self, g: Tensor, new: Tensor) -> Tensor:
        """By how much the marginal at `new` may differ from what the sample says of the way there from g.

        The two halves of the sample differ, to first order, by this much in how the marginal moves; their mean is the
        sample's, and its standard error half of the difference: less where the plan held is of a part of the sample,
        and where the sample holds a good part of the source. Infinite where there are no two halves.
        Shapes: float64 (m,) both -> float64 (m,).
        """
        if self._sample.size < 2:
            return torch.full_like(g, torch.inf)
        plan, masses = sample_plan(self._sample, with_potentials(self._kernel, self._target, g))
        plan = plan[:, : len(g)]
        one, other = (_moved(plan[half::2], masses[half::2], new - g) for half in (0, 1))
        rest = math.sqrt(self._sample.size / self._whole.size * max(0.0, 1.0 - self._share))
        return (one - other) * (rest / (2.0 * self._kernel.unit))

    def step(self, g: Tensor, residual: Tensor) -> Tensor:
        """Newton's step: (I - K) d = r with the sample's K at g, and the offsets of clusters beside it.

        NaN where the clusters are too many to tell. Shapes: float64 (m,) -> float64 (m,).
        """
        if self._last is not None and torch.equal(g, self._last[0]) and torch.equal(residual, self._last[1]):
            return self._last[2]
        step = self._solved(g, residual)
        self._last = (g, residual, step)
        return step

    def _solved(self, g: Tensor, residual: Tensor) -> Tensor:
        kernel = with_potentials(self._kernel, self._target, g)
        plan, masses = sample_plan(self._sample, kernel)
        plan, present = plan[:, : len(g)], self._target.weights > 0.0
        marginal = torch.where(present, torch.mv(plan.T, masses).double(), 0.0)
        labels = cluster_labels(plan, present, most_clusters(len(self._whole.masses)))
        if labels is None:
            return torch.full_like(g, torch.nan)
        system = _System(plan, masses, marginal, labels)
        self._softness = _softness(system)
        step = _conjugate_gradients(system, residual)
        return step + self._offsets(kernel, labels, residual) if int(labels.max()) > 0 else step

    def _offsets(self, kernel: Transform, labels: Tensor, residual: Tensor) -> Tensor:
        """What the potentials of each cluster are to rise by. Shapes: int64 (m,), float64 (m,) -> float64 (m,)."""
        count, b = int(labels.max()) + 1, self._target.weights
        groups = torch.where(labels >= 0, labels, count)

        def sums(values: Tensor) -> np.ndarray:
            return np.asarray(values.new_zeros(count + 1).index_add_(0, groups, values)[:count].cpu().numpy())

        shares = sample_cluster_shares(self._whole, kernel, labels, count)
        if self._is_source:
            shifts = offsets(shares, self._whole.masses, sums(b), None)
        else:
            marginal = b * (-residual / kernel.epsilon).exp()  # r = eps (log b - log c), up to a constant
            shifts = offsets(shares, self._whole.masses, sums(b), sums(marginal / marginal.sum() - b))
        moved = torch.from_numpy(np.append(shifts, 0.0)).to(b.device)[groups]
        return kernel.epsilon * moved

    def effect(self, g: Tensor, new: Tensor, workers: Workers) -> float:
        """By how much scores change on the way from g to `new`: the standard deviation of the change in theirs.

        What float32 rounds in the marginals may hide as much of the last step as it makes in the softest direction.
        Scores that vary by less than `_ALIKE` of what float32 rounds are all alike, and are taken to vary by that:
        where the target is the pool itself nothing else is left of them. Infinite where `new` is no number.
        Shapes: float64 (m,) both; the last `step` was taken at g.
        """
        if not bool(new.isfinite().all()):
            return math.inf
        before, after = (
            sample_potentials(self._sample, with_potentials(self._kernel, self._target, each), workers).astype("f8")
            for each in (g, new)
        )
        masses, unit = self._sample.masses, float(np.finfo(np.float32).eps)
        hidden = unit * self._kernel.unit * self._softness
        change = math.hypot(_deviation(after - before, masses), hidden)
        alike = _ALIKE * unit * float(self._sample.alpha.abs().max())
        return change / max(_deviation(after, masses), alike, sys.float_info.min)


def _deviation(values: np.ndarray, masses: np.ndarray) -> float:
    """Standard deviation under masses that sum to 1. Shapes: float64 (n,) both."""
    return float(np.sqrt(masses @ np.square(values - masses @ values)))


def _moved(plan: Tensor, masses: Tensor, step: Tensor) -> Tensor:
    """(diag(c) - P^T A P) d, with masses scaled to 1. Shapes: (n, m), float32 (n,), float64 (m,) -> float64 (m,)."""
    masses = masses / masses.sum()
    weighted = masses * torch.mv(plan, step.float())
    return torch.mv(plan.T, masses).double() * step - torch.mv(plan.T, weighted).double()


class _System(NamedTuple):
    """Newton's system (diag(c) - P^T A P) d = c r, without its part along constants of each cluster.

    Shapes: plan float32 (n, m), masses float32 (n,), marginal float64 (m,), labels int64 (m,), -1 where c is 0.
    """

    plan: Tensor
    masses: Tensor
    marginal: Tensor
    labels: Tensor

    def scaled(self, rest: Tensor) -> Tensor:
        """Return rest / c, less its mean over each cluster; 0 where c is 0."""
        present, groups = self.marginal > 0.0, self.labels.clamp_min(0)
        z = torch.where(present, rest / self.marginal, 0.0)
        totals, sums = (torch.zeros_like(rest).index_add_(0, groups, each) for each in
                        (self.marginal, self.marginal * z))
        return torch.where(present, z - (sums / totals)[groups], 0.0)

    def spread(self, direction: Tensor) -> Tensor:
        """Return P^T A P d: what goes from each point to others by way of the rows they share."""
        moved = torch.mv(self.plan.T, self.masses * torch.mv(self.plan, direction.float())).double()
        return torch.where(self.marginal > 0.0, moved, 0.0)


def _softness(system: _System) -> float:
    """Return 1 / (1 - l), l the second eigenvalue of K: by how much a step may be longer than the residual it is for.

    By the power method, from a fixed start; in the limit of float32 at most.
    """
    floor = float(torch.finfo(torch.float32).eps)
    start = torch.rand(len(system.marginal), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    direction = system.scaled(system.marginal * start.to(system.marginal.device))
    kept = 0.0
    for _ in range(_POWERS):
        size = float((system.marginal @ direction.square()).sqrt())
        if not size > 0.0:
            break
        direction = system.scaled(system.spread(direction / size))
        kept = float((system.marginal @ direction.square()).sqrt())
    return 1.0 / max(1.0 - kept, floor)


def _conjugate_gradients(system: _System, residual: Tensor) -> Tensor:
    """Return the system's solution, preconditioned by diag(c). Shapes: residual float64 (m,) -> float64 (m,)."""
    step = torch.zeros_like(residual)
    rest = system.marginal * system.scaled(system.marginal * residual)
    direction = system.scaled(rest)
    size = first = rest @ direction
    for _ in range(_ITERATIONS):
        if not size > _TOLERANCE**2 * first:
            break
        image = system.marginal * direction - system.spread(direction)
        curvature = direction @ image
        if not curvature > 0.0:  # rounding: nothing is left that the sample could tell
            break
        step = step + size / curvature * direction
        rest = rest - size / curvature * image
        z = system.scaled(rest)
        size, before = rest @ z, size
        direction = z + size / before * direction
    return step
