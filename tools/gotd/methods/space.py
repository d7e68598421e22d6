"""Where a rule compares vectors: every rule alike, under the same options."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from gotd.methods.draw import Drawn, Wanted, draw
from gotd.methods.protocol import Read
from gotd.methods.settings import STEP_PART, Settings, default_epsilon
from gotd.ot.blocks import Workers
from gotd.ot.cost import Cost
from gotd.ot.source import Part
from gotd.ot.whitening import whitening


class Space(NamedTuple):
    """The source as a rule is fitted to it, and how rows are compared.

    drawn : the sample of the source; read : counts.
    epsilon : the default, in standard deviations of the cost.
    """

    drawn: Drawn
    cost: Cost
    read: Read
    epsilon: float


def space_of(target: np.ndarray, parts: Sequence[Part], settings: Settings, workers: Workers, device: torch.device,
             ranked: Part | None = None) -> Space:
    """Read the source, and return its sample and the cost that the settings ask for.

    ranked : what will be ranked, where that is something else; it is then what mean and covariance are of. A source of
        fewer kinds of text leaves the others' common directions as they are, and costs more than it gives: measured by
        scripts/experiments.
    target : rows to look out for in what will be ranked. Shapes: (m, d).
    """
    wanted = Wanted(settings.sample, settings.seed)
    of_pool = wanted._replace(covariance=settings.whiten, watched=target)
    if ranked is None:
        drawn = draw(parts, of_pool, workers, device)
        read = Read(drawn.counts, drawn.counts)
        return Space(drawn, cost_of(settings, drawn, device), read, _default(settings, drawn))
    drawn = draw(parts, wanted, workers, device)
    if not (settings.center or settings.whiten):
        return Space(drawn, cost_of(settings, drawn, device), Read(drawn.counts, None), _default(settings, drawn))
    pool = draw([ranked], of_pool, workers, device)
    return Space(drawn, cost_of(settings, pool, device), Read(drawn.counts, pool.counts), _default(settings, pool))


def _default(settings: Settings, drawn: Drawn) -> float:
    usual = default_epsilon(settings.whiten, drawn.moment_rows, len(drawn.mean))
    return STEP_PART * usual if settings.share and settings.whiten else usual


def cost_of(settings: Settings, drawn: Drawn, device: torch.device) -> Cost:
    """Return the cost that the settings ask for, by the mean and covariance of what was drawn.

    The squared distance is the same wherever the origin is; at the mean float32 rounds it least.
    Raises: ValueError where rows are to be whitened and `drawn` has no covariance.
    """
    centred = settings.center or settings.whiten or settings.metric == "sqeuclidean"
    centre = torch.from_numpy(drawn.mean).to(device) if centred else None
    cost = Cost(settings.metric, centre, settings.center or settings.whiten)
    if not settings.whiten:
        return cost
    if drawn.covariance is None:
        raise ValueError("whitening needs the covariance")
    return cost._replace(whitening=whitening(drawn.covariance.to(device), drawn.moment_rows, settings.ridge))


def space_arrays(cost: Cost) -> dict[str, np.ndarray]:
    """What a target file holds of a cost: its centre and its whitening, where it has them."""
    held = {"centre": cost.centre, "whitening": cost.whitening}
    return {name: tensor.cpu().numpy() for name, tensor in held.items() if tensor is not None}


def space_summary(settings: Settings) -> dict[str, str | bool]:
    """What a run record says of it."""
    return {"metric": settings.metric, "center": settings.center or settings.whiten, "whiten": settings.whiten}


def cost_from(arrays: dict[str, np.ndarray], metric: str, center: bool, device: torch.device) -> Cost:
    """The cost that a target file was made with."""
    centre, whitening = (torch.from_numpy(arrays[name]).to(device) if name in arrays else None
                         for name in ("centre", "whitening"))
    return Cost("cosine" if metric == "cosine" else "sqeuclidean", centre, center, whitening)
