"""Minus the cost to the nearest target row: a document is good when it is close to any text of the task.

    score(x) = mean over the source of min_j C(., y_j)  -  min_j C(x, y_j)

The mean is taken over the sample, so that zero is the average document, as with `got`. Where the target is several
things the dense one takes all, and nothing asks how much of it the source has already.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from gotd.methods.got import Scorer as Scorer  # the transform at eps = 0 and potentials 0 is min_j C(x, y_j)
from gotd.methods.protocol import Fitted
from gotd.methods.settings import Settings
from gotd.methods.space import Space, space_arrays, space_of, space_summary
from gotd.ot.blocks import Workers
from gotd.ot.source import Part


def fit(target: np.ndarray, weights: np.ndarray, parts: Sequence[Part], source_is_pool: bool, settings: Settings,
        workers: Workers, device: torch.device, ranked: Part | None = None) -> Fitted:
    """Keeps every row of the target that has weight.

    Shapes: target float (m, d), weights float64 (m,). Arrays: as those of `got`.
    """
    space = space_of(target, parts, settings, workers, device, ranked)
    points = space.cost.points(torch.from_numpy(target[weights > 0.0]).to(device)).cpu().numpy()
    return to_nearest("nearest", points, len(target), space, settings, workers, device)


def to_nearest(method: str, points: np.ndarray, target_rows: int, space: Space, settings: Settings, workers: Workers,
               device: torch.device) -> Fitted:
    """The rule that scores by the nearest of some points, zero at the mean of the sample.

    Shapes: points float32 (m, d), as from Cost.points.
    """
    count = len(points)
    arrays = {"points": points, "weights": np.full(count, 1.0 / count), "potentials": np.zeros(count)}
    arrays |= space_arrays(space.cost)
    summary: dict[str, Any] = {
        "method": method, "converged": True, "warnings": [], **space_summary(settings),
        "epsilon": 0.0, "calibration_mean": 0.0, "calibration_scale": 1.0, "source_rows": space.drawn.counts.distinct,
        "sample_rows": len(space.drawn.rows), "target_rows": target_rows, "target_points": count, "seed": settings.seed,
    }
    costs = -Scorer(arrays, summary, workers, device).scores(space.drawn.rows).astype(np.float64)
    return Fitted(arrays, summary | {"calibration_mean": float(space.drawn.masses @ costs)}, space.read)
