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
_ID_ALONE = re.compile(rb'\{"id": ?"[^"\\]*+", ?')
_BACKSLASH, _QUOTE = ord("\\"), ord('"')
#: Of so many records at most, and no longer bytes, what follows the text is remembered.
_REMEMBERED, _LONGEST_REMEMBERED = 1024, 1024
#: Fields of a record in order, their values as raw JSON.
Fields = tuple[tuple[str, bytes], ...]


class FieldsBeside:
    """Reads the fields of records that stand beside the text and the id, in order, values as the bytes on the line."""

    def __init__(self, text_key: str) -> None:
        self._key = text_key
        self._name = quoted(text_key) + b":"
        #: What the last records had after their texts, and what that means: many have the same.
        self._after: dict[bytes, Fields | None] = {}

    def of(self, line: bytes) -> Fields:
        """Return the fields of a parsed record that has the text key."""
        place = line.find(self._name)
        start = place + len(self._name)
        start += line[start : start + 1] == b" "
        if place < 0 or line[start] != _QUOTE:
            return self._one_by_one(line)
        tail = line[_end_of_string(line, start + 1) :]
        after = self._after[tail] if tail in self._after else self._behind(tail)
        before = () if _ID_ALONE.fullmatch(line, 0, place) else self._ahead(line[:place])
        if before is None or after is None:
            return self._one_by_one(line)
        return before + after

    def _ahead(self, head: bytes) -> Fields | None:
        """Return the fields of what stands before the text; None where they are not written plainly."""
        return self._plain(head, 1, _FIELD_BEFORE.findall(head, 1))

    def _behind(self, tail: bytes) -> Fields | None:
        """Return the fields of what follows the text; None where they are not written plainly."""
        raw = tail[:-1].rstrip()
        fields = self._plain(raw, 0, _FIELD_AFTER.findall(raw))
        if len(tail) <= _LONGEST_REMEMBERED:
            if len(self._after) == _REMEMBERED:
                self._after.clear()
            self._after[tail] = fields
        return fields

    def _plain(self, raw: bytes, brace: int, found: list[tuple[bytes, bytes, bytes]]) -> Fields | None:
        if brace + sum([len(field) for field, _, _ in found]) != len(raw):
            return None
        return self._others([(key[1:-1].decode(), value) for _, key, value in found])

    def _one_by_one(self, line: bytes) -> Fields:
        return self._others(raw_fields(line))

    def _others(self, fields: list[tuple[str, bytes]]) -> Fields:
        return tuple([field for field in fields if field[0] not in ("id", self._key)])


def _end_of_string(line: bytes, start: int) -> int:
    """Return where a string ends that begins before `start`: after the first quote that no backslash escapes."""
    while True:
        quote = before = line.index(b'"', start)
        while line[before - 1] == _BACKSLASH:
            before -= 1
        start = quote + 1
        if (quote - before) % 2 == 0:
            return start
