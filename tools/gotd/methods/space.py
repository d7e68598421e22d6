"""Where a rule compares vectors: as `got` does, under the same options."""

import numpy as np
import torch

from gotd.methods.settings import Settings
from gotd.ot.cost import Cost


def cost_of(settings: Settings, mean: np.ndarray, device: torch.device) -> Cost:
    """The cost that the settings ask for.

    Shapes: mean float32 (d,), of the source. The squared distance is the same wherever the origin is; at the mean
    float32 rounds it least.
    """
    centred = settings.center or settings.metric == "sqeuclidean"
    return Cost(settings.metric, torch.from_numpy(mean).to(device) if centred else None, settings.center)


def centre_of(cost: Cost) -> dict[str, np.ndarray]:
    """What a target file holds of a cost: its centre, where it has one."""
    return {} if cost.centre is None else {"centre": cost.centre.cpu().numpy()}


def cost_from(arrays: dict[str, np.ndarray], metric: str, center: bool, device: torch.device) -> Cost:
    """The cost that a target file was made with."""
    centre = torch.from_numpy(arrays["centre"]).to(device) if "centre" in arrays else None
    return Cost("cosine" if metric == "cosine" else "sqeuclidean", centre, center)
