"""Documents of any length into pieces of about one length: long texts are split, short ones joined, tails kept."""

import re
import sys
from collections import Counter
from typing import NamedTuple

from gotd.content import has_content
from gotd.streams.raw_fields import Fields


class _Boundary(NamedTuple):
    """A kind of place to cut at: behind what a match begins with, before the white space that it ends with.

    before : characters that a match has before the earliest cut
    reach : so many characters before the ideal place it is looked for first
    """

    pattern: re.Pattern[str]
    before: int
    reach: int


#: Best first: blank line, line end, sentence end with its closing quotes and brackets, white space.
_BOUNDARIES = (
    _Boundary(re.compile(r"\n[ \t]*\n\s*"), 0, sys.maxsize),
    _Boundary(re.compile(r"\n\s*"), 0, sys.maxsize),
    _Boundary(re.compile(r"[.!?。！？](?:(?<=[。！？])|[\"')\]]*\s+)"), 1, 64),
    _Boundary(re.compile(r"\s+"), 0, 32),
)
_IN_A_LINE = _BOUNDARIES[2:]
_CLOSING = "\"')]"
SEPARATOR = "\n\n"
#: A choice's texts are so many times as long as the target's: shorter pieces were better then on each of seven targets,
#: by the probe, and by training on those that were tried (scripts/experiments/README.md, "How long should pieces be?").
_MUCH_LONGER = 3.0
#: And no shorter ones are advised: about what pieces of at most 250 characters have, which were as good as of 125.
_SHORT = {"characters": 250, "words": 50}


def split(text: str, chars: int) -> list[str]:
    """Pieces of at most `chars` characters and about equal length; only white space at the cuts is lost."""
    text = text.strip()
    pieces, start, size = [], 0, len(text)
    while size - start > chars:
        left = size - start
        ideal = -(-left // -(-left // chars))
        end, following = _cut(text[start : start + chars + 1], ideal, chars)
        pieces.append(text[start : start + end].rstrip())
        start += following
        while start < size and text[start].isspace():
            start += 1
    if start < size:
        pieces.append(text[start:])
    return pieces


def _cut(window: str, ideal: int, chars: int) -> tuple[int, int]:
    """(end of the piece, start of the next) at the best boundary in the second half of the window."""
    first = ideal // 2
    for boundary in _BOUNDARIES if "\n" in window else _IN_A_LINE:
        near = first if boundary.reach > first else _before_gap(window, ideal - boundary.reach, first)
        cut = _nearest(boundary, window, near, ideal, chars)
        # All that stand before `near` are further away than that.
        if near > first and (cut is None or cut[0] - ideal > ideal - near):
            cut = _nearest(boundary, window, first, ideal, chars)
        if cut:
            return cut
    return ideal, ideal


def _before_gap(window: str, place: int, first: int) -> int:
    """Return a place where no match goes on that begins before: not within white space and what closes a sentence."""
    while place > first and (window[place - 1].isspace() or window[place - 1] in _CLOSING):
        place -= 1
    return place


def _nearest(boundary: _Boundary, window: str, first: int, ideal: int, chars: int) -> tuple[int, int] | None:
    """Return the cut nearest to the ideal place among those from `first` on, the earlier of two; None without one."""
    best: tuple[int, int] | None = None
    for match in boundary.pattern.finditer(window, first - boundary.before):
        end = match.start() + len(match[0].rstrip())
        if end > chars or (best and end - ideal >= ideal - best[0]):
            break
        best = end, match.end()
        if end >= ideal:
            break
    return best


def much_longer(choice: float, target: float, unit: str) -> str | None:
    """Return what to say of a choice whose texts are much longer than the target's; None where they are not.

    choice, target : mean lengths of a text of each; unit : of both, "characters" or "words"
    """
    if choice <= max(_MUCH_LONGER * target, _SHORT[unit]):
        return None
    return (f"its texts have {choice:,.0f} {unit} on average, those of the target {target:,.0f}; a pool in pieces of "
            "about twice the length of the target's texts is likely to give a better choice: cut it by ds-chunk "
            "--chars N, with N not under 250")


class Document(NamedTuple):
    """A record's text and its other fields as raw JSON, in order; `line` is the whole record, its id a string."""

    id: str
    text: str
    fields: Fields
    line: bytes


class Chunk(NamedTuple):
    """A piece of a document, a whole one (which then passes untouched), or short ones joined.

    whole : the document; None for one that only white space around its text makes too long, which is a piece, too
    """

    id: str
    text: str
    fields: Fields
    parts: tuple[str, ...]
    whole: Document | None


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

    def add(self, document: Document) -> list[Chunk]:
        """Return the chunks that are complete now that this document is known."""
        self.documents += 1
        name, text, fields, _ = document
        pieces = split(text, self._settings.chars)
        complete: list[Chunk] = []
        if len(pieces) == 1:
            whole = document if len(text) <= self._settings.chars else None
            self._add_piece(Chunk(name, pieces[0], fields, (name,), whole), complete)
            return complete
        self.empty += not pieces
        self.split += len(pieces) > 1
        for number, piece in enumerate(pieces, 1):
            part = f"{name}#{number}"
            self._add_piece(Chunk(part, piece, fields, (part,), None), complete)
        return complete

    def _add_piece(self, piece: Chunk, complete: list[Chunk]) -> None:
        """Take the next piece in; those that are complete now go to a list."""
        if not has_content(piece.text):
            self.without_content += 1
            return
        chars = len(piece.text)
        if self._held:
            together = self._held_chars + len(SEPARATOR) + chars
            if together <= self._settings.chars:
                if self._may_join(self._held[0].fields, piece.fields):
                    self._held.append(piece)
                    self._held_chars = together
                    return
                self.apart += self._settings.join != "never"
            complete += self.flush()
        self._held, self._held_chars = [piece], chars

    def _may_join(self, first: Fields, second: Fields) -> bool:
        join = self._settings.join
        if join in ("never", "all"):
            return join == "all"
        if join == "same":
            return first == second or dict(first) == dict(second)
        fields = dict(first)
        return join in fields and fields[join] == dict(second).get(join)

    def flush(self) -> list[Chunk]:
        """Return what is held, at the end of a file."""
        held, self._held = self._held, []
        if not held:
            return []
        chunk = held[0] if len(held) == 1 else self._together(held)
        if len(chunk.text) < self._settings.min_chars:
            self.short += 1
            return []
        return [chunk]

    def _together(self, held: list[Chunk]) -> Chunk:
        self.joined += len(held)
        first = held[0]
        common = first.fields
        if any(other.fields != common for other in held[1:]):
            common = tuple(field for field in common if all(field in other.fields for other in held[1:]))
            self.dropped.update({key for chunk in held for key, _ in chunk.fields} - {key for key, _ in common})
        parts = tuple(part for chunk in held for part in chunk.parts)
        text = SEPARATOR.join([chunk.text for chunk in held])
        return Chunk(f"{first.id}+{len(held) - 1}", text, common, parts, None)
