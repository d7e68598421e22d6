"""Newton's step on the semi-dual, with the curvature of a sample: for when a look at the source is dear.

Sinkhorn's step is the residual r = eps (log b - log c(g)). To first order r changes with g by -(I - K), where

    K_jk = sum_i a_i p_ij p_ik / c_j        (rows sum to 1: constants are left alone)

so that Newton's step d solves (I - K) d = r, or, in a form that is symmetric, (diag(c) - P^T A P) d = c r. The residual
is that of the whole source; K, which only has to be roughly right, is that of a sample. A step then takes away all of
the error but what the sample mistakes in K: nine tenths of it on text vectors, where Sinkhorn's takes a third. That
mistake is much the same from step to step, so Anderson acceleration over the steps learns it: from the third on they
took away 80 to 86 per cent of the error, where they had taken 62 to 72 (100,000 text vectors, a sample of 16,384). No
M x M matrix is formed: conjugate gradients need products with P alone.

Source: Brauer, Clason, Lorenz and Wirth, A Sinkhorn-Newton method for entropic optimal transport, arXiv 1710.06635;
the curvature of a sample: Byrd, Chin, Neveitt and Nocedal, SIAM J. Optim. 21 (2011).
"""

import math

import torch
from torch import Tensor

from gotd.ot.acceleration import Anderson
from gotd.ot.cost import Target
from gotd.ot.sample import Sample, sample_plan
from gotd.ot.transform import Transform, with_potentials

#: Entries of P that are held for the products: 64 MiB of float32.
_PLAN_ENTRIES = 1 << 24
#: The system is solved this well and no better: the sample does not know K any better.
_TOLERANCE = 0.02
_ITERATIONS = 50


class Newton:
    """Proposes the next g from the residual on the whole source, as `Anderson` does.

    Where a step has made the error larger, the linear model does not hold; accelerated Sinkhorn steps, which are at
    worst Sinkhorn's own, then go on from the best g.
    """

    def __init__(self, sample: Sample, kernel: Transform, target: Target) -> None:
        rows = max(1, _PLAN_ENTRIES // len(kernel.points))
        self._sample = sample.thinned(-(-sample.size // rows))
        self._kernel, self._target = kernel, target
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
        step = self._step(g, residual)
        if not bool(step.isfinite().all()):
            return g + residual
        return self._accelerated.next(g, step, error)

    def doubt(self, g: Tensor, new: Tensor) -> float:
        """How far the marginal at `new` may be from what the sample says of the way there from g, in its own units.

        The two halves of the sample differ, to first order, by this much in how the marginal moves; their mean is the
        sample's, and its standard error half of the difference. Infinite where there are no two halves.
        Shapes: float64 (m,) both.
        """
        if self._sample.size < 2:
            return math.inf
        plan, masses = sample_plan(self._sample, with_potentials(self._kernel, self._target, g))
        plan = plan[:, : len(g)]
        one, other = (_moved(plan[half::2], masses[half::2], new - g) for half in (0, 1))
        return float((one - other).abs().sum().nan_to_num(nan=torch.inf)) / (2.0 * self._kernel.unit)

    def _step(self, g: Tensor, residual: Tensor) -> Tensor:
        """Solves (I - K) d = r with the sample's K at g. Shapes: float64 (m,) -> float64 (m,)."""
        plan, masses = sample_plan(self._sample, with_potentials(self._kernel, self._target, g))
        plan = plan[:, : len(g)]
        marginal = torch.mv(plan.T, masses).double()
        marginal = torch.where(self._target.weights > 0.0, marginal, 0.0)
        return _conjugate_gradients(plan, masses, marginal, residual)


def _moved(plan: Tensor, masses: Tensor, step: Tensor) -> Tensor:
    """(diag(c) - P^T A P) d, with masses scaled to 1. Shapes: (n, m), float32 (n,), float64 (m,) -> float64 (m,)."""
    masses = masses / masses.sum()
    weighted = masses * torch.mv(plan, step.float())
    return torch.mv(plan.T, masses).double() * step - torch.mv(plan.T, weighted).double()


def _conjugate_gradients(plan: Tensor, masses: Tensor, marginal: Tensor, residual: Tensor) -> Tensor:
    """d with (diag(c) - P^T A P) d = c r, preconditioned by diag(c), without its part along constants.

    Shapes: plan float32 (n, m), masses float32 (n,), marginal and residual float64 (m,) -> float64 (m,).
    """
    present = marginal > 0.0

    def scaled(rest: Tensor) -> Tensor:
        z = torch.where(present, rest / marginal, 0.0)
        return torch.where(present, z - marginal @ z / marginal.sum(), 0.0)

    step = torch.zeros_like(residual)
    rest = marginal * scaled(marginal * residual)
    direction = scaled(rest)
    size = first = rest @ direction
    for _ in range(_ITERATIONS):
        if not size > _TOLERANCE**2 * first:
            break
        moved = torch.mv(plan.T, masses * torch.mv(plan, direction.float())).double()
        image = marginal * direction - torch.where(present, moved, 0.0)
        curvature = direction @ image
        if not curvature > 0.0:  # rounding: nothing is left that the sample could tell
            break
        step = step + size / curvature * direction
        rest = rest - size / curvature * image
        z = scaled(rest)
        size, before = rest @ z, size
        direction = z + size / before * direction
    return step
