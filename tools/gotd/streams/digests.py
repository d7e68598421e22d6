"""Digests of rows, and of the texts of records, which vectors and scores belong to."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from gotd.streams.record_text import RecordText

if TYPE_CHECKING:
    from gotd.streams.records import Record

_LENGTH_BYTES = 8


def content_of(digest: str, *others: bytes) -> str:
    """One name for rows of that digest and what else tells them from others."""
    return hashlib.sha256(b"\n".join([digest.encode(), *others])).hexdigest()


class RecordRun(NamedTuple):
    """Consecutive records that rows were made from.

    text_key : how their texts are made, a `RecordText.spec`; None in format 1
    digest : as `TextDigest` makes it of those texts, or `Digest.add_lines` of the lines (format 1); None where unknown
    """

    rows: int
    digest: str | None
    text_key: str | None = None


class Digest:
    """Running SHA-256 of rows, counted."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = hashlib.sha256()

    def add_lines(self, lines: list[bytes]) -> bytes:
        """Records: each line's bytes and one newline, which are returned."""
        block = b"\n".join([*lines, b""])
        self._hash.update(block)
        self.rows += len(lines)
        return block

    def add_rows(self, payload: bytes | memoryview, rows: int) -> None:
        """Array rows, as their bytes lie on disk."""
        self._hash.update(payload)
        self.rows += rows

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class TextDigest:
    """Running SHA-256 of texts in order, counted: each one's UTF-8 after its length in bytes.

    A record that has no text is known by its line, after the line's length below zero.

    text : how they are made; None takes in whole lines, each with a newline, as seals of format 1 name records
    """

    def __init__(self, text: RecordText | None) -> None:
        self.rows = 0
        self.text = text
        self._hash = hashlib.sha256()

    def add(self, records: "Sequence[Record[object]]") -> None:
        """The next records."""
        parts: list[bytes] = []
        for record in records:
            if self.text is None:
                parts += [record.line, b"\n"]
                continue
            text = self.text.find(record.fields)
            if isinstance(text, str):
                content = text.encode("utf-8", "surrogatepass")
                parts += [len(content).to_bytes(_LENGTH_BYTES, "little", signed=True), content]
            else:
                parts += [(-len(record.line)).to_bytes(_LENGTH_BYTES, "little", signed=True), record.line]
        self._hash.update(b"".join(parts))
        self.rows += len(records)

    def add_texts(self, texts: Sequence[str]) -> None:
        """The next records, all of which have a text."""
        contents = [text.encode("utf-8", "surrogatepass") for text in texts]
        lengths = [len(content).to_bytes(_LENGTH_BYTES, "little", signed=True) for content in contents]
        self._hash.update(b"".join([part for each in zip(lengths, contents, strict=True) for part in each]))
        self.rows += len(texts)

    @property
    def run(self) -> RecordRun:
        """All records so far, as a seal names them."""
        return RecordRun(self.rows, self._hash.hexdigest(), self.text.spec if self.text else None)
