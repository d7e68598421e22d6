"""Documents of any length into pieces of about one length: long texts are split, short ones joined, tails kept."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from gotd.content import has_content

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
    """A record's text and its other fields as raw JSON, in order; `line` is the whole record, its id a string."""

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


class Settings(NamedTuple):
    """How documents become chunks.

    chars     : a chunk has no more
    min_chars : one that has fewer, when it has been joined to what it may be joined to, is left out
    join      : what neighbours may be joined: "same" (all fields but id and text are), "never", "all", or those that
        have the same value in the field of that name
    """

    chars: int
    min_chars: int = 0
    join: str = "same"


class Chunker:
    """Documents in, chunks out. Holds one chunk and one document.

    documents, split : how many there were, and how many of them are in several pieces
    empty            : texts of white space alone; without_content : pieces without a letter or digit
    joined           : pieces that were; apart : times that two would have fitted into one chunk and were not to be
    short            : chunks under `min_chars`; dropped : by the field, chunks whose parts had different values for it
    """

    def __init__(self, settings: Settings) -> None:
        self.documents = self.split = self.empty = self.without_content = self.joined = self.apart = self.short = 0
        self.dropped: Counter[str] = Counter()
        self._settings = settings
        self._held: list[Chunk] = []
        self._held_chars = 0

    def add(self, document: Document) -> Iterator[Chunk]:
        """Chunks that are complete now that this document is known."""
        self.documents += 1
        pieces = split(document.text, self._settings.chars)
        self.empty += not pieces
        self.split += len(pieces) > 1
        for number, piece in enumerate(pieces, 1):
            if not has_content(piece):
                self.without_content += 1
                continue
            whole = len(pieces) == 1
            name = document.id if whole else f"{document.id}#{number}"
            line = document.line if whole and len(document.text) <= self._settings.chars else None
            yield from self._hold(Chunk(name, piece, document.fields, (name,), line))

    def _hold(self, chunk: Chunk) -> Iterator[Chunk]:
        """Chunks that are complete now that this piece is the next."""
        if self._held:
            fits = self._held_chars + len(SEPARATOR) + len(chunk.text) <= self._settings.chars
            if not (fits and self._may_join(self._held[0], chunk)):
                self.apart += fits and self._settings.join != "never"
                yield from self.flush()
        self._held_chars += len(chunk.text) + (len(SEPARATOR) if self._held else 0)
        self._held.append(chunk)

    def _may_join(self, first: Chunk, second: Chunk) -> bool:
        join, fields, others = self._settings.join, dict(first.fields), dict(second.fields)
        if join in ("never", "all"):
            return join == "all"
        if join == "same":
            return fields == others
        return join in fields and fields[join] == others.get(join)

    def flush(self) -> Iterator[Chunk]:
        """What is held, at the end of a file."""
        held, self._held, self._held_chars = self._held, [], 0
        if not held:
            return
        chunk = held[0] if len(held) == 1 else self._together(held)
        if len(chunk.text) < self._settings.min_chars:
            self.short += 1
        else:
            yield chunk

    def _together(self, held: list[Chunk]) -> Chunk:
        self.joined += len(held)
        common = tuple(field for field in held[0].fields if all(field in other.fields for other in held[1:]))
        self.dropped.update({key for chunk in held for key, _ in chunk.fields} - {key for key, _ in common})
        parts = tuple(part for chunk in held for part in chunk.parts)
        text = SEPARATOR.join(chunk.text for chunk in held)
        return Chunk(f"{held[0].id}+{len(held) - 1}", text, common, parts, None)
