"""Minus the cost to the target's mean: what `got` becomes when epsilon is large.

    score(x) = mean over the source of C(., m)  -  C(x, m),   m = sum_j b_j y_j

with the y_j as they are compared: less the source's mean and of unit length where that is asked for. For the cosine m
is scaled to unit length.
"""

from collections.abc import Sequence

import numpy as np
import torch

from gotd.methods.nearest import Scorer as Scorer  # nearest of one point
from gotd.methods.nearest import to_nearest
from gotd.methods.protocol import Fitted
from gotd.methods.settings import Settings
from gotd.methods.space import space_of
from gotd.ot.blocks import Workers
from gotd.ot.source import Part


def fit(target: np.ndarray, weights: np.ndarray, parts: Sequence[Part], source_is_pool: bool, settings: Settings,
        workers: Workers, device: torch.device, ranked: Part | None = None) -> Fitted:
    """Takes the target's mean.

    Shapes: target float (m, d), weights float64 (m,). Arrays: as those of `got`, with one point.
    """
    space = space_of(target, parts, settings, workers, device, ranked)
    points = space.cost.points(torch.from_numpy(target).to(device)).cpu().numpy()
    middle = (weights / weights.sum()) @ points.astype(np.float64)
    if settings.metric == "cosine":
        middle /= max(float(np.linalg.norm(middle)), np.finfo(np.float32).tiny)
    point = middle.astype(np.float32)[None]
    return to_nearest("mean", point, len(target), space, settings, workers, device)
