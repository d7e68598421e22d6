"""Documents of any length into pieces of about one length: long texts are split, short ones joined, tails kept."""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

#: Where to cut, best first: blank line, line end, sentence end, white space.
_BOUNDARIES = tuple(
    re.compile(pattern) for pattern in (r"\n[ \t]*\n\s*", r"\n\s*", r"(?<=[.!?])[\"')\]]*\s+|(?<=[。！？])", r"\s+")
)
SEPARATOR = "\n\n"


def split(text: str, chars: int) -> list[str]:
    """Pieces of at most `chars` characters and about equal length; only white space at the cuts is lost."""
    pieces, text, start = [], text.strip(), 0
    while len(text) - start > chars:
        left = len(text) - start
        ideal = math.ceil(left / math.ceil(left / chars))
        end, following = _cut(text[start : start + chars + 1], ideal, chars)
        pieces.append(text[start : start + end].rstrip())
        start += following
        while start < len(text) and text[start].isspace():
            start += 1
    return [piece for piece in (*pieces, text[start:]) if piece.strip()]


def _cut(window: str, ideal: int, chars: int) -> tuple[int, int]:
    """(end of the piece, start of the next) at the best boundary in the second half of the window."""
    for boundary in _BOUNDARIES:
        # A piece keeps the closing quotes and brackets of its last sentence.
        cuts = [(match.start() + len(match.group().rstrip()), match.end())
                for match in boundary.finditer(window, ideal // 2)]
        found = [cut for cut in cuts if 0 < cut[0] <= chars]
        if found:
            return min(found, key=lambda cut: abs(cut[0] - ideal))
    return ideal, ideal


class Document(NamedTuple):
    """A record's text and its other fields as raw JSON, in order; `line` is the whole record."""

    id: str
    text: str
    fields: tuple[tuple[str, bytes], ...]
    line: bytes


class Chunk(NamedTuple):
    """A piece of a document, a whole one (`line` set: it passes untouched), or short ones joined.

    A document that only white space around its text makes too long is a piece, too.
    """

    id: str
    text: str
    fields: tuple[tuple[str, bytes], ...]
    parts: tuple[str, ...]
    line: bytes | None


class Chunker:
    """Documents in, chunks out. Holds one chunk and one document."""

    def __init__(self, chars: int) -> None:
        self.documents = self.empty = self.split = self.joined = 0
        self._chars = chars
        self._held: list[Chunk] = []
        self._held_chars = 0

    def add(self, document: Document) -> Iterator[Chunk]:
        """Chunks that are complete now that this document is known."""
        self.documents += 1
        pieces = split(document.text, self._chars)
        self.empty += not pieces
        self.split += len(pieces) > 1
        for number, piece in enumerate(pieces, 1):
            whole = len(pieces) == 1
            name = document.id if whole else f"{document.id}#{number}"
            line = document.line if whole and len(document.text) <= self._chars else None
            chunk = Chunk(name, piece, document.fields, (name,), line)
            if self._held and self._held_chars + len(SEPARATOR) + len(piece) > self._chars:
                yield from self.flush()
            self._held_chars += len(piece) + (len(SEPARATOR) if self._held else 0)
            self._held.append(chunk)

    def flush(self) -> Iterator[Chunk]:
        """What is held, at the end of a file."""
        held, self._held, self._held_chars = self._held, [], 0
        if len(held) == 1:
            yield held[0]
        elif held:
            self.joined += len(held)
            common = tuple(field for field in held[0].fields if all(field in other.fields for other in held[1:]))
            parts = tuple(part for chunk in held for part in chunk.parts)
            text = SEPARATOR.join(chunk.text for chunk in held)
            yield Chunk(f"{held[0].id}+{len(held) - 1}", text, common, parts, None)
