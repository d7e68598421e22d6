"""Rules whose score is a transform of the costs to weighted points: the calibrated gradient at fixed potentials.

    score(x) = scale (mean - f(x)),   f(x) = -eps log sum_j b_j exp((g_j - C(x, y_j)) / eps)

At eps = 0 and potentials g = 0 the f of a row is its cost to the nearest point.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from gotd.methods.base import Arrays, Fitted, VectorProblem, VectorRule
from gotd.methods.block_scorer import BlockScorer
from gotd.methods.options import SpaceOptions
from gotd.methods.schema import (
    CENTRE,
    WHITENING,
    ArrayField,
    Flag,
    Measured,
    MetricName,
    NotNegative,
    Number,
    Positive,
    SpaceFigures,
    Summary,
    is_finite,
)

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from gotd.methods.space import Space
    from gotd.ot.blocks import Workers


def _weighs(weights: "np.ndarray") -> bool:
    return is_finite(weights) and bool((weights >= 0.0).all() and weights.sum() > 0.0)


@runtime_checkable
class TransformFigures(SpaceFigures, Protocol):
    """Figures that scores are computed with. epsilon : absolute"""

    @property
    def epsilon(self) -> float: ...

    @property
    def calibration_mean(self) -> float: ...

    @property
    def calibration_scale(self) -> float: ...


@dataclass(frozen=True, kw_only=True)
class NearestSummary(Summary):
    """What a fit says of itself that scores by the nearest of some points."""

    metric: MetricName
    center: Flag
    whiten: Flag = False
    epsilon: NotNegative
    calibration_mean: Number
    calibration_scale: Positive
    source_rows: Measured = None
    sample_rows: Measured = None
    target_rows: Measured = None
    target_points: Measured = None
    seed: Measured = None


class TransformScorer(BlockScorer):
    """Scores any rows from a fitted target."""

    def __init__(self, arrays: Arrays, figures: TransformFigures, workers: "Workers", device: "torch.device") -> None:
        import torch

        from gotd.methods.space import cost_from
        from gotd.ot.cost import Target
        from gotd.ot.gradient import calibration
        from gotd.ot.transform import folded, transform

        super().__init__(workers, device)
        self.dimension = int(arrays["points"].shape[1])
        points, weights, potentials = (torch.from_numpy(arrays[name]).to(device)
                                       for name in ("points", "weights", "potentials"))
        cost = cost_from(arrays, figures.metric, figures.center, device)
        self._kernel = folded(transform(cost, Target(points, weights), figures.epsilon, potentials))
        self.cost = self._kernel.cost
        self._calibration = calibration(figures.calibration_mean, None)._replace(scale=figures.calibration_scale)

    def of_points(self, points: "Tensor", rows: "np.ndarray") -> "np.ndarray":
        """Scores of points."""
        import numpy as np

        values = self._calibration.scores(self._kernel.potential(points))
        return np.asarray(values.cpu().numpy()[: len(rows)])


class TransformRule(VectorRule):
    """Base class of such rules.

    Arrays: points float32 (m, d), as Cost.points gives them; weights and potentials float64 (m,); centre float32 (d,)
    where the cost has one, whitening float32 (d, d) where rows are whitened.
    """

    arrays: ClassVar = {
        "points": ArrayField("<f4", ("m", "d")), "weights": ArrayField("<f8", ("m",), _weighs),
        "potentials": ArrayField("<f8", ("m",)), "centre": CENTRE, "whitening": WHITENING,
    }
    summary_type: ClassVar[type[Summary]] = NearestSummary
    scorer_type = TransformScorer
    options_type = SpaceOptions
    options: SpaceOptions

    def use_of_pool(self, fitted: Fitted) -> str:
        """Return what the pool beside a --source is for."""
        return "gives the space" if self.options.center else "is not read"

    def to_nearest(self, points: "np.ndarray", problem: VectorProblem, space: "Space") -> Fitted:
        """Return the fit that scores by the nearest of some points, zero at the mean of the sample.

        Shapes: points float32 (m, d), as from Cost.points.
        """
        import numpy as np

        from gotd.methods.space import space_arrays

        count, options = len(points), self.options
        uncalibrated = NearestSummary(
            method=self.name, metric=options.metric, center=options.centers, whiten=bool(options.whiten),
            epsilon=0.0, calibration_mean=0.0, calibration_scale=1.0, source_rows=space.drawn.counts.distinct,
            sample_rows=len(space.drawn.rows), target_rows=len(problem.target), target_points=count, seed=options.seed)
        arrays = {"points": points, "weights": np.full(count, 1.0 / count), "potentials": np.zeros(count)}
        arrays |= space_arrays(space.cost)
        scorer = TransformScorer(arrays, uncalibrated, problem.workers, problem.device)
        costs = -scorer.scores(space.drawn.rows).astype(np.float64)
        summary = replace(uncalibrated, calibration_mean=float(space.drawn.masses @ costs))
        return Fitted(arrays, summary, space.read)
