"""How much of the target a choice serves: column sums of the plan over the choice, against the target's masses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gotd.ot.blocks import has_content
from gotd.report.served import Plan

#: A point that gets less than this part of its mass is hardly served.
HARDLY = 0.1
#: Places of the curve.
_CURVE_POINTS = 101


@dataclass(frozen=True)
class Served:
    """A point of the target. wanted : its mass b_j. given : what the choice gives it, sum_x p(j | x) / k

    text : number of its text; None where texts are not known
    """

    point: int
    wanted: float
    given: float
    text: int | None = None


@dataclass(frozen=True)
class Coverage:
    """Column sums of the plan over a choice.

    mass     : of all sums: 1, less the share of documents without content, which serve nothing.
    overlap  : sum_j min(given_j, wanted_j): how much of the target's mass is served as wanted; 1 is the target itself.
    hardly   : mass of the points that get less than a tenth of theirs; unserved : points that get nothing at all.
    effective : exp of the entropy of what is given: so many points would be served alike.
    curve    : points from the least served on: their mass, and what they are given, both summed up.
    least    : the points that are served least for their mass.
    """

    is_plan: bool
    measure: str
    points: int
    documents: int
    mass: float
    overlap: float
    hardly: float
    unserved: int
    effective: float
    curve: list[tuple[float, float]]
    least: list[Served]


@dataclass(frozen=True)
class Reason:
    """A point that a document serves. share : of its mass, None where there is no plan. cost : C(x, y_j) - g_j"""

    point: int
    share: float | None
    cost: float


def cover(plan: Plan, rows: np.ndarray, wanted: Sequence[int], reasons: int, shown: int
          ) -> tuple[Coverage, Mapping[int, list[Reason]]]:
    """Return the coverage, and for some documents the points that they serve most.

    Shapes: rows float (k, d), vectors of the choice. wanted : numbers of documents; reasons : points for each of them
    """
    kept, sums = np.flatnonzero(has_content(rows)), np.zeros(len(plan.weights))
    why: dict[int, list[Reason]] = {}
    places, start = set(wanted), 0
    for shares, costs in plan.blocks(rows[kept]):
        sums += shares.sum(axis=0)
        for row, document in enumerate(kept[start : start + len(shares)].tolist()):
            if document in places:
                why[document] = _reasons(plan, shares[row], costs[row], reasons)
        start += len(shares)
    return _coverage(plan, sums / len(rows), len(rows), shown), why


def _reasons(plan: Plan, shares: np.ndarray, costs: np.ndarray, count: int) -> list[Reason]:
    soft = plan.is_plan and plan.epsilon > 0.0
    order = np.argsort(-shares if soft else costs, kind="stable")[:count]
    return [Reason(int(j), float(shares[j]) if soft else None, float(costs[j])) for j in order.tolist()]


def _coverage(plan: Plan, given: np.ndarray, documents: int, shown: int) -> Coverage:
    wanted = plan.weights
    has_mass = np.flatnonzero(wanted > 0.0)
    ratio = given[has_mass] / wanted[has_mass]
    order = has_mass[np.lexsort((-wanted[has_mass], ratio))]
    x, y = (np.concatenate([[0.0], np.cumsum(masses[order])]) for masses in (wanted, given))
    at = np.linspace(0.0, 1.0, _CURVE_POINTS)
    some = given[given > 0.0] / max(float(given.sum()), np.finfo(np.float64).tiny)
    return Coverage(
        plan.is_plan and plan.epsilon > 0.0, plan.measure, len(has_mass), documents, float(given.sum()),
        float(np.minimum(given, wanted).sum()), float(wanted[has_mass[ratio < HARDLY]].sum()),
        int(np.count_nonzero(given[has_mass] == 0.0)), float(np.exp(-(some * np.log(some)).sum())),
        [(float(place), float(value)) for place, value in zip(at, np.interp(at, x / x[-1], y), strict=True)],
        [Served(int(j), float(wanted[j]), float(given[j])) for j in order[:shown].tolist()])
