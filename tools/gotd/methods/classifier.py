"""Logistic regression of the target against the source; the score is the log-odds of being the target's.

    score(x) = w.x + c,   (w, c) = argmin  |w|^2 / 2 + sum_i v_i log(1 + exp(-s_i (w.x_i + c)))

with s = 1 for rows of the target, -1 for rows of the source's sample, and weights v that give either side half of their
common number n. With even odds before a look at the text, 0 is where both are equally likely.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gotd.errors import GotdError
from gotd.methods.block_scorer import BlockScorer
from gotd.methods.protocol import Fitted
from gotd.methods.settings import Settings
from gotd.methods.space import cost_from, space_arrays, space_of
from gotd.ot.blocks import Workers, padded
from gotd.ot.cost import Cost
from gotd.ot.source import Part

#: scikit-learn's own default, and far more steps than lbfgs was seen to need (100 at 1024 dimensions).
_TOLERANCE, _STEPS = 1e-4, 2000


def fit(target: np.ndarray, weights: np.ndarray, parts: Sequence[Part], source_is_pool: bool, settings: Settings,
        workers: Workers, device: torch.device, ranked: Part | None = None) -> Fitted:
    """Fits the weights of the two classes.

    Shapes: target float (m, d), weights float64 (m,). Arrays: normal float32 (d,), offset float64 (1,); centre where
    the rows are centred.
    Raises: GotdError where scikit-learn is missing, or does not converge.
    """
    space = space_of(target, parts, settings, workers, torch.device("cpu"))
    drawn, cost = space.drawn, Cost("sqeuclidean", space.cost.centre if settings.center else None, settings.center)
    points = [cost.points(torch.from_numpy(rows)).numpy() for rows in (target, drawn.rows)]
    half = (len(target) + len(drawn.rows)) / 2
    masses = np.concatenate([half * weights / weights.sum(), half * drawn.masses])
    normal, offset, steps = _logistic(points, masses)
    summary = {
        "method": "classifier", "converged": True, "warnings": [], "iterations": steps, "center": settings.center,
        "source_rows": drawn.counts.distinct, "sample_rows": len(drawn.rows), "target_rows": len(target),
        "seed": settings.seed,
    }
    arrays = {"normal": normal.astype(np.float32), "offset": np.array([offset])} | space_arrays(cost)
    return Fitted(arrays, summary, space.read)


def _logistic(points: Sequence[np.ndarray], masses: np.ndarray) -> tuple[np.ndarray, float, int]:
    """The weights of rows of the first kind against the second, the intercept, and the steps it took.

    Shapes: points float32 (m, d) and (n, d), masses float64 (m + n,) -> (d,), intercept, steps.
    """
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


class Scorer(BlockScorer):
    """Log-odds of any rows."""

    def __init__(self, arrays: dict[str, np.ndarray], summary: dict[str, Any], workers: Workers,
                 device: torch.device) -> None:
        super().__init__(workers, device)
        self.dimension = len(arrays["normal"])
        self._cost = cost_from(arrays, "sqeuclidean", summary["center"], device)
        self._normal: Tensor = torch.from_numpy(arrays["normal"]).to(device)
        self._offset = float(arrays["offset"][0])

    def _block(self, rows: np.ndarray) -> np.ndarray:
        points = self._cost.points(padded(rows, self._rows, self._device))
        odds = torch.mv(points, self._normal).cpu().numpy()[: len(rows)]
        return np.asarray((odds.astype(np.float64) + self._offset).astype(np.float32))
