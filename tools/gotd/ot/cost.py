"""The cost between a row and a target point, in the one form that a matrix product computes.

    C(x, y_j) = alpha(x) + beta_j - s x.y_j

    sqeuclidean   |x - y|^2     alpha = |x|^2   beta = |y|^2   s = 2
    cosine        1 - cos(x,y)  alpha = 1       beta = 0       s = 1   (x and y of unit length, or zero)
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from gotd.errors import GotdError

Metric = Literal["sqeuclidean", "cosine"]

#: Columns of a triangular matrix that are multiplied at a time: little of what is above the diagonal is among them, and
#: a product of so many is near a matrix library's best rate (64 to 512 measured), if they lie together.
_TRIANGLE_COLUMNS = 128
#: Rows taken at a time where points are measured: 2048 x 1024 float32 is 8 MiB, of which a worker holds four.
_CHUNK_ROWS = 2048


class Cost(NamedTuple):
    """How two rows are compared.

    metric : which of the two costs.
    centre : float32 (d,) or None; where given, it is subtracted from every row.
    unit   : scale rows to unit length in the end. The cosine does so anyway.
    whitening : float32 (d, d) or None; where given, rows less the centre are multiplied by it (whitening.py).
    lengths : of a folded cost: a lower triangular L, by which rows less the centre are divided, |x L|. Its columns in
        bundles, each from its first row that is not zero on: float32 (d, c), (d - c, c), (d - 2 c, c), ...

    A squared distance does not change when everything moves, but the terms it is made of do: with the source's mean as
    the centre they are no larger than need be, and float32 rounds them less.
    """

    metric: Metric
    centre: Tensor | None = None
    unit: bool = False
    whitening: Tensor | None = None
    lengths: tuple[Tensor, ...] = ()

    @property
    def slope(self) -> float:
        """The factor s of x.y_j."""
        return 2.0 if self.metric == "sqeuclidean" else 1.0

    @property
    def is_unit(self) -> bool:
        """Whether points are of unit length."""
        return self.unit or self.metric == "cosine"

    def points(self, rows: Tensor) -> Tensor:
        """Rows as they are compared: less the centre where there is one, of unit length where that is asked.

        Shapes: rows (n, d) of any float dtype -> float32 (n, d). A zero row stays zero: it has no direction, and its
        cosine with everything counts as 0.
        """
        points = rows.to(torch.float32, copy=True)  # what follows works in place
        if self.centre is not None:
            points.sub_(self.centre)
        if self.whitening is not None:
            points = points @ self.whitening
        if not self.is_unit:
            return points
        measured = _times_lower(points, self.lengths) if self.lengths else points
        length = torch.linalg.vector_norm(measured, dim=1, keepdim=True)
        return points.div_(length.clamp_min_(torch.finfo(torch.float32).tiny))

    def folded(self) -> "Cost":
        """A cost whose points, times the whitening, are this one's: for whoever needs their inner products alone.

        x W.y = x.(W y), and |x W| = |x L| for W W^T = L L^T: half the operations of x W, since L is triangular. Where
        rows are not whitened, or W is singular, the same cost.
        """
        if self.whitening is None or not self.is_unit:
            return self
        whitening = self.whitening.double()
        lower, failed = torch.linalg.cholesky_ex(whitening @ whitening.T)
        if bool(failed):
            return self
        bundles = tuple(columns[at * _TRIANGLE_COLUMNS :].contiguous()
                        for at, columns in enumerate(lower.float().split(_TRIANGLE_COLUMNS, dim=1)))
        return self._replace(whitening=None, lengths=bundles)

    def alpha(self, points: Tensor) -> Tensor:
        """The part of the cost that is the row's own. Shapes: points float32 (n, d) -> float32 (n,)."""
        if self.metric == "sqeuclidean" and self.lengths:  # 1, and 0 for the zero row
            nonzero: Tensor = torch.linalg.vector_norm(points, dim=1)
            return nonzero.gt_(0.0)
        if self.metric == "sqeuclidean":
            lengths: Tensor = torch.linalg.vector_norm(points, dim=1)
            return lengths.square_()  # the plain sum would write a matrix of squares first
        return torch.ones(len(points), dtype=torch.float32, device=points.device)

    def beta(self, points: Tensor) -> Tensor:
        """The part of the cost that is the target point's own. Shapes: points float32 (m, d) -> float64 (m,)."""
        if self.metric == "sqeuclidean":
            return points.double().square().sum(dim=1)
        return torch.zeros(len(points), dtype=torch.float64, device=points.device)

    def matrix(self, points: Tensor, target: Tensor) -> Tensor:
        """The whole cost matrix, for problems small enough. Shapes: (n, d), (m, d) -> float64 (n, m), at least 0."""
        x, y = points.double(), target.double()
        alpha = x.square().sum(dim=1) if self.metric == "sqeuclidean" else torch.ones_like(x[:, 0])
        product = torch.addmm(self.beta(target), x, y.T, alpha=-self.slope)
        return product.add_(alpha[:, None]).clamp_(min=0.0)


def _times_lower(rows: Tensor, bundles: Sequence[Tensor]) -> Tensor:
    """rows @ L, without what is above its diagonal (Cost.lengths). Shapes: float32 (n, d) -> (n, d)."""
    product, start = torch.empty_like(rows), 0
    for columns in bundles:
        end = start + columns.shape[1]
        torch.mm(rows[:, start:], columns, out=product[:, start:end])
        start = end
    return product


def same_cost(a: Cost, b: Cost) -> bool:
    """Return whether two costs make the same points of the same rows, bit for bit."""
    tensors = [(cost.centre, cost.whitening, *cost.lengths) for cost in (a, b)]
    return a.is_unit == b.is_unit and _same(*tensors)


def _same(a: Sequence[Tensor | None], b: Sequence[Tensor | None]) -> bool:
    return len(a) == len(b) and all(
        x is y or (x is not None and y is not None and torch.equal(x, y)) for x, y in zip(a, b, strict=True))


class Moments(NamedTuple):
    """Mean and covariance of weighted points, with what the cost adds to them.

    mean       : float64 (d,), sum_i a_i x_i.
    covariance : float64 (d, d), sum_i a_i (x_i - mean)(x_i - mean)^T.
    own_mean   : sum_i a_i alpha(x_i).
    own_second : sum_i a_i alpha(x_i)^2 less own_mean^2.
    own_cross  : float64 (d,), sum_i a_i alpha(x_i) (x_i - mean).
    """

    mean: Tensor
    covariance: Tensor
    own_mean: float
    own_second: float
    own_cross: Tensor


class _Sums(NamedTuple):
    """What some rows add to the moments about a shift: weighted sums of u, u u^T, v, v^2 and v u.

    u = x - shift, v = alpha(x) - shift of alpha.
    """

    first: Tensor
    second: Tensor
    own: float
    own_second: float
    own_cross: Tensor


def _added(a: _Sums, b: _Sums) -> _Sums:
    return _Sums(a.first + b.first, a.second + b.second, a.own + b.own, a.own_second + b.own_second,
                 a.own_cross + b.own_cross)


def moments(cost: Cost, rows: Tensor, masses: Tensor, each: Callable[..., Iterable[_Sums]] = map) -> Moments:
    """First and second moments of rows under masses, in one pass, in float64 and without cancellation.

    each : how chunks are worked on, one after the other or `Workers.map`; the sums are taken in order.
    Shapes: rows (n, d) float; masses float64 (n,) summing to 1.
    Raises: GotdError where float32 cannot hold the squares.
    """
    chunks = [slice(start, start + _CHUNK_ROWS) for start in range(0, len(rows), _CHUNK_ROWS)]
    some = cost.points(rows[chunks[0]])
    # About a point near the mean no digits cancel.
    shift, own_shift = some.double().mean(dim=0), float(cost.alpha(some).double().mean())

    def work(chunk: slice) -> _Sums:
        points, mass = cost.points(rows[chunk]), masses[chunk]
        own = cost.alpha(points).double() - own_shift
        offsets = points - shift.float()
        # float32 products are enough for offsets, which are of the size of the spread; the sum is float64.
        second = (offsets.T @ (offsets * mass.float()[:, None])).double()
        return _Sums((mass @ offsets.double()).cpu(), second.cpu(), float(mass @ own), float(mass @ own.square()),
                     ((mass * own) @ offsets.double()).cpu())

    total = reduce(_added, each(work, chunks))
    # What was subtracted was the shift rounded to float32.
    mean = shift.float().double() + total.first.to(rows.device)
    covariance = total.second - torch.outer(total.first, total.first)
    cross = total.own_cross - total.own * total.first
    if not (covariance.isfinite().all() and math.isfinite(total.own_second)):
        raise GotdError("these vectors are so long that float32 cannot hold their squares; divide all of them, the "
                        "target's too, by one number")
    return Moments(mean, covariance.to(rows.device), own_shift + total.own, total.own_second - total.own**2,
                   cross.to(rows.device))


def cost_mean_and_std(cost: Cost, source: Moments, target: Moments) -> tuple[float, float]:
    """Mean and standard deviation of C over all pairs, by source mass times target mass.

    With u = x - mean(x) and v = y - mean(y), C less its mean is A(x) + B(y) - s u.v, where A = alpha - mean(alpha) -
    s u.mean(y), B alike. The three have mean zero and do not correlate, so

        Var C = Var A + Var B + s^2 <Cov x, Cov y>

    and no pair is ever formed: O((n + m) d^2). A deviation that is only what float32 rounds is given as 0.
    """
    s = cost.slope
    mean = source.own_mean + target.own_mean - s * float(source.mean @ target.mean)
    variance = _own_variance(s, source, target.mean) + _own_variance(s, target, source.mean)
    variance += s * s * float((source.covariance * target.covariance).sum())
    std = math.sqrt(max(variance, 0.0))
    return mean, std if std > torch.finfo(torch.float32).eps * abs(mean) else 0.0


def _own_variance(s: float, own: Moments, other_mean: Tensor) -> float:
    """Var(alpha(x) - s u.w) for w the other side's mean: Var alpha - 2 s w.Cov(alpha, u) + s^2 w.Cov.w."""
    linear = float(other_mean @ own.own_cross)
    quadratic = float(other_mean @ own.covariance @ other_mean)
    return own.own_second - 2.0 * s * linear + s * s * quadratic


class Target(NamedTuple):
    """The target distribution Q as the solver holds it.

    points  : float32 (m, d), rows after Cost.points (compressed ones may be means of such rows).
    weights : float64 (m,), b_j >= 0 summing to 1; a point of weight 0 takes no part.
    """

    points: Tensor
    weights: Tensor


def target_moments(cost: Cost, target: Target) -> Moments:
    """Moments of target points as they stand, with beta_j for what the cost adds to them."""
    found = moments(Cost("sqeuclidean"), target.points, target.weights)
    if cost.metric == "sqeuclidean":
        return found
    return found._replace(own_mean=0.0, own_second=0.0, own_cross=torch.zeros_like(found.mean))
