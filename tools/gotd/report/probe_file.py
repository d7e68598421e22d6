"""What ds-probe wrote as JSON: its tables and its curve, read again to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import orjson

from gotd.errors import DataError
from gotd.streams.sources import open_input
from gotd.types import JSON

#: Far more than it ever writes.
_MOST_BYTES = 1 << 26
_KINDS = ("choices", "rules", "curve")
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % interval, None where one unit says nothing of how units differ."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Average:
    """What a row says by one average, in nats a word."""

    nats: Interval
    to_random: Interval | None
    to_best: Interval | None


@dataclass(frozen=True)
class ProbeRow:
    """A line of the table. kind : none, random or choice. is_this : of the choice that is reported"""

    name: str
    kind: str
    documents: int
    tokens: int
    by_word: Average
    by_text: Average
    is_this: bool


@dataclass(frozen=True)
class Flattening:
    """Where a curve flattens, in documents. lowest, flat, as_good : as ds-probe --curve says them"""

    lowest: int
    flat: int
    as_good: int


@dataclass(frozen=True)
class ProbeCurve:
    """Prefixes of a ranking. equal : rows of as many words of each"""

    name: str
    documents: list[int]
    by_word: Flattening
    by_text: Flattening
    equal: list[ProbeRow]


@dataclass(frozen=True)
class ProbeRules:
    """Which rule is best. left_out : rules that were not tried, and why. commands : that fit each"""

    best_by_word: str
    best_by_text: str
    fitted_documents: int
    left_out: dict[str, str]
    commands: dict[str, str]


@dataclass(frozen=True)
class ProbeTable:
    """All of a file. name : of the file. share : lambda"""

    name: str
    kind: str
    target_documents: int
    target_tokens: int
    share: float
    warnings: list[str]
    rows: list[ProbeRow]
    curve: ProbeCurve | None
    rules: ProbeRules | None


def read_probe(name: str, choice: str, digests: set[str]) -> ProbeTable:
    """Return what a file holds. choice, digests : of the choice that is reported, and of its texts

    Raises: DataError where it is none of ds-probe's, or compares choices and this is not among them.
    """
    with open_input(name) as source:
        data = source.peek(_MOST_BYTES + 1)
    try:
        if len(data) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES} bytes")
        table = _table(name, _mapping(orjson.loads(data)), digests)
    except (ValueError, KeyError, TypeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(name, f"not what ds-probe writes ({what})", "make it with ds-probe -o FILE.json") from error
    if table.kind == "choices" and not any(row.is_this for row in table.rows):
        raise DataError(name, f"judges other choices than {choice}, by their texts", "give ds-probe this one, too")
    return table


def _table(name: str, record: Mapping[str, JSON], digests: set[str]) -> ProbeTable:
    kind = _text(record["kind"])
    if kind not in _KINDS:
        raise ValueError(f'"kind" is {kind[:40]!r}')
    return ProbeTable(
        name, kind, _number(record["target_documents"], int), _number(record["target_tokens"], int),
        _number(record["lambda"], float), [_text(each) for each in _list(record["warnings"])],
        _rows(record, digests), _curve(_mapping(record["curve"])) if kind == "curve" else None,
        _rules(_mapping(record["rules"])) if kind == "rules" else None)


def _rows(record: Mapping[str, JSON], digests: set[str]) -> list[ProbeRow]:
    found = []
    for each in map(_mapping, _list(record["rows"])):
        found.append(ProbeRow(_text(each["name"]), _text(each["kind"]), _number(each["documents"], int),
                              _number(each["tokens"], int), _average(each, ""), _average(each, "_by_text"),
                              each.get("texts") in digests))
    return found


def _average(row: Mapping[str, JSON], ending: str) -> Average:
    return Average(_interval(row[f"nats_per_token{ending}"]), _optional(row[f"to_random{ending}"]),
                   _optional(row[f"to_best{ending}"]))


def _curve(record: Mapping[str, JSON]) -> ProbeCurve:
    flat, equal = _mapping(record["flat"]), _mapping(record["equal"])
    documents = [_number(each, int) for each in _list(record["documents"])]
    return ProbeCurve(_text(record["name"]), documents, _flattening(flat["by_word"]), _flattening(flat["by_text"]),
                      _rows(equal, set()))


def _flattening(value: JSON) -> Flattening:
    held = _mapping(value)
    return Flattening(*(_number(held[name], int) for name in ("lowest", "flat", "as_good")))


def _rules(record: Mapping[str, JSON]) -> ProbeRules:
    by_word, by_text = (_mapping(record[f"best_{measure}"]) for measure in ("by_word", "by_text"))
    return ProbeRules(_text(by_word["rule"]), _text(by_text["rule"]), _number(record["fitted_documents"], int),
                      _texts(record["left_out"]), _texts(record["commands"]))


def _texts(value: JSON) -> dict[str, str]:
    return {key: _text(each) for key, each in _mapping(value).items()}


def _optional(value: JSON) -> Interval | None:
    return None if value is None else _interval(value)


def _interval(value: JSON) -> Interval:
    held = _mapping(value)
    low, high = (None if held[name] is None else _number(held[name], float) for name in ("low", "high"))
    return Interval(_number(held["value"], float), low, high)


def _mapping(value: JSON) -> Mapping[str, JSON]:
    if not isinstance(value, dict):
        raise ValueError(f"{str(value)[:40]!r} in place of an object")
    return value


def _list(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise ValueError(f"{str(value)[:40]!r} in place of a list")
    return value


def _text(value: JSON) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:40]!r} in place of a text")
    return value


def _number(value: JSON, kind: type[_Number]) -> _Number:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{str(value)[:40]!r} in place of a number")
    return kind(value)
