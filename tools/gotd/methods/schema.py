"""What a target file holds: arrays, and a summary; both are checked before anything is computed from them.

A rule's summary is one dataclass, from which the run record in the file is written and into which it is read. Its
fields carry their checks in their annotations, as `Number` does, and stand in the order in which they are written.
Those with a default may be missing in a file: nothing is computed from them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, Self, TypeAlias, get_type_hints, runtime_checkable

from gotd import types
from gotd.methods.options import Metric
from gotd.types import JSON, EmbedderIdentity

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


def is_number(value: object) -> bool:
    """Return whether a figure is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_warnings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


Number: TypeAlias = Annotated[float, is_number]
NotNegative: TypeAlias = Annotated[float, lambda value: is_number(value) and value >= 0]
Positive: TypeAlias = Annotated[float, lambda value: is_number(value) and value > 0]
Whole: TypeAlias = Annotated[int, _is_whole]
Count: TypeAlias = Annotated[int, lambda value: _is_whole(value) and value >= 0]
Flag: TypeAlias = Annotated[bool, lambda value: isinstance(value, bool)]
Name: TypeAlias = Annotated[str, lambda value: isinstance(value, str) and value != ""]
MetricName: TypeAlias = Annotated[Metric, lambda value: value in ("sqeuclidean", "cosine")]
#: Any number, infinity too, or none.
Measured: TypeAlias = Annotated[float | None, lambda value: value is None or isinstance(value, int | float)]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What every fit says of itself; a rule's own figures stand between these and the embedder.

    embedder : what made the vectors, if known
    """

    method: Name
    converged: Flag = True
    warnings: Annotated[list[str], _is_warnings] = field(default_factory=list)
    embedder: Annotated[EmbedderIdentity | None, lambda value: value is None or isinstance(value, dict)] = None

    #: Fields that are written after all others, whatever class they are of.
    LAST: ClassVar = ("text_key", "embedder")

    def as_json(self) -> dict[str, JSON]:
        """Return the run record, in the order in which it is written."""
        names = [each.name for each in fields(self)]
        names = [name for name in names if name not in self.LAST] + [name for name in self.LAST if name in names]
        return {name: getattr(self, name) for name in names}

    @classmethod
    def read(cls, record: Mapping[str, object]) -> Self:
        """Return the summary of a run record. Raises: ValueError for what is missing or cannot be."""
        hints = get_type_hints(cls, localns=vars(types), include_extras=True)  # JSON is defined by itself
        known: dict[str, Any] = {}  # of the types in the annotations, as their checks have it
        for each in fields(cls):
            if each.name in record:
                known[each.name] = value = record[each.name]
                if not all(check(value) for check in hints[each.name].__metadata__):
                    raise ValueError(f'"{each.name}" is {str(value)[:80]!r} in its run record')
            elif each.default is each.default_factory is MISSING or each.name == "embedder":
                raise ValueError(f'no "{each.name}" in its run record')
        return cls(**known)


@runtime_checkable
class SpaceFigures(Protocol):
    """How vectors are compared: what summaries of several rules say. center : before they are"""

    @property
    def metric(self) -> Metric: ...

    @property
    def center(self) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class TextSummary(Summary):
    """What a rule of texts says. text_key : how the text of records is made, a `RecordText.spec`"""

    text_key: Name


#: A row less the centre is squared in float32, which ends at 3e38.
_MOST_CENTRE = 1e18


def _is_small(centre: "np.ndarray") -> bool:
    import numpy as np

    return bool(np.linalg.norm(centre.astype(np.float64)) < _MOST_CENTRE)


CENTRE = ArrayField("<f4", ("d",), _is_small, optional=True)
#: Whitening lengthens nothing (ot/whitening.py), up to the rounding of float32.
WHITENING = ArrayField("<f4", ("d", "d"), lambda whitening: bool((abs(whitening) <= 1.001).all()), optional=True)
