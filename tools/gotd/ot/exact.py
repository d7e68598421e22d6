"""Unregularised optimal transport by POT's network simplex, for problems small enough to write out."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gotd.errors import GotdError
from gotd.ot.cost import Cost, Target

#: Largest number of pairs solved for potentials: about a GiB for the costs and the simplex, and minutes.
POTENTIAL_PAIRS = 1 << 25
#: Largest number of pairs solved only to print a distance: a few seconds.
DISTANCE_PAIRS = 1 << 22
#: Pivots allowed; POT's own default (100,000) stops short on a few thousand rows.
_PIVOTS = 100_000_000


def _pot() -> Any:
    """POT, imported when it is needed: it brings scipy and whatever else it finds, a second's work."""
    import ot

    return ot


def exact_potentials(points: Tensor, masses: Tensor, target: Target, cost: Cost) -> tuple[Tensor, float]:
    """Target potentials g at eps = 0 and the distance <P, C>.

    Shapes: points float32 (n, d), masses float64 (n,) -> float64 (m,) with sum_j b_j g_j = 0, and 0 where b_j is 0.
    Raises: GotdError where there are more pairs than POTENTIAL_PAIRS, or the simplex does not end.

    Rows and points without mass are left out first: POT's duals are wrong there.
    """
    pairs = len(points) * len(target.points)
    if pairs > POTENTIAL_PAIRS:
        raise GotdError(
            f"epsilon 0 needs all {pairs} costs between sample and target, more than {POTENTIAL_PAIRS}; "
            f"sample at most {POTENTIAL_PAIRS // len(target.points)} rows or give an epsilon above 0"
        )
    present = target.weights > 0.0
    rows = masses > 0.0
    b = target.weights[present].cpu().numpy()
    costs = cost.matrix(points[rows], target.points[present]).cpu().numpy()
    _, log = _pot().emd(masses[rows].cpu().numpy(), b, costs, numItermax=_PIVOTS, log=True)
    if log["warning"] is not None:
        raise GotdError(f"the exact solver did not end: {log['warning']}; sample fewer rows")
    potentials = torch.zeros_like(target.weights)
    potentials[present] = torch.from_numpy(log["v"] - b @ log["v"]).to(potentials.device)
    return potentials, float(log["cost"])


def exact_distance(points: Tensor, masses: Tensor, target: Target, cost: Cost) -> float | None:
    """<P, C> of the best plan, or None where there are more pairs than DISTANCE_PAIRS.

    Shapes: points float32 (n, d), masses float64 (n,) summing to 1.
    """
    if len(points) * len(target.points) > DISTANCE_PAIRS:
        return None
    costs = cost.matrix(points, target.points).cpu().numpy()
    a, b = masses.cpu().numpy(), target.weights.cpu().numpy()
    return float(_pot().emd2(a, b * (a.sum() / b.sum()), np.ascontiguousarray(costs), numItermax=_PIVOTS))
