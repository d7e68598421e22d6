"""The target as a rule is fitted to it: rows with content and their masses; and points that a transport to it takes."""

from typing import NamedTuple

import numpy as np
import torch

from gotd.errors import DataError
from gotd.methods.content_keys import content_keys, uniform
from gotd.ot.blocks import Workers, has_content
from gotd.ot.compress import Compressed, compress
from gotd.ot.cost import Cost, Moments, Target, target_moments

#: Of the keys that draw what a compressed target starts from. It is no choice of the user's: two fits of one target
#: to different samples are then fits of the same points.
_SEED = 0


class TargetRows(NamedTuple):
    """The target.

    rows : float32 (m, d), none of them zero. masses : float64 (m,), at least 0, some above.
    blank : how many more rows had no content, and were left out.
    """

    rows: np.ndarray
    masses: np.ndarray
    blank: int


def rows_with_content(name: str, rows: np.ndarray, masses: np.ndarray) -> TargetRows:
    """Return the rows that are not zero, with their masses. name : of the target, for messages

    Shapes: float (m, d), float64 (m,), at least 0. Raises: DataError where nothing is left that has mass.
    """
    kept = has_content(rows)
    if not kept.any():
        raise DataError(name, f"none of the {len(rows):,} rows has content, all are zero",
                        "check the texts they were embedded from, and --text-key")
    if not (masses[kept] > 0.0).any():
        raise DataError(name, "no row with content has a mass above 0", "check what --target-mass gives")
    return TargetRows(rows[kept], masses[kept], int(np.count_nonzero(~kept)))


def check_masses(name: str, masses: np.ndarray, rows: int, target: str) -> np.ndarray:
    """Return the masses of a target's rows as float64. Raises: DataError where they are not one for each, and masses.

    Shapes: float (m,). name, target : of the masses and of the rows, for messages
    """
    masses = masses.astype(np.float64)
    if masses.shape != (rows,):
        raise DataError(name, f"{len(masses)} masses for the {rows} rows of {target}", "give one for each row")
    if not np.isfinite(masses).all() or masses.min() < 0.0 or masses.sum() <= 0.0:
        raise DataError(name, "a mass below 0, or none above it", "masses are at least 0, and some are more")
    return masses


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
    packed = compress(every.points.cpu().numpy(), every.weights.cpu().numpy(), limit, draws, workers,
                      unit=cost.is_unit)
    q = Target(torch.from_numpy(packed.points).to(device), torch.from_numpy(packed.weights).to(device))
    return PackedTarget(packed, q, target_moments(cost, every))
