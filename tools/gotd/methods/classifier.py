"""Logistic regression of the target against the source; the score is the log-odds of being the target's.

    score(x) = w.x + c,   (w, c) = argmin  |w|^2 / 2 + sum_i v_i log(1 + exp(-s_i (w.x_i + c)))

with s = 1 for rows of the target, -1 for rows of the source's sample, and weights v that give either side half of their
common number n. With even odds before a look at the text, 0 is where both are equally likely.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from gotd.errors import GotdError
from gotd.methods.base import SOURCE, TARGET_MASSES, Arrays, Fitted, VectorProblem, VectorRule
from gotd.methods.block_scorer import BlockScorer
from gotd.methods.options import CenterOptions, SpaceOptions
from gotd.methods.schema import CENTRE, ArrayField, Flag, Measured, Summary

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from gotd.ot.blocks import Workers

#: scikit-learn's own default, and far more steps than lbfgs was seen to need (100 at 1024 dimensions).
_TOLERANCE, _STEPS = 1e-4, 2000


@dataclass(frozen=True, kw_only=True)
class ClassifierSummary(Summary):
    """What the fit says of itself. iterations : steps that scikit-learn took; center : rows before they are compared"""

    iterations: Measured = None
    center: Flag
    source_rows: Measured = None
    sample_rows: Measured = None
    target_rows: Measured = None
    seed: Measured = None


class LogOdds(BlockScorer):
    """Log-odds of any rows."""

    def __init__(self, arrays: Arrays, figures: ClassifierSummary, workers: "Workers", device: "torch.device") -> None:
        import torch

        from gotd.methods.space import cost_from

        super().__init__(workers, device)
        self.dimension = len(arrays["normal"])
        self.cost = cost_from(arrays, "sqeuclidean", figures.center, device)
        self._normal = torch.from_numpy(arrays["normal"]).to(device)
        self._offset = float(arrays["offset"][0])

    def of_points(self, points: "Tensor", rows: "np.ndarray") -> "np.ndarray":
        """Log-odds of points."""
        import numpy as np
        import torch

        odds = torch.mv(points, self._normal).cpu().numpy()[: len(rows)]
        return np.asarray((odds.astype(np.float64) + self._offset).astype(np.float32))


class Classifier(VectorRule):
    """The weights of the two classes.

    Arrays: normal float32 (d,), offset float64 (1,); centre where the rows are centred.
    """

    name = "classifier"
    inputs = SOURCE | TARGET_MASSES
    options_type = CenterOptions
    options: CenterOptions
    arrays: ClassVar = {"normal": ArrayField("<f4", ("d",)), "offset": ArrayField("<f8", (1,)), "centre": CENTRE}
    summary_type = ClassifierSummary
    scorer_type = LogOdds

    def fit(self, problem: VectorProblem) -> Fitted:
        """Fit the weights. Raises: GotdError where scikit-learn is missing, or does not converge."""
        import numpy as np
        import torch

        from gotd.methods.space import space_arrays, space_of
        from gotd.ot.cost import Cost

        target, masses, center = problem.target, problem.masses, bool(self.options.center)
        # The source alone has a say, whatever will be ranked.
        problem = replace(problem, device=torch.device("cpu"), ranked=None)
        space = space_of(problem, SpaceOptions(**asdict(self.options), whiten=False))
        drawn, cost = space.drawn, Cost("sqeuclidean", space.cost.centre if center else None, center)
        points = [cost.points(torch.from_numpy(rows)).numpy() for rows in (target, drawn.rows)]
        half = (len(target) + len(drawn.rows)) / 2
        normal, offset, steps = _logistic(
            points, np.concatenate([half * masses / masses.sum(), half * drawn.masses]))
        summary = ClassifierSummary(
            method=self.name, iterations=steps, center=center, source_rows=drawn.counts.distinct,
            sample_rows=len(drawn.rows), target_rows=len(target), seed=self.options.seed)
        arrays = {"normal": normal.astype(np.float32), "offset": np.array([offset])} | space_arrays(cost)
        return Fitted(arrays, summary, space.read)


def _logistic(points: "Sequence[np.ndarray]", masses: "np.ndarray") -> "tuple[np.ndarray, float, int]":
    """The weights of rows of the first kind against the second, the intercept, and the steps it took.

    Shapes: points float32 (m, d) and (n, d), masses float64 (m + n,) -> (d,), intercept, steps.
    """
    import numpy as np

    try:
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise GotdError("--method classifier needs scikit-learn; pip install 'gotd[baselines]'") from error
    import warnings

    kind = np.repeat([1, 0], [len(rows) for rows in points])
    model = LogisticRegression(tol=_TOLERANCE, max_iter=_STEPS)
    # One thread: sums in another order have other last bits.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge is said below
        model.fit(np.concatenate(points), kind, sample_weight=masses)
    steps = int(model.n_iter_[0])
    if steps >= _STEPS:
        raise GotdError(f"the classifier did not converge in {_STEPS} steps; give a larger --pool-sample, or --center")
    return model.coef_[0], float(model.intercept_[0]), steps
