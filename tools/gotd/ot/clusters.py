"""Offsets between clusters that are many eps apart: what the marginals hardly say, found where they say it.

Between such clusters the plan carries next to nothing, so that the dual is flat along g + x 1_S for S the target points
of a cluster: the marginals hold to any tolerance while x, and with it every score of the cluster, is anything. But the
dual is not quite flat. Its derivative along 1_S is the imbalance of S,

    D(x) = A_S - B_S + I(x) - O(x),   I(x) = sum of a_i s(x + z_i) over the rows outside of S, the flow into it,
                                      O(x) = sum of a_i s(-x - z_i) over the rows of S, the flow out of it,

with A_S and B_S the masses of the rows and points of S, s the logistic function and z_i the logarithm of the odds that
row i goes to S (x in units of eps). Each flow is summed in logarithms, so that e^-200 is told from e^-100, and D = 0,
or log(I + d+) = log(O + d-) with d = A_S - B_S, has one root. Where masses balance to the last bit it is the x at which
as much flows in as out.

Directions are taken along a tree that joins the most strongly coupled clusters first, so that in each direction the
dual bends by its own flow alone. Flows change with the offsets, so each round has a tree of its own; a few rounds are
enough whatever the flows' sizes.

Source: block coordinate ascent on the dual, as Sinkhorn's iteration is on its own blocks (Peyre and Cuturi, arXiv
1803.00567, section 4.2); balance of flows: Osborne, On pre-conditioning matrices (JACM 1960).
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

#: A row links the points that get more than this part of what its first point gets. Cut too finely, clusters cost time
#: and nothing else; the next values are tried while there are more than may be.
_LINKS = (1e-3, 1e-6, 1e-12, 1e-24)
#: The rounds below cost n k^2 for n rows and k clusters, and a loop over the clusters: 32 of the largest samples, of
#: few rows so many as take a second or two.
_MOST_WORK, _MOST = 65536 * 32**2, 64
#: Sweeps over the links, each of which carries a label over all rows and points one link on.
_SWEEPS = 30
#: Entries of the plan looked at first: most plans hang together in a part of their rows.
_PART = 1 << 20
#: Masses that differ by less balance: they are sums of rounded float64.
_BALANCED = 1e-12
#: Rounds over the tree, and when the offsets, in units of eps, are good enough.
_ROUNDS, _STILL = 20, 1e-8


def most_clusters(rows: int) -> int:
    """Return how many clusters of so many rows may be told apart, at least 2."""
    return max(2, min(_MOST, math.isqrt(_MOST_WORK // max(1, rows))))


def cluster_labels(plan: Tensor, present: Tensor, most: int) -> Tensor | None:
    """A number for each point, the same where rows link them; None where there are more than `most` kinds.

    Shapes: plan float32 (n, m), rows summing to 1; present bool (m,), points that take part -> int64 (m,), from 0 on,
    -1 where not present.
    """
    part = plan[:: max(1, plan.numel() // _PART)]
    labels = _joined(part, present, _LINKS[0])
    for link in _LINKS:
        if int(labels.max()) > 0:
            labels = _joined(plan, present, link)
        if int(labels.max()) < most:
            return labels
    return None


def _joined(plan: Tensor, present: Tensor, link: float) -> Tensor:
    """Connected components of the links, or finer ones where labels have farther to go than _SWEEPS."""
    count = plan.shape[1]
    linked = plan > link * plan.amax(dim=1, keepdim=True)
    linked[plan.argmax(dim=0), torch.arange(count, device=plan.device)] = True  # what no row wants is no cluster
    linked &= present
    labels = torch.arange(count, device=plan.device)
    for _ in range(_SWEEPS):
        rows = torch.where(linked, labels, count).amin(dim=1, keepdim=True)
        joined = torch.minimum(labels, torch.where(linked, rows, count).amin(dim=0))
        if torch.equal(joined, labels):
            break
        labels = joined
    numbers = torch.full_like(labels, -1)
    numbers[present] = torch.unique(labels[present], return_inverse=True)[1]
    return numbers


def offsets(shares: np.ndarray, masses: np.ndarray, weights: np.ndarray, imbalance: np.ndarray | None) -> np.ndarray:
    """By how much each cluster's potentials are to rise, in units of eps.

    shares    : float64 (n, k), logarithms of what each row sends to each cluster.
    masses    : float64 (n,), a_i.
    weights   : float64 (k,), b summed over each cluster, all above 0.
    imbalance : float64 (k,), c - b summed over each cluster on another source than these rows, or None for that of
                these rows, which is then taken from the masses to the last bit.
    Shapes: -> float64 (k,).
    """
    with np.errstate(divide="ignore"):
        logs = np.log(masses)
    shifts, own = np.zeros(len(weights)), shares.argmax(axis=1)  # whose a row is stays, so that a side's mass does, too
    for _ in range(_ROUNDS):
        moved = 0.0
        for side in _tree(shares + shifts, logs):
            inside = side[own]
            left = (float(masses[inside].sum() - weights[side].sum()) if imbalance is None
                    else _measured(side, inside, shares, logs, imbalance))
            x = _root(_odds(shares + shifts, side), logs, left if abs(left) >= _BALANCED else 0.0, inside)
            shifts[side] += x
            moved = max(moved, abs(x))
        if moved < _STILL:
            break
    return shifts


def _measured(side: np.ndarray, inside: np.ndarray, shares: np.ndarray, logs: np.ndarray, imbalance: np.ndarray
              ) -> float:
    """A_S - B_S of a side by an imbalance measured elsewhere, less what the rows make of it before any shift."""
    into, out = (float(np.exp(flow)) for flow in _flows(_odds(shares, side), 0.0, logs, inside))
    return float(imbalance[side].sum()) - into + out


def _odds(shares: np.ndarray, side: np.ndarray) -> np.ndarray:
    """z_i. Shapes: float64 (n, k), bool (k,) -> float64 (n,)."""
    return np.asarray(_log_sums(shares[:, side]) - _log_sums(shares[:, ~side]))


def _flows(odds: np.ndarray, x: float, logs: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """log I and log O at x. logs : of the masses"""
    exponent = np.where(inside, -x - odds, x + odds)
    flows = logs + np.minimum(exponent, 0.0) - np.log1p(np.exp(-np.abs(exponent)))
    return float(_log_sums(flows[~inside])), float(_log_sums(flows[inside]))


def _log_sums(values: np.ndarray) -> np.ndarray:
    """log sum exp along the last axis; -inf where there is nothing to add up. Shapes: float64 (..., n) -> (...)."""
    top = values.max(axis=-1, initial=-np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = np.log(np.exp(values - top[..., None]).sum(axis=-1)) + top
    return np.asarray(np.where(np.isneginf(top), -np.inf, sums))


def _root(odds: np.ndarray, logs: np.ndarray, left: float, inside: np.ndarray) -> float:
    """The x at which D is 0."""
    from scipy.optimize import brentq

    with np.errstate(divide="ignore"):
        more, less = np.log(max(left, 0.0)), np.log(max(-left, 0.0))

    def difference(x: float) -> float:
        into, out = _flows(odds, x, logs, inside)
        return float(np.logaddexp(into, more) - np.logaddexp(out, less))

    here = difference(0.0)
    if abs(here) < _STILL:  # its slope is 1 to 2: there already
        return 0.0
    if math.isfinite(here):  # mostly it is, and the root within twice the difference
        near = -2.0 * here
        if difference(near) * here < 0.0:
            return float(brentq(difference, *sorted((0.0, near)), xtol=1e-10))
    # All rows are far on one side of where their odds are even, and e^-745 is the least that float64 tells from 0.
    reach = float(np.abs(odds).max()) + 800.0
    low, high = difference(-reach), difference(reach)
    if not low < 0.0 < high:  # one of the two has no rows, or no more than rounding tells
        return 0.0
    return float(brentq(difference, -reach, reach, xtol=1e-10))


def _tree(shares: np.ndarray, logs: np.ndarray) -> Sequence[np.ndarray]:
    """Sides to shift: of each two groups that are joined, the first. Shapes: -> k - 1 times bool (k,).

    Groups are joined by what flows between them as their offsets are, which is how much the dual bends.
    """
    count = shares.shape[1]
    own = shares.argmax(axis=1)
    sent = logs[:, None] + shares - _log_sums(shares)[:, None]
    flows = np.stack([_log_sums(sent[own == k].T) for k in range(count)])
    coupling = np.logaddexp(flows, flows.T)
    np.fill_diagonal(coupling, -np.inf)
    groups: list[npt.NDArray[np.bool_]] = [np.arange(count) == k for k in range(count)]
    sides = []
    while len(groups) > 1:
        first, second = sorted(np.unravel_index(int(coupling.argmax()), coupling.shape))
        sides.append(groups[first])
        groups[first] = groups[first] | groups.pop(second)
        strongest = np.maximum(coupling[first], coupling[second])
        coupling[first], coupling[:, first] = strongest, strongest
        coupling[first, first] = -np.inf
        coupling = np.delete(np.delete(coupling, second, axis=0), second, axis=1)
    return sides
