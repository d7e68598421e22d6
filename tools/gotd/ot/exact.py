"""Unregularised optimal transport by POT's network simplex, for problems small enough to write out."""

import importlib
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gotd.errors import GotdError
from gotd.ot.cost import Cost, Target

#: Largest number of pairs solved for potentials: about a GiB for the costs and the simplex, and minutes.
POTENTIAL_PAIRS = 1 << 25
#: Largest number of parts whose offsets are centred: the cube of it are additions, seconds.
_CENTRED_PARTS = 1024
#: Masses below this part of the largest pair's are what sums of rounded masses leave.
_ROUNDING = 1e-9
#: Pivots allowed; POT's own default (100,000) stops short on a few thousand rows.
_PIVOTS = 100_000_000


def _pot() -> ModuleType:
    """POT, imported when it is needed: it brings scipy and whatever else it finds, a second's work."""
    return importlib.import_module("ot")


class Exact(NamedTuple):
    """Potentials at eps = 0.

    g         : float64 (m,), with sum_j b_j g_j = 0, and 0 where b_j is 0.
    distance  : <P, C> of the best plan.
    is_unique : no others are as good. The plan's pairs with mass tie potentials together; where they leave several
                parts, as they do where masses are whole multiples of each other, each part's offset may be anything
                between two bounds.
    is_centred : the offsets are in the middle of what they may be, so that no order of rows changes them. It is always
                so but with more than 1,024 parts.
    """

    g: Tensor
    distance: float
    is_unique: bool
    is_centred: bool


def exact_potentials(points: Tensor, masses: Tensor, target: Target, cost: Cost) -> Exact:
    """Potentials of the target at eps = 0, by the network simplex.

    Shapes: points float32 (n, d), masses float64 (n,).
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
    plan, log = _pot().emd(masses[rows].cpu().numpy(), b, costs, numItermax=_PIVOTS, log=True)
    if log["warning"] is not None:
        raise GotdError(f"the exact solver did not end: {log['warning']}; sample fewer rows")
    g = np.asarray(log["v"])
    parts, part_of_row, part_of_point = _parts(plan)
    if 1 < parts <= _CENTRED_PARTS:
        slack = costs - np.asarray(log["u"])[:, None] - g
        g = g + _middle(_least(slack, part_of_row, part_of_point, parts))[part_of_point]
    potentials = torch.zeros_like(target.weights)
    potentials[present] = torch.from_numpy(g - b @ g).to(potentials.device)
    return Exact(potentials, float(log["cost"]), parts == 1, parts <= _CENTRED_PARTS)


def _parts(plan: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """How many parts the pairs with mass leave, and the part of each row and point. Shapes: (n, m) -> (n,), (m,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, m = plan.shape
    row, point = np.nonzero(plan > _ROUNDING * plan.max())
    graph = coo_array((np.ones(len(row)), (row, n + point)), shape=(n + m, n + m))
    count, labels = connected_components(graph, directed=False)
    return int(count), labels[:n], labels[n:]


def _least(slack: np.ndarray, part_of_row: np.ndarray, part_of_point: np.ndarray, parts: int) -> np.ndarray:
    """By how much one part's offset may exceed another's: least slack of rows of k at points of l. -> (k, l)."""
    by_point = np.full((len(slack), parts), np.inf)
    for part in range(parts):
        by_point[:, part] = slack[:, part_of_point == part].min(axis=1, initial=np.inf)
    return np.stack([by_point[part_of_row == k].min(axis=0, initial=np.inf) for k in range(parts)])


def _middle(bounds: np.ndarray) -> np.ndarray:
    """Offsets t with t_l - t_k <= bounds_kl, in the middle of all such. Shapes: (k, k) -> (k,).

    With D the shortest ways along the bounds (Floyd and Warshall), D_k. and -D_.k are the highest and the lowest
    offsets beside t_k = 0; what lies between allowed offsets is allowed, so the mean of both over all k is.
    """
    ways = np.maximum(bounds, 0.0)  # below 0 by rounding alone
    np.fill_diagonal(ways, 0.0)
    for k in range(len(ways)):
        np.minimum(ways, ways[:, k, None] + ways[None, k], out=ways)
    return np.asarray((ways - ways.T).mean(axis=0) / 2.0)
