"""Domains before documents: how far each set of rows is from the target, all by one cost and one eps.

The paper keeps the two to four nearest domains before it ranks documents.

Source: arXiv 2405.02774, appendix on the choice of domains (20,000 samples of each).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from gotd.errors import GotdError
from gotd.methods.draw import Drawn, draw
from gotd.methods.settings import Settings
from gotd.ot.blocks import Workers
from gotd.ot.compress import compress
from gotd.ot.cost import Cost, Target, cost_mean_and_std, moments, target_moments
from gotd.ot.potentials import solve_sample
from gotd.ot.sample import hold
from gotd.ot.source import Part


class Screened(NamedTuple):
    """A set of rows and its distance to the target.

    name     : of the part.
    rows     : how many it has; sampled : how many of them were looked at.
    distance : entropic, <P, C> + eps KL(P | a b).
    """

    name: str
    rows: int
    sampled: int
    distance: float


def screen(target: np.ndarray, weights: np.ndarray, parts: Sequence[Part], settings: Settings, workers: Workers,
           device: torch.device) -> list[Screened]:
    """The parts, nearest first. The sample is shared out evenly: the same number of rows for each.

    Centre and eps are those of all rows together, so that the distances can be compared.
    Shapes: target float (m, d), weights float64 (m,).
    Raises: GotdError where eps is 0, or a part's potentials do not converge.
    """
    if settings.epsilon == 0.0:
        raise GotdError("screening compares entropic distances: give an epsilon above 0")
    drawn = [draw([part], max(1, settings.sample // len(parts)), settings.seed) for part in parts]
    cost = _cost(drawn, settings, device)
    given = cost.points(torch.from_numpy(target).to(device)).cpu().numpy()
    packed = compress(given, weights / weights.sum(), settings.max_target, settings.seed, workers, device)
    q = Target(torch.from_numpy(packed.points).to(device), torch.from_numpy(packed.weights).to(device))
    rows = torch.from_numpy(np.concatenate([each.rows for each in drawn])).to(device)
    masses = torch.full((len(rows),), 1 / len(rows), dtype=torch.float64, device=device)
    _, std = cost_mean_and_std(cost, moments(cost, rows, masses), target_moments(cost, q))
    found = []
    for part, each in zip(parts, drawn, strict=True):
        sample = hold(each.rows, each.masses, cost, q, workers)
        solved = solve_sample(
            sample, q, cost, settings.epsilon * std, std, settings.tolerance, settings.max_iterations, workers
        )
        if not solved.converged:
            raise GotdError(f"{part.name}: not converged (marginal error {solved.marginal_error:.2g}); raise --epsilon")
        found.append(Screened(part.name, each.source_rows, len(each.rows), solved.distance))
    return sorted(found, key=lambda each: each.distance)


def _cost(drawn: Sequence[Drawn], settings: Settings, device: torch.device) -> Cost:
    rows = np.array([each.source_rows for each in drawn], dtype=np.float64)
    mean = (np.stack([each.mean for each in drawn]).T.astype(np.float64) @ (rows / rows.sum())).astype(np.float32)
    centred = settings.center or settings.metric == "sqeuclidean"
    return Cost(settings.metric, torch.from_numpy(mean).to(device) if centred else None, settings.center)
