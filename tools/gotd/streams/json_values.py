"""JSON over several lines, or in one array, as JSON Lines: cut between its values, no value written anew."""

import re
from collections.abc import Iterator

from gotd.errors import DataError
from gotd.streams.lines import MAX_RECORD_BYTES

_SPACE = re.compile(rb"[ \t\r\n]*")
#: A string, or what opens or closes something, or the quote before a string that is not all there yet.
_PART = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}"]', re.DOTALL)
_PLAIN_VALUE = re.compile(rb'[^,\[\]{}" \t\r\n]*')
_STRING_OR_SPACE = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+"?)|[ \t\r\n]+', re.DOTALL)
_MEND = "mend that place"


def json_value_lines(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield the values of an array, or of JSON after JSON, each on a line, in memory of the largest.

    A value gets the number of the line it begins on, by empty lines before it; of several on one line the next ones.

    pieces : of the file, from its first byte that is no white space
    Raises: DataError with the line where it is no JSON, ends too early or goes on after its end.
    """
    text = _Text(pieces, name)
    lines = 0
    for number, value in _array(text) if text.next_byte() == b"[" else _one_after_another(text):
        blank = max(0, number - lines - 1)
        lines += blank + 1
        yield b"\n" * blank + _on_one_line(value) + b"\n"


def _array(text: "_Text") -> Iterator[tuple[int, bytes]]:
    text.take(1)
    following = text.next_byte()
    while following != b"]":
        text.next_byte()
        yield text.line, text.value()
        following = text.next_byte()
        if following not in (b",", b"]"):
            raise text.fault("no comma between two values" if following else "cut short: the array has no end")
        if following == b",":
            text.take(1)
    text.take(1)
    if text.next_byte():
        raise text.fault("more after the end of the array")


def _one_after_another(text: "_Text") -> Iterator[tuple[int, bytes]]:
    while text.next_byte():
        yield text.line, text.value()


def _on_one_line(value: bytes) -> bytes:
    """Take out white space between tokens. A line's end within a string, which is no JSON, becomes a tab, neither."""
    if b"\n" not in value and b"\r" not in value:
        return value
    return _STRING_OR_SPACE.sub(rb"\1", value).replace(b"\n", b"\t").replace(b"\r", b"\t")


class _Text:
    """JSON as it arrives, from where it has been read to."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        self.line = 1
        self._pieces, self._name = pieces, name
        self._held, self._at = b"", 0

    def fault(self, what: str) -> DataError:
        """Return the error for this place."""
        return DataError(f"{self._name}:{self.line}", what, _MEND)

    def next_byte(self) -> bytes:
        """Return what comes after white space, without taking it; nothing at the end."""
        while True:
            space = _SPACE.match(self._held, self._at)
            self.take((space.end() if space else self._at) - self._at)
            if self._at < len(self._held):
                return self._held[self._at : self._at + 1]
            if not self._more():
                return b""

    def take(self, count: int) -> None:
        """Go on by so many bytes."""
        end = self._at + count
        self.line += self._held.count(b"\n", self._at, end)
        self._at = end

    def value(self) -> bytes:
        """Take the value that begins here."""
        length = self._bracketed() if self._held[self._at : self._at + 1] in (b"{", b"[", b'"') else self._plain()
        value = self._held[self._at : self._at + length]
        if not value:
            raise self.fault("no value where one must be")
        self.take(length)
        return value

    def _bracketed(self) -> int:
        """Bytes up to where all that opens has closed."""
        depth = scanned = 0
        while True:
            for part in _PART.finditer(self._held, self._at + scanned):
                if part[0] == b'"':
                    scanned = part.start() - self._at
                    break
                depth += (part[0] in b"[{") - (part[0] in b"]}")
                if not depth:
                    return part.end() - self._at
            else:
                scanned = len(self._held) - self._at
            if not self._more():
                raise self.fault("cut short: what begins here has no end")

    def _plain(self) -> int:
        while True:
            found = _PLAIN_VALUE.match(self._held, self._at)
            end = found.end() if found else self._at
            if end < len(self._held) or not self._more():
                return end - self._at

    def _more(self) -> bool:
        """Read on: half as much again, or what is large would be copied once for each piece."""
        rest = self._held[self._at :]
        if len(rest) > MAX_RECORD_BYTES:
            raise self.fault(f"a record over {MAX_RECORD_BYTES >> 20} MiB")
        found, size = [rest], 0
        while size <= len(rest) // 2 and (piece := next(self._pieces, b"")):
            found.append(piece)
            size += len(piece)
        self._held, self._at = b"".join(found), 0
        return size > 0
