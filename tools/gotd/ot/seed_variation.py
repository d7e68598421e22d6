"""How potentials solved on another sample would differ, from the two halves of this one.

A half's potentials are off by sqrt(2) times as much as the whole sample's, in independent ways, so that the two halves'
differ by 2 s where s is how far the whole sample's are off, and the potentials of two whole samples by sqrt(2) s: by
the halves' difference over sqrt(2). What is off is what the sample lacks: with a part p of the source's rows in it, it
is less by sqrt(1 - p) (sampling without replacement). The halves are solved to first order, by Newton's step.

Source: balanced half-samples, McCarthy, Pseudo-replication: half samples (1969).
"""

import math

from torch import Tensor

from gotd.ot.blocks import Workers
from gotd.ot.cost import Target
from gotd.ot.newton import Newton
from gotd.ot.potentials import residual_of
from gotd.ot.sample import Sample, sample_check
from gotd.ot.transform import Transform, with_potentials


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
