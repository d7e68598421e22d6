"""One record's JSON: parsed to look at, spliced to change, never written anew.

Re-serialising would turn integers over 2^64 into floats and NaN into null, so a field is added or taken out
between the bytes of the others.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from gotd.types import JSON, Fields

#: Fields named in a message, and characters of a name.
_MOST_FIELDS, _MOST_CHARACTERS = 20, 40
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


class RecordError(ValueError):
    """A record lacks what a command needs. remedy : what to do about it"""

    def __init__(self, what: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(what)


def parse_object(line: bytes) -> Fields:
    """The object on a line; ValueError says what is wrong with it.

    orjson first; what only it refuses (NaN, Infinity, as Python's own json writes them) the standard library reads.
    """
    try:
        parsed = orjson.loads(line)
    except orjson.JSONDecodeError as strict:
        parsed = _parse_leniently(line, strict)
    if not isinstance(parsed, dict):
        raise ValueError(f"a JSON {json_type(parsed)}, not an object")
    return parsed


def _parse_leniently(line: bytes, strict: orjson.JSONDecodeError) -> JSON:
    if not line.strip():
        raise ValueError("a blank line")
    try:
        parsed: JSON = json.loads(line.decode("utf-8"))
        return parsed
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start + 1}") from error
    except (ValueError, RecursionError):
        raise ValueError(f"not JSON: {strict.msg} at character {strict.pos + 1}") from strict


def json_type(value: object) -> str:
    """Return what JSON calls a value of this kind."""
    return _TYPE_NAMES.get(type(value), "number")


_TYPE_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}


def value_at(record: Mapping[str, JSON], key: str) -> JSON:
    """Return a field's value; where none has that whole name, what its parts between dots lead to, or None.

    A number is a place in an array, counted from 0.
    """
    if key in record:
        return record[key]
    value: JSON = record
    for part in key.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def named_fields(record: Mapping[str, JSON], path: str = "") -> str:
    """Return the names of the fields that there are, for a message: of a path those where it ends too early."""
    inside, prefix = record, ""
    while "." in path and isinstance(deeper := inside.get(path.partition(".")[0]), Mapping):
        name, _, path = path.partition(".")
        inside, prefix = deeper, f"{prefix}{name}."
    names = [f'"{prefix}{name[:_MOST_CHARACTERS]}"' for name in list(inside)[:_MOST_FIELDS]]
    more = len(inside) - len(names)
    return ", but " + (", ".join(names) or "none at all") + (f" and {more} more" if more else "")


def raw_fields(line: bytes) -> list[tuple[str, bytes]]:
    """Every field of a parsed record in order, its value as the bytes that stand on the line."""
    text = line.decode("utf-8")
    return [(field.key, text[field.start : field.end].encode("utf-8")) for field in _fields(text)]


class _Field(NamedTuple):
    """Where a field stands: `place` is where its key begins, `start` and `end` are those of its value."""

    key: str
    place: int
    start: int
    end: int


def _fields(text: str) -> Iterator[_Field]:
    """Every field of a parsed record in order."""
    position = _skip_space(text, text.index("{") + 1)
    while text[position] != "}":
        place = position
        key, position = _DECODER.raw_decode(text, position)
        start = _skip_space(text, _skip_space(text, position) + 1)
        end = _end_of_value(text, start)
        yield _Field(key, place, start, end)
        position = _skip_space(text, end)
        if text[position] == ",":
            position = _skip_space(text, position + 1)


#: A string, or what opens or closes something. Possessive: what could be given back is remembered, a hundred bytes a
#: character.
_PART = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
_PLAIN_VALUE = re.compile(r"[^,\]} \t\n\r]+")


def _end_of_value(text: str, start: int) -> int:
    """Where a value of a parsed record ends. By counting: however deep it is, and a parser's stack is not."""
    if text[start] not in '"[{':
        found = _PLAIN_VALUE.match(text, start)
        return found.end() if found else start
    depth = 0
    for part in _PART.finditer(text, start):
        depth += (part[0] in "[{") - (part[0] in "]}")
        if not depth:
            return part.end()
    raise ValueError("a value without an end")


def _skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def object_line(fields: list[tuple[str, bytes]]) -> bytes:
    """A record from raw fields."""
    return b"{" + b",".join(quoted(key) + b":" + value for key, value in fields) + b"}"


def texts_object(fields: Mapping[str, str]) -> bytes:
    """Return an object of texts as `object_line` makes it of them quoted."""
    try:
        return orjson.dumps(fields)
    except TypeError:
        return object_line([(key, quoted(text)) for key, text in fields.items()])


def quoted(text: str | Sequence[str]) -> bytes:
    """Text as JSON, or a list of it; half a surrogate pair as the escape that it came as."""
    try:
        return orjson.dumps(text)
    except TypeError:
        return json.dumps(text).encode()


def with_field(line: bytes, key: str, value: bytes) -> bytes:
    """The record with one more field at its end; it must not have that field yet."""
    head = line.rstrip()[:-1].rstrip()
    return head + (b"" if head.endswith(b"{") else b",") + orjson.dumps(key) + b":" + value + b"}"


def with_value(line: bytes, key: str, value: bytes) -> bytes:
    """The record with another value for a field it has, where the old one stood; of several the last, which counts."""
    text = line.decode("utf-8")
    *_, found = [field for field in _fields(text) if field.key == key]
    return text[: found.start].encode("utf-8") + value + text[found.end :].encode("utf-8")


def without_field(line: bytes, key: str) -> bytes:
    """The record without a field it has.

    Ours stand at the end of the line (`with_field`) and are cut off; a field anywhere else, or there twice, is found by
    parsing.
    The cut is exact: unescaped quotes cannot stand inside a JSON string, and one closing brace ends the outer object.
    """
    name = orjson.dumps(key)
    head, found, value = line.rpartition(b"," + name + b":")
    if found and _OWN_VALUE.fullmatch(value) and name not in head:
        return head + b"}"
    text = line.decode("utf-8")
    fields = list(_fields(text))
    following = [field.place for field in fields[1:]] + [fields[-1].end]
    kept = [(field, end) for field, end in zip(fields, following, strict=True) if field.key != key]
    pieces = [text[field.place : end] for field, end in kept[:-1]]
    pieces += [text[field.place : field.end] for field, _ in kept[-1:]]
    return (text[: fields[0].place] + "".join(pieces) + text[fields[-1].end :]).encode("utf-8")


def without_path(value: bytes, path: str) -> bytes:
    """Return an object, raw, without the field that a path of names with dots leads to; what has none as it is."""
    if not value.startswith(b"{"):
        return value
    fields = parse_object(value)
    if path in fields:
        return without_field(value, path)
    name, _, rest = path.partition(".")
    if not rest or not isinstance(fields.get(name), dict):
        return value
    return with_value(value, name, without_path(dict(raw_fields(value))[name], rest))


#: A number, or base64 in quotes, and the end of the record.
_OWN_VALUE = re.compile(rb'(?:"[A-Za-z0-9+/=]*"|-?[0-9.eE+-]+)\}')
