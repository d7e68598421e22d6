"""The vectors of a source, whatever holds them: arrays, records with lists of numbers, tables with a column of them."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from gotd.streams.arrays import ArrayReader
from gotd.streams.embedded_records import vector_of, vectors_of, width_of
from gotd.streams.file_kinds import KIND_BYTES, content_of
from gotd.streams.listed_vectors import rows_of
from gotd.streams.locations import RECORD_ENDINGS, VECTOR_FIELD
from gotd.streams.npy_header import MAGIC
from gotd.streams.records import RecordReader, Skipping, read_records, windows
from gotd.streams.seal import Verifier
from gotd.streams.sources import ByteSource
from gotd.streams.tables import column_lists, has_lists, table_kind

#: Records that are parsed at once: fewer where they are longer than these bytes.
_WINDOW, _WINDOW_BYTES = 1024, 1 << 23


def vector_reader(source: ByteSource, key: str | None) -> "VectorReader":
    """Return what reads the vectors. key : the field that holds them in records and tables; None for the usual ones"""
    head = source.peek(KIND_BYTES)
    if head.startswith(MAGIC) or source.name.lower().endswith(".npy"):
        return ArrayReader(source, "vectors")
    if holds_table(source, key):
        return TableVectors(source, key)
    if content_of(head) or table_kind(head) or source.name.lower().endswith(RECORD_ENDINGS):
        return RecordVectors(source, key)
    return ArrayReader(source, "vectors")


def holds_table(source: ByteSource, key: str | None) -> bool:
    """Return whether a source is a table that can be read from any place, with one column of lists of that name."""
    kind = table_kind(source.peek(KIND_BYTES))
    file = source.seekable() if kind else None
    return file is not None and has_lists(kind, file, key or VECTOR_FIELD, source.name)


class RecordVectors:
    """The vectors that records carry. rows : read so far; verifier : holds the records against their seals"""

    def __init__(self, source: ByteSource, key: str | None) -> None:
        self.rows = 0
        self._reader, self._key = RecordReader(source), key
        self.verifier = self._reader.verifier

    def blocks(self) -> Iterator[np.ndarray]:
        """Rows in order, float16 or float32 (n, d). Raises: DataError naming the record."""
        found = read_records(self._reader, Skipping(), lambda fields: vector_of(fields, self._key))
        width = 0
        for window in windows(found, _WINDOW, _WINDOW_BYTES):
            width = width or width_of(window[0].value)
            yield vectors_of(window, width, "the records before have")
            self.rows += len(window)


class TableVectors:
    """The vectors in a column of a table; nothing else of it is read. rows : so far; verifier : digests them"""

    def __init__(self, source: ByteSource, key: str | None) -> None:
        self.rows, self.verifier = 0, Verifier(source.name, "vectors")
        self._source, self._key = source, key or VECTOR_FIELD

    def blocks(self) -> Iterator[np.ndarray]:
        """Rows in order, float16 or float32 (n, d). Raises: DataError naming the row."""
        kind, file = table_kind(self._source.peek(KIND_BYTES)), self._source.seekable()
        if file is None:
            raise TypeError("not what `holds_table` has seen")
        width = 0
        for lists in column_lists(kind, file, self._key, self._source.name):
            block = rows_of(lists, self._source.name, self.rows + 1, self._key, width)
            width = block.shape[1]
            self.verifier.digest.add_rows(block.tobytes(), len(block))
            self.rows += len(block)
            yield block


VectorReader: TypeAlias = ArrayReader | RecordVectors | TableVectors
