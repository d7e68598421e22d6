"""The target as a transport to it is solved: points with masses, as few as are asked for."""

from typing import NamedTuple

import numpy as np
import torch

from gotd.methods.content_keys import content_keys, uniform
from gotd.ot.blocks import Workers
from gotd.ot.compress import Compressed, compress
from gotd.ot.cost import Cost, Moments, Target, target_moments

#: Of the keys that draw what a compressed target starts from. It is no choice of the user's: two fits of one target
#: to different samples are then fits of the same points.
_SEED = 0


class PackedTarget(NamedTuple):
    """Weighted points that stand for the target.

    compressed : on the host; q : the same on the device.
    moments    : of the target before it was compressed, whose costs eps is measured by.
    """

    compressed: Compressed
    q: Target
    moments: Moments


def packed_target(rows: np.ndarray, masses: np.ndarray, cost: Cost, limit: int, workers: Workers,
                  device: torch.device) -> PackedTarget:
    """Return the target as at most `limit` points, all if that is 0: the same for any order of the rows.

    Shapes: rows float (m, d), masses float64 (m,), not all 0.
    """
    every = Target(cost.points(torch.from_numpy(rows).to(device)), torch.from_numpy(masses / masses.sum()).to(device))
    draws = uniform(content_keys(rows, _SEED))
    packed = compress(every.points.cpu().numpy(), every.weights.cpu().numpy(), limit, draws, workers, device,
                      unit=cost.is_unit)
    q = Target(torch.from_numpy(packed.points).to(device), torch.from_numpy(packed.weights).to(device))
    return PackedTarget(packed, q, target_moments(cost, every))
