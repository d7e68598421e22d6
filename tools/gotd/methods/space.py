"""Where a rule compares vectors: every rule alike, under the same options."""

import numpy as np
import torch

from gotd.methods.draw import Drawn, draw
from gotd.methods.settings import Settings
from gotd.ot.blocks import Workers
from gotd.ot.cost import Cost, moments
from gotd.ot.source import Part
from gotd.ot.whitening import whitening


def cost_of(settings: Settings, drawn: Drawn, workers: Workers, device: torch.device,
            ranked: Part | None = None) -> Cost:
    """The cost that the settings ask for: where rows are centred or whitened, by the mean and covariance of a sample.

    drawn  : of the source.
    ranked : what will be ranked, where that is something else; it is then what the mean and covariance are of. A
        source of fewer kinds of text leaves the others' common directions as they are, and costs more than it gives:
        measured by scripts/experiments.

    The squared distance is the same wherever the origin is; at the mean float32 rounds it least.
    """
    if ranked is not None and (settings.center or settings.whiten):
        drawn = draw([ranked], settings.sample, settings.seed)
    centred = settings.center or settings.whiten or settings.metric == "sqeuclidean"
    centre = torch.from_numpy(drawn.mean).to(device) if centred else None
    cost = Cost(settings.metric, centre, settings.center or settings.whiten)
    if not settings.whiten:
        return cost
    rows, masses = torch.from_numpy(drawn.rows).to(device), torch.from_numpy(drawn.masses).to(device)
    moved = moments(Cost("sqeuclidean", centre), rows, masses, workers.map)
    return cost._replace(whitening=whitening(moved.covariance))


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
