"""The target as a rule is fitted to it: rows that have content, and the mass of each."""

from typing import NamedTuple

import numpy as np

from gotd.errors import DataError
from gotd.ot.blocks import has_content


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
