"""Vectors as lists of numbers, as APIs and data sets hold them: fields of records, and columns of Parquet and Arrow."""

from typing import TYPE_CHECKING

import numpy as np

from gotd.errors import DataError
from gotd.streams.json_fields import RecordError, json_type, named_fields, value_at
from gotd.types import JSON, Fields

if TYPE_CHECKING:
    from pyarrow import Array

_NAME_THE_FIELD = "name the field that holds the vector with --vector-key"
_EMBED_AGAIN = "embed that record again"


def list_of(fields: Fields, key: str) -> list[JSON]:
    """Return the list under a key of a record. Raises: RecordError, a ValueError, where there is none."""
    value = value_at(fields, key)
    if value is None:
        null = ", it is null" if key in fields else ""
        raise RecordError(f'no "{key}" field{null or named_fields(fields, key)}', _NAME_THE_FIELD)
    if not isinstance(value, list) or not value:
        what = "an empty array" if isinstance(value, list) else f"a JSON {json_type(value)}"
        raise RecordError(f'"{key}" is {what}, not a list of numbers', _NAME_THE_FIELD)
    return value


def fill(row: np.ndarray, numbers: list[JSON], place: str, of: str) -> None:
    """Write a list of numbers into a row. Shapes: row float32 (d,).

    of : what has that dimension, for messages
    Raises: DataError where it is of another length, or holds what is no finite float32.
    """
    if len(numbers) != len(row):
        raise DataError(place, f"dimension {len(numbers)}, {of} {len(row)}", "embed all alike")
    try:
        with np.errstate(over="ignore"):
            row[:] = np.array(numbers, dtype="<f4")
        is_finite = bool(np.isfinite(row).all())
    except (TypeError, ValueError, OverflowError):
        is_finite = False
    if not is_finite:
        raise DataError(place, f"its vector: {_fault(numbers)}", _EMBED_AGAIN)


def _fault(numbers: list[JSON]) -> str:
    """Return what of a list is no finite float32."""
    for place, number in enumerate(numbers, 1):
        if isinstance(number, bool) or not isinstance(number, int | float):
            return f"number {place} is a JSON {json_type(number)}"
        if not abs(number) <= float(np.finfo(np.float32).max):
            return f"number {place} is NaN, infinite or beyond float32"
    return "a number is beyond float32"


def rows_of(lists: "Array", place: str, first: int, key: str, width: int) -> np.ndarray:
    """Return the rows of an Arrow array of lists. Shapes: -> float16 or float32 (n, d).

    place, first : of its first row; width : of the rows before, or 0
    Raises: DataError naming the row whose list is of another length, or holds what is no finite float32.
    """
    import pyarrow.compute as compute

    lengths = compute.fill_null(compute.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    width = width or int(lengths[0])
    wrong = np.flatnonzero(lengths != width) if width else np.zeros(1, dtype=np.int64)
    if len(wrong):
        what = f"dimension {lengths[wrong[0]]}, the records before have {width}"
        if not lengths[wrong[0]]:
            what = f'"{key}" is null or empty, not a list of numbers'
        raise DataError(f"{place}:{first + wrong[0]}", what, "embed all alike")
    numbers = lists.flatten()
    dtype = "<f2" if str(numbers.type) == "halffloat" else "<f4"
    with np.errstate(over="ignore", invalid="ignore"):
        rows: np.ndarray = numbers.to_numpy(zero_copy_only=False).astype(dtype).reshape(len(lists), width)
    wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(wrong):
        number = int(np.flatnonzero(~np.isfinite(rows[wrong[0]]))[0]) + 1
        what = f'"{key}": number {number} is null, NaN, infinite or beyond float32'
        raise DataError(f"{place}:{first + wrong[0]}", what, _EMBED_AGAIN)
    return rows
