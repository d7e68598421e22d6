"""What a target file must hold before anything is computed from it: arrays, and figures of its run record."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Self, TypeAlias, get_type_hints

from gotd.methods.options import Metric

if TYPE_CHECKING:
    import numpy as np


def is_finite(array: "np.ndarray") -> bool:
    """Return whether an array holds neither NaN nor infinity."""
    import numpy as np

    return bool(np.isfinite(array).all())


@dataclass(frozen=True)
class ArrayField:
    """An array of a target file.

    dtype : as numpy writes it. check : whether its numbers can be.
    shape : letters stand for lengths that must be the same wherever the letter stands, and at least 1.
    """

    dtype: str
    shape: tuple[str | int, ...]
    check: "Callable[[np.ndarray], bool]" = is_finite
    optional: bool = False


#: The only length that may be 0: a pool in which no document was left to take.
_MAY_BE_NOTHING = "rounds"


def check_arrays(wanted: Mapping[str, ArrayField], arrays: "Mapping[str, np.ndarray]") -> None:
    """Raise ValueError for an array that is missing, of the wrong kind, or does not fit the others."""
    lengths: dict[str, int] = {}
    for name, each in wanted.items():
        if name in arrays:
            _check_array(name, arrays[name], each, lengths)
        elif not each.optional:
            raise ValueError(f'no array "{name}"')


def _check_array(name: str, array: "np.ndarray", wanted: ArrayField, lengths: dict[str, int]) -> None:
    if array.dtype.str != wanted.dtype or array.ndim != len(wanted.shape):
        shape = "(" + ", ".join(str(length) for length in wanted.shape) + ")"
        raise ValueError(f'"{name}" is {array.dtype.str} {array.shape}, wanted {wanted.dtype} {shape}')
    for actual, length in zip(array.shape, wanted.shape, strict=True):
        expected = length if isinstance(length, int) else lengths.setdefault(length, actual)
        if actual != expected or (actual < 1 and length != _MAY_BE_NOTHING):
            raise ValueError(f'"{name}" has shape {array.shape}, which does not fit the other arrays')
    if not wanted.check(array):
        raise ValueError(f'"{name}" holds numbers that cannot be')


def is_figure(value: object) -> bool:
    """Return whether it is a number of any kind, or none."""
    return value is None or isinstance(value, int | float)


def is_number(value: object) -> bool:
    """Return whether a figure is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


Number: TypeAlias = Annotated[float, is_number]
NotNegative: TypeAlias = Annotated[float, lambda value: is_number(value) and value >= 0]
Positive: TypeAlias = Annotated[float, lambda value: is_number(value) and value > 0]
Whole: TypeAlias = Annotated[int, _is_whole]
Count: TypeAlias = Annotated[int, lambda value: _is_whole(value) and value >= 0]
Flag: TypeAlias = Annotated[bool, lambda value: isinstance(value, bool)]
Name: TypeAlias = Annotated[str, lambda value: isinstance(value, str) and value != ""]
MetricName: TypeAlias = Annotated[Metric, lambda value: value in ("sqeuclidean", "cosine")]


@dataclass(frozen=True)
class Figures:
    """Figures of a run record, each with its check in its annotation, as `Number` has it."""

    @classmethod
    def read(cls, record: Mapping[str, object]) -> Self:
        """Return the figures of a run record. Raises: ValueError for one that is missing or cannot be."""
        hints = get_type_hints(cls, include_extras=True)
        for name in (each.name for each in fields(cls)):
            if name not in record:
                raise ValueError(f'no "{name}" in its run record')
            if not all(check(record[name]) for check in hints[name].__metadata__):
                raise ValueError(f'"{name}" is {str(record[name])[:80]!r} in its run record')
        return cls(**{each.name: record[each.name] for each in fields(cls)})


@dataclass(frozen=True)
class SpaceFigures(Figures):
    """How vectors are compared."""

    metric: MetricName
    center: Flag


@dataclass(frozen=True)
class TextFigures(Figures):
    """What a rule of texts scores. text_key : the field of records that holds their text"""

    text_key: Name


#: A row less the centre is squared in float32, which ends at 3e38.
_MOST_CENTRE = 1e18


def _is_small(centre: "np.ndarray") -> bool:
    import numpy as np

    return bool(np.linalg.norm(centre.astype(np.float64)) < _MOST_CENTRE)


CENTRE = ArrayField("<f4", ("d",), _is_small, optional=True)
#: Whitening lengthens nothing (ot/whitening.py), up to the rounding of float32.
WHITENING = ArrayField("<f4", ("d", "d"), lambda whitening: bool((abs(whitening) <= 1.001).all()), optional=True)
