"""Rows of numbers that are NaN or infinite, or that rounding would make so."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from gotd.errors import DataError

#: Bits of a float16's exponent.
_EXPONENT = np.uint16(0x7C00)
_HALF = np.dtype("<f2")


def wrong_row(rows: np.ndarray) -> int | None:
    """The first row, of shape (n, d) or (n,), that holds NaN or infinity."""
    if rows.dtype == _HALF:  # NaN and infinity have all bits of the exponent: five times as fast
        is_finite = bool((rows.view("<u2") & _EXPONENT).max(initial=0) < _EXPONENT)
    else:
        is_finite = bool(np.isfinite(rows).all())
    return None if is_finite else _first(~np.isfinite(rows).reshape(len(rows), -1).all(axis=1))


def _first(marked: npt.ArrayLike) -> int | None:
    places = np.flatnonzero(marked)
    return int(places[0]) if len(places) else None


def rounded(rows: np.ndarray, dtype: np.dtype[np.floating], place: Callable[[int], str]) -> np.ndarray:
    """Rows in another dtype, C order.

    place : names a row, for messages

    Raises: DataError naming a row that is NaN or infinite then, or all zero in float16 and was not before.
    """
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(rows, dtype=dtype)
    wrong, what = wrong_row(found), "a number that is NaN or infinite"
    if wrong is None and found.dtype == _HALF != rows.dtype:
        wrong, what = _first(rows.any(axis=1) & ~found.any(axis=1)), "nothing but zeros"
    if wrong is not None:
        remedy = "write vectors to files, with --dtype float32" if found.dtype == _HALF else ""
        raise DataError(place(wrong), f"{what} in {found.dtype.name}", remedy)
    return found
