"""Which target texts a document serves: its share of the transport plan, or the nearest of them.

    p(j | x) = softmax_j((g_j - C(x, y_j)) / eps + log b_j)

is the plan's conditional at potentials g: how a document's mass is spread over the target. At eps = 0 all of it goes
to the least C(x, y_j) - g_j; of rules without a plan to the least C(x, y_j), the nearest text.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gotd.errors import DataError
from gotd.methods.got import GotSummary
from gotd.methods.schema import SpaceFigures
from gotd.methods.space import cost_from
from gotd.methods.transform_rule import TransformFigures
from gotd.ot.blocks import has_content
from gotd.ot.cost import Cost
from gotd.selection import TargetFile

#: Rows at a time: 512 x 4096 float64 are 16 MiB.
_BLOCK_ROWS = 512
#: Squared distance of a point to its text, over the mean square length of points, that rounding can explain.
_SAME_POINT = 0.01


@dataclass(frozen=True)
class Plan:
    """The points of the target, and how documents are spread over them.

    points : float32 (m, d). weights, potentials : float64 (m,). epsilon : absolute, 0 for all to one point
    measure : in words. is_plan : whether it is a transport plan
    """

    cost: Cost
    points: Tensor
    weights: np.ndarray
    potentials: np.ndarray
    epsilon: float
    measure: str
    is_plan: bool

    def blocks(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield p(j | x), and C(x, y_j) - g_j, of some rows after the other.

        Shapes: rows float (n, d) -> float64 (b, m), float64 (b, m).
        """
        g, log_b = torch.from_numpy(self.potentials), torch.from_numpy(self.weights).log()
        for start in range(0, len(rows), _BLOCK_ROWS):
            x = self.cost.points(torch.from_numpy(rows[start : start + _BLOCK_ROWS]))
            reduced = self.cost.matrix(x, self.points) - g
            reduced[:, log_b == -torch.inf] = torch.inf
            if self.epsilon > 0.0:
                shares = torch.softmax(log_b - reduced / self.epsilon, dim=1)
            else:
                shares = torch.nn.functional.one_hot(reduced.argmin(dim=1), len(self.points)).double()
            yield shares.numpy(), reduced.numpy()


def plan_of(target: TargetFile, rows: np.ndarray | None) -> Plan | None:
    """Return how documents are spread over a target; None where that needs its vectors, and there are none.

    Shapes: rows float (m, d), vectors of the target's texts with content.
    """
    arrays, figures, cpu = target.arrays, target.figures, torch.device("cpu")
    if figures.method in ("got", "nearest") and isinstance(figures, TransformFigures):
        cost = cost_from(arrays, figures.metric, figures.center, cpu)
        is_plan, epsilon = figures.method == "got", figures.epsilon
        measure = "the transport plan's share" if is_plan and epsilon else "the least cost"
        return Plan(cost, torch.from_numpy(arrays["points"]), arrays["weights"] / arrays["weights"].sum(),
                    arrays["potentials"], epsilon, measure, is_plan)
    if rows is None:
        return None
    if isinstance(figures, SpaceFigures):
        cost = cost_from(arrays, figures.metric, figures.center, cpu)
        measure = f"the least distance ({figures.metric}) in the rule's space"
    else:
        cost, measure = Cost("cosine"), "the largest cosine of the vectors"
    points = cost.points(torch.from_numpy(rows))
    even = np.full(len(rows), 1.0 / len(rows))
    return Plan(cost, points, even, np.zeros(len(rows)), 0.0, measure, False)


@dataclass(frozen=True)
class TextsOfPoints:
    """Which texts stand for the points of a plan.

    nearest : int64 (m,), a text for each point; members : int64 (m,), how many texts it stands for
    compressed : whether several different texts became one point
    """

    nearest: np.ndarray
    members: np.ndarray
    compressed: bool


def texts_of_points(plan: Plan, rows: np.ndarray, target: TargetFile, name: str) -> TextsOfPoints:
    """Return the text of each point. name : of the texts, for messages

    Shapes: rows float (n, d), vectors of all texts; those of no content stand for nothing.
    Raises: DataError where the target was fitted to other texts.
    """
    kept = np.flatnonzero(has_content(rows))
    fitted = target.summary.get("target_rows")
    if isinstance(fitted, int) and fitted != len(kept):
        what = f"{len(kept):,} texts with content, and the target was fitted to {fitted:,}"
        raise DataError(name, what, "give the texts that ds-target-stats had as --target")
    own = plan.cost.points(torch.from_numpy(rows[kept]))
    least = torch.full((len(plan.points),), torch.inf, dtype=torch.float64)
    nearest = torch.zeros(len(plan.points), dtype=torch.int64)
    members = torch.zeros(len(plan.points), dtype=torch.int64)
    euclid = Cost("sqeuclidean")
    for start in range(0, len(own), _BLOCK_ROWS):
        squares = euclid.matrix(own[start : start + _BLOCK_ROWS], plan.points)
        members += torch.bincount(squares.argmin(dim=1), minlength=len(plan.points))
        found, place = squares.min(dim=0)
        nearest = torch.where(found < least, place + start, nearest)
        least = torch.minimum(found, least)
    compressed = isinstance(target.figures, GotSummary) and (target.figures.target_error or 0.0) > 0.0
    length = float(plan.points.double().square().sum(dim=1).mean())
    if not compressed and float(least.median()) > _SAME_POINT * length:
        raise DataError(name, "other texts than the target was fitted to, by their vectors",
                        "give the texts that ds-target-stats had as --target")
    return TextsOfPoints(kept[nearest.numpy()], members.numpy(), compressed)
