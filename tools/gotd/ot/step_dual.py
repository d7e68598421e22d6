"""The step of finite size: the best k documents where they will be a share L of what the model has seen.

    P    the source, rows x_i with masses a_i
    c    the candidates, rows with masses c_i (uniform over the pool), of which a fraction kappa = k/N is chosen
    u    the choice: 0 <= u_i <= c_i / kappa, sum_i u_i = 1

    minimise over u  OT_eps((1 - L) P + L u, Q)                                                             (primal)

OT_eps is convex in its first measure, and a maximum over potentials g of the target points (transform.py). Exchanging
the two leaves the inner minimum over u of sum_i u_i f_i: the mean of the kappa smallest potentials, a lower conditional
value at risk, which is a maximum over a threshold tau. So the dual has M + 1 unknowns, and is jointly concave:

    D(g, tau) = (1 - L) sum_i a_i f_i + L (tau - sum_i c_i max(tau - f_i, 0) / kappa) + sum_j b_j g_j        (dual)

with f the transform of g. What is chosen are the rows with f_i < tau: the k smallest potentials, so that documents are
scored as ever, each on its own. At L -> 0 it is the dual of OT_eps(P, Q) and the choice follows GOT-D's gradient; at
L = 1 and eps -> 0 it is partial transport: the k documents, each used once, that are nearest to Q together.

D has a kink wherever some f_i is tau. Smoothed at a temperature gamma, max(s, 0) becomes gamma log(1 + exp(s / gamma))
and a row is chosen in part:

    w_i = sigmoid((tau - f_i) / gamma) / kappa,   u_i = c_i w_i
    dD/dg_j = b_j - m_j,   m_j = sum_i ((1 - L) a_i + L c_i w_i) p_ij,   dD/dtau = L (1 - sum_i c_i w_i)

The smooth maximum is the larger one, so that D at any gamma, g and tau is a lower bound on the primal's minimum. Where
m = b, g are the potentials of the effective distribution itself, whose distance is then sum_i r_i f_i + sum_j b_j g_j
with r_i = (1 - L) a_i + L u_i: an upper bound, for nothing.

Source: the gradient of the first order: arXiv 2405.02774, section 3; conditional value at risk by a threshold:
Rockafellar and Uryasev, Optimization of conditional value-at-risk, J. Risk 2 (2000), Theorem 1; partial transport:
Figalli, The optimal partial transport problem, Arch. Rational Mech. Anal. 195 (2010); the exchange: Sion's theorem (u
from a compact set, both sides convex and concave).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gotd.ot.blocks import Workers, block_rows, padded
from gotd.ot.sample import Sample, sample_blocks, sample_products
from gotd.ot.source import Part, weighted_blocks, without_mass
from gotd.ot.transform import Transform, exponentials_


class Step(NamedTuple):
    """The size of the step.

    share    : L, above 0 and at most 1: what the choice will be of all that the model has seen.
    fraction : kappa, above 0 and at most 1: what the choice is of the candidates.
    """

    share: float
    fraction: float


class StepSample(NamedTuple):
    """Rows of the source and of the candidates, held for many looks.

    sample     : the rows; its masses are a_i, 0 where a row stands for candidates alone.
    candidates : float64 (n,), c_i, summing to 1; 0 where a row stands for the source alone.
    """

    sample: Sample
    candidates: np.ndarray

    def thinned(self, stride: int, start: int = 0) -> "StepSample":
        """Return every stride-th row from `start` on, both kinds of masses summing to 1 again; shares memory."""
        candidates = self.candidates[start::stride]
        return StepSample(self.sample.thinned(stride, start), candidates / candidates.sum())


class Threshold(NamedTuple):
    """tau and gamma; at gamma = 0 a row is chosen or not."""

    tau: float
    gamma: float


class Look(NamedTuple):
    """What one look at all rows says of g and tau.

    marginal       : float64 (m',), m_j.
    mean_potential : sum_i a_i f_i.
    excess         : sum_i c_i gamma log(1 + exp((tau - f_i) / gamma)) / kappa.
    chosen         : sum_i c_i w_i, the mass of the choice; 1 at the optimum.
    """

    marginal: Tensor
    mean_potential: float
    excess: float
    chosen: float

    def value(self, step: Step, tau: float, b_g: float) -> float:
        """D(g, tau). b_g : sum_j b_j g_j."""
        return (1.0 - step.share) * self.mean_potential + step.share * (tau - self.excess) + b_g


class Masses(NamedTuple):
    """a_i and c_i of a block, float64 (n,) both; 0 for padding."""

    source: Tensor
    candidates: Tensor


def block_look(kernel: Transform, logits: Tensor, alpha: Tensor, masses: Masses, step: Step, at: Threshold) -> Look:
    """A block's share of the sums, in host memory.

    Shapes: logits float32 or float64 (n, m'), which it overwrites; alpha float32 (n,).
    """
    top = logits.amax(dim=1)
    logits = logits.sub_(top[:, None]).float()
    _, total = exponentials_(logits)
    potential = alpha.double() - kernel.unit * (top.double() + total.double().log())
    weights, excess = _hinge(at.tau - potential, at.gamma)
    chosen = masses.candidates * weights / step.fraction
    effective = (1.0 - step.share) * masses.source + step.share * chosen
    # Largest mass 1 in float32, whatever unit the weights are in: nothing over- or underflows.
    unit = effective.max().clamp_min(torch.finfo(torch.float64).tiny)
    rows = (effective / unit / total.double()).float()
    return Look((torch.mv(logits.T, rows).double() * unit).cpu(), float(masses.source @ potential),
                float(masses.candidates @ excess) / step.fraction, float(chosen.sum()))


def _hinge(s: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """The derivative and the value of max(s, 0), smoothed. Shapes: float64 (n,) -> both float64 (n,)."""
    if gamma == 0.0:
        return (s > 0.0).double(), s.clamp_min(0.0)
    s = s / gamma
    return torch.sigmoid(s), gamma * torch.logaddexp(s, torch.zeros_like(s))


def sample_look(held: StepSample, kernel: Transform, bias: Tensor, step: Step, at: Threshold, workers: Workers) -> Look:
    """Look at the sample.

    bias : float64 (m',), of transform.exact_bias. Products are rounded alike at any g, which is another cost by 1e-7 of
        it; logits and the largest of them are not rounded to float32, or D would jitter with g, and by more than gamma
        allows (marginal errors below 2e-4 were not to be had).
    """
    device = kernel.points.device
    source, candidates = (torch.from_numpy(np.ascontiguousarray(each)).to(device)
                          for each in (held.sample.masses, held.candidates))

    def work(block: slice) -> Look:
        masses = Masses(source[block], candidates[block])
        logits = sample_products(held.sample, kernel, block).double().add_(bias)
        return block_look(kernel, logits, held.sample.alpha[block], masses, step, at)

    return _sum(workers.map(work, sample_blocks(held.sample.size, device)), kernel)


class Role(NamedTuple):
    """Rows that are read, and what of the source's and of the candidates' mass is theirs.

    A part whose rows are both is read once for both; its weights then count for both.
    """

    part: Part
    source: float
    candidates: float


class StreamedStep:
    """The whole source and all candidates, read once per look: O(block + M) memory."""

    def __init__(self, roles: Sequence[Role], step: Step, workers: Workers) -> None:
        self._roles = [role for role in roles if role.source > 0.0 or role.candidates > 0.0]
        self._step, self._workers, self._device = step, workers, workers.device

    def look(self, kernel: Transform, at: Threshold) -> Look:
        """Look at every row of every part."""
        return _sum((self._part(kernel, role, at) for role in self._roles), kernel)

    def _part(self, kernel: Transform, role: Role, at: Threshold) -> Look:
        rows, total = block_rows(self._device), 0.0

        def work(block: tuple[np.ndarray, np.ndarray]) -> Look:
            mass = torch.zeros(rows, dtype=torch.float64)
            mass[: len(block[1])] = torch.from_numpy(block[1])
            mass = mass.to(self._device)
            points = kernel.cost.points(padded(block[0], rows, self._device))
            masses = Masses(role.source * mass, role.candidates * mass)
            return block_look(kernel, kernel.logits(points), kernel.cost.alpha(points), masses, self._step, at)

        def counted() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            nonlocal total
            for block in weighted_blocks(role.part, rows):
                total += float(block[1].sum())
                yield block

        sums = _sum(self._workers.map(work, counted()), kernel)
        if not total:
            raise without_mass(role.part)
        return Look(sums.marginal / total, *(each / total for each in sums[1:]))


def _sum(looks: Iterator[Look], kernel: Transform) -> Look:
    """The sum of looks, taken in order; the marginal on the kernel's device."""
    marginal, mean, excess, chosen = torch.zeros(len(kernel.points), dtype=torch.float64), 0.0, 0.0, 0.0
    for look in looks:
        marginal += look.marginal.cpu()
        mean, excess, chosen = mean + look.mean_potential, excess + look.excess, chosen + look.chosen
    return Look(marginal.to(kernel.points.device), mean, excess, chosen)
