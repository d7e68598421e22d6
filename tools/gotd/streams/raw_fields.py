"""Fields of a record as the bytes that stand on its line, found without reading the text among them."""

import re

from gotd.streams.json_fields import quoted, raw_fields

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_PLAIN = rb'[^",:{}\[\] \t\r\n]++'


def _nested(inner: bytes) -> bytes:
    """Return a pattern of an object or array in valid JSON, in which others stand only as `inner` matches them."""
    return rb'[{\[](?:[^"{}\[\]]++|' + _STRING + rb"|" + inner + rb")*+[}\]]"


#: Values in which objects and arrays stand at most three deep.
_VALUE = b"(?:" + b"|".join((_STRING, _PLAIN, _nested(_nested(_nested(rb"(?!)"))))) + b")"
#: One field whose key holds no escape: key and value, and all that it takes with one comma.
_FIELD = rb'("[^"\\]*+")[ \t\r\n]*+:[ \t\r\n]*+(' + _VALUE + rb")"
_FIELD_BEFORE = re.compile(rb"([ \t\r\n]*+" + _FIELD + rb"[ \t\r\n]*+,[ \t\r\n]*+)", re.DOTALL)
_FIELD_AFTER = re.compile(rb"([ \t\r\n]*+,[ \t\r\n]*+" + _FIELD + rb")", re.DOTALL)
_BACKSLASH = ord("\\")


def fields_beside(line: bytes, key: str) -> list[tuple[str, bytes]]:
    """Return every field of a parsed record but those of one key, in order, its value as the bytes on the line."""
    sides = _sides(line, quoted(key) + b":")
    if sides is None:
        return [field for field in raw_fields(line) if field[0] != key]
    head, tail = sides
    before, after = _FIELD_BEFORE.findall(head, 1), _FIELD_AFTER.findall(tail)
    if 1 + sum(map(_length, before)) != len(head) or sum(map(_length, after)) != len(tail):
        return [field for field in raw_fields(line) if field[0] != key]
    fields = [(name[1:-1].decode(), value) for _, name, value in (*before, *after)]
    return [field for field in fields if field[0] != key]


def _length(found: tuple[bytes, bytes, bytes]) -> int:
    return len(found[0])


def _sides(line: bytes, name: bytes) -> tuple[bytes, bytes] | None:
    """Return what stands before a key and after its value up to the brace; None where it is not written plainly.

    name : the key in quotes, and a colon
    """
    place = line.find(name)
    start = place + len(name)
    start += line[start : start + 1] == b" "
    if place < 0 or line[start : start + 1] != b'"':
        return None
    end = _end_of_string(line, start + 1)
    return line[:place], line[end:-1].rstrip()


def _end_of_string(line: bytes, start: int) -> int:
    """Return where a string ends that begins before `start`: after the first quote that no backslash escapes."""
    while True:
        quote = before = line.index(b'"', start)
        while line[before - 1] == _BACKSLASH:
            before -= 1
        start = quote + 1
        if (quote - before) % 2 == 0:
            return start
