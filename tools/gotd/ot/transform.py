"""The c-transform: the potential of any row from the potentials of the target points. The scoring kernel.

    eps > 0:  f(x) = -eps log sum_j b_j exp((g_j - C(x, y_j)) / eps)
    eps = 0:  f(x) = min over j with b_j > 0 of C(x, y_j) - g_j

With C = alpha(x) + beta_j - s x.y_j both are f(x) = alpha(x) - unit * R_j(L_j), where the logits

    L_j = scale x.y_j + bias_j,  scale = s / unit,  bias_j = (g_j - beta_j) / unit + log b_j

come from one matrix product, R is log-sum-exp and unit = eps; at eps = 0 R is the maximum, unit = 1 and log b_j is left
out.

Source: Feydy et al., Interpolating between Optimal Transport and MMD using Sinkhorn Divergences (2019), Eq. 8-9; the
formula holds off the sample as well: Seguy et al., arXiv 1711.02283, section 4.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from gotd.ot.cost import Cost, Target

#: Weights below exp(-60) of a row's largest are held at exp(-60), 1e-26: they cannot be seen in a float32 sum, the
#: exponential is 12 times slower where it underflows (measured, MKL), and no column sum can come out as zero.
_LOWEST_LOGIT = -60.0
#: Logits that differ from their bias by less are exponentiated as they are: of 10^6 points those that underflow beside
#: the row's largest are less than 10^6 exp(-87 + 2 * 30) = 2e-6 of the sum.
_SMALL_REACH = 30.0
#: Columns are padded to whole cache lines of float32, so that every row of products is aligned alike.
_COLUMN_MULTIPLE = 16


class Transform(NamedTuple):
    """The transform at given potentials.

    cost    : how rows are compared.
    epsilon : eps, absolute.
    points  : float32 (m', d), target points times scale, padded with zero rows to a multiple of 16.
    bias    : float32 (m',), bias_j; -inf where b_j is 0 and for padding.
    reach   : no logit is further from its bias; infinity where that is not known.
    """

    cost: Cost
    epsilon: float
    points: Tensor
    bias: Tensor
    reach: float = math.inf

    @property
    def unit(self) -> float:
        """What logits are multiplied by to be costs: eps, or 1 where eps is 0."""
        return self.epsilon if self.epsilon > 0.0 else 1.0

    @property
    def scale(self) -> float:
        """What the inner product is multiplied by in a logit."""
        return self.cost.slope / self.unit

    def logits(self, points: Tensor) -> Tensor:
        """L_ij = scale x_i.y_j + bias_j. Shapes: points float32 (n, d) -> float32 (n, m')."""
        return torch.addmm(self.bias, points, self.points.T)

    def potential(self, points: Tensor) -> Tensor:
        """f at each row. Shapes: points float32 (n, d), as from Cost.points -> float32 (n,)."""
        alpha = self.cost.alpha(points)
        if (reduce := _fused(points.device)) is not None:
            return alpha - self.unit * reduce(points, self.points, self.bias, self.epsilon == 0.0)
        if self.epsilon == 0.0 or self.reach > _SMALL_REACH:
            return self.reduced(self.logits(points), alpha)
        # As bias_j is the same for all rows, exp(bias_j) is a weight; without a look for each row's largest.
        top = self.bias.max()
        total = torch.mv(torch.mm(points, self.points.T).exp_(), (self.bias - top).exp_())
        return alpha - self.unit * (top + total.log_())

    def reduced(self, logits: Tensor, alpha: Tensor) -> Tensor:
        """f from the logits, which it overwrites. Shapes: float32 (n, m'), float32 (n,) -> float32 (n,)."""
        if self.epsilon == 0.0:
            return alpha - logits.amax(dim=1)
        top, total = exponentials_(logits)
        return alpha - self.unit * (top + total.log())


def folded(kernel: Transform) -> Transform:
    """The same transform of rows that are not multiplied by the whitening: the points are, once and for all.

    Its cost's points go with it. A row then costs 2 m d + d^2 operations in place of 2 m d + 2 d^2. The length cannot
    be had from fewer directions, as the source's spectrum is nowhere flat (hash, 107,014 chunks, d = 1,024: the 256
    that matter most with the mean of the rest leave an error of 1 %, so that 2 to 6 % of the best 1 % are other rows;
    half of all directions 1 to 3 %).
    """
    cost, whitening = kernel.cost.folded(), kernel.cost.whitening
    if whitening is None or cost is kernel.cost:
        return kernel
    return kernel._replace(cost=cost, points=(kernel.points.double() @ whitening.double().T).float())


def transform(cost: Cost, target: Target, epsilon: float, potentials: Tensor) -> Transform:
    """The transform at potentials g.

    Shapes: potentials float64 (m,). Built in float64 and rounded once.
    """
    count, width = target.points.shape
    unit = epsilon if epsilon > 0.0 else 1.0
    rows = -(-count // _COLUMN_MULTIPLE) * _COLUMN_MULTIPLE
    points = target.points.new_zeros((rows, width))
    points[:count] = target.points * (cost.slope / unit)
    reach = float(torch.linalg.vector_norm(points, dim=1).max()) if cost.is_unit else math.inf
    kernel = Transform(cost, epsilon, points, target.points.new_full((rows,), -torch.inf), reach)
    return with_potentials(kernel, target, potentials)


def with_potentials(kernel: Transform, target: Target, potentials: Tensor) -> Transform:
    """The same transform at other potentials. Shapes: potentials float64 (m,)."""
    return kernel._replace(bias=exact_bias(kernel, target, potentials).float())


def exact_bias(kernel: Transform, target: Target, potentials: Tensor) -> Tensor:
    """bias_j before it is rounded to float32. Shapes: potentials float64 (m,) -> float64 (m',)."""
    bias = (potentials - kernel.cost.beta(target.points)) / kernel.unit
    if kernel.epsilon > 0.0:
        bias = bias + target.weights.log()
    bias = torch.where(target.weights > 0.0, bias, -torch.inf)
    return torch.nn.functional.pad(bias, (0, len(kernel.bias) - len(bias)), value=-torch.inf)


@cache
def _fused(device: torch.device) -> Callable[[Tensor, Tensor, Tensor, bool], Tensor] | None:
    """The GPU's own kernel, where Triton is installed and can make it; None leaves it to torch."""
    if device.type != "cuda":
        return None
    try:
        from gotd.ot.fused import row_logsumexp, works_on
    except ImportError:
        return None
    return row_logsumexp if works_on(device) else None


def exponentials_(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Replaces logits by exp(logit - largest of its row), in place; returns the largest and the row sums.

    torch.logsumexp makes the same numbers with two more passes over memory. Shapes: (n, m') -> (n,), (n,).
    """
    top = logits.amax(dim=1, keepdim=True)
    logits.sub_(top).clamp_(min=_LOWEST_LOGIT).exp_()
    return top.squeeze(1), logits.sum(dim=1)
