"""Values of Arrow columns as JSON holds them, by their types; `tables` says what becomes what."""

import base64
import datetime
import math
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from gotd.types import JSON

if TYPE_CHECKING:
    from pyarrow import DataType

#: Makes JSON of a value of Arrow, as Python has it.
Convert = Callable[[Any], JSON]

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DECIMALS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_EPOCH = datetime.datetime(1970, 1, 1)


def carrier(kind: "DataType") -> "DataType":
    """Return the Arrow type that a column is read as: whole numbers for times, which Python's own lack digits for."""
    import pyarrow
    from pyarrow import types

    if isinstance(kind, pyarrow.BaseExtensionType):
        return carrier(kind.storage_type)
    if types.is_timestamp(kind) or types.is_duration(kind) or types.is_time64(kind):
        return pyarrow.int64()
    if types.is_time32(kind):
        return pyarrow.int32()
    if types.is_dictionary(kind):
        value = carrier(kind.value_type)
        return kind if value == kind.value_type else value
    if types.is_struct(kind):
        return pyarrow.struct([field.with_type(carrier(field.type)) for field in kind])
    if types.is_map(kind):
        return pyarrow.map_(kind.key_field.with_type(carrier(kind.key_type)),
                            kind.item_field.with_type(carrier(kind.item_type)))
    for is_kind, make in ((types.is_list, pyarrow.list_), (types.is_large_list, pyarrow.large_list)):
        if is_kind(kind):
            return make(kind.value_field.with_type(carrier(kind.value_type)))
    if types.is_fixed_size_list(kind):
        return pyarrow.list_(kind.value_field.with_type(carrier(kind.value_type)), kind.list_size)
    return kind


def converter(kind: "DataType") -> Convert | None:
    """Return what makes JSON of the values that a column of this type is read as; None where they are JSON already."""
    from pyarrow import types

    if str(kind) == "extension<arrow.uuid>":
        return _unless_null(lambda value: str(uuid.UUID(bytes=value)))
    if hasattr(kind, "storage_type"):
        return converter(kind.storage_type)
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return converter(kind.value_type)
    for is_kind, make in _BY_TYPE:
        if getattr(types, is_kind)(kind):
            return make(kind)
    return None


def _unless_null(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _number(value: float) -> "float | orjson.Fragment":
    """JSON has no infinity; orjson would write null."""
    return value if math.isfinite(value) else orjson.Fragment(b"NaN" if value != value else _INFINITE[value > 0])


_INFINITE = (b"-Infinity", b"Infinity")


def _bytes(value: bytes) -> JSON:
    """Text that was written without saying so; what is none must not pass for text."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _timestamp(kind: "DataType") -> Convert:
    zone = "Z" if kind.tz else ""

    def convert(value: int) -> str:
        seconds, part = divmod(value, _PER_SECOND[kind.unit])
        return (_EPOCH + datetime.timedelta(seconds=seconds)).isoformat() + _fraction(part, kind.unit) + zone

    return _unless_null(convert)


def _time(kind: "DataType") -> Convert:
    def convert(value: int) -> str:
        seconds, part = divmod(value, _PER_SECOND[kind.unit])
        return (_EPOCH + datetime.timedelta(seconds=seconds)).time().isoformat() + _fraction(part, kind.unit)

    return _unless_null(convert)


def _fraction(part: int, unit: str) -> str:
    return f".{part:0{_DECIMALS[unit]}}" if part else ""


def _list(kind: "DataType") -> Convert | None:
    inner = converter(kind.value_type)
    return _unless_null(lambda values: list(map(inner, values))) if inner else None


def _map(kind: "DataType") -> Convert:
    key, item = (converter(each) or (lambda value: value) for each in (kind.key_type, kind.item_type))
    return _unless_null(lambda pairs: [[key(each), item(value)] for each, value in pairs])


def _struct(kind: "DataType") -> Convert | None:
    inner = {field.name: convert for field in kind if (convert := converter(field.type))}
    if not inner:
        return None
    return _unless_null(lambda fields: {name: inner[name](value) if name in inner else value
                                        for name, value in fields.items()})


#: The names of pyarrow.types' questions, and what makes the converter of such a type.
_BY_TYPE: tuple[tuple[str, Callable[["DataType"], Convert | None]], ...] = (
    ("is_floating", lambda _: _unless_null(_number)),
    ("is_timestamp", _timestamp),
    ("is_time", _time),
    ("is_decimal", lambda _: _unless_null(lambda value: format(value, "f"))),
    *((name, lambda _: _unless_null(_bytes)) for name in ("is_binary", "is_large_binary", "is_binary_view",
                                                          "is_fixed_size_binary")),
    *((name, _list) for name in ("is_list", "is_large_list", "is_fixed_size_list", "is_list_view",
                                 "is_large_list_view")),
    ("is_map", _map),
    ("is_struct", _struct),
)
