"""What vectors and scores belong to: the texts of records in order, whatever else the records hold."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gotd.streams.json_fields import value_at
from gotd.streams.seal import RecordRun

if TYPE_CHECKING:
    from gotd.streams.records import Record

_LENGTH_BYTES = 8


class TextDigest:
    """Running SHA-256 of texts in order, counted: each one's UTF-8 after its length in bytes.

    A record that has no text under the key is known by its line, after the line's length below zero.

    text_key : None takes in whole lines, each with a newline, as seals of format 1 name records
    """

    def __init__(self, text_key: str | None) -> None:
        self.rows = 0
        self._text_key = text_key
        self._hash = hashlib.sha256()

    def add(self, records: "Sequence[Record]") -> None:
        """The next records."""
        parts: list[bytes] = []
        for record in records:
            if self._text_key is None:
                parts += [record.line, b"\n"]
                continue
            text = value_at(record.fields, self._text_key)
            if isinstance(text, str):
                content = text.encode("utf-8", "surrogatepass")
                parts += [_signed(len(content)), content]
            else:
                parts += [_signed(-len(record.line)), record.line]
        self._hash.update(b"".join(parts))
        self.rows += len(records)

    def add_texts(self, texts: Sequence[str]) -> None:
        """The next records, all of which have a text under the key."""
        contents = [text.encode("utf-8", "surrogatepass") for text in texts]
        self._hash.update(b"".join([part for content in contents for part in (_signed(len(content)), content)]))
        self.rows += len(texts)

    @property
    def run(self) -> RecordRun:
        """All records so far, as a seal names them."""
        return RecordRun(self.rows, self._hash.hexdigest(), self._text_key)


def _signed(length: int) -> bytes:
    return length.to_bytes(_LENGTH_BYTES, "little", signed=True)
