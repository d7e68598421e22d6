"""How many rows inputs have, told without reading them: by seals, by headers, or by their first bytes."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gotd.errors import DataError, GotdError
from gotd.streams.compression import Marker
from gotd.streams.file_kinds import KIND_BYTES
from gotd.streams.file_seal import end_seal
from gotd.streams.formats import record_lines
from gotd.streams.locations import is_plain_records, is_url
from gotd.streams.npy_header import MAGIC
from gotd.streams.sources import ByteSource, open_input
from gotd.streams.tables import row_count, table_kind

_HEADER_BYTES = 1 << 12
#: Bytes of each that are looked at to show how far a command is.
_GLANCE_BYTES = 1 << 18
#: Of a line that is not empty.
_LINE_END = re.compile(rb"[^\n]\n")


class Size(NamedTuple):
    """How large an input is. rows : None where only reading all of it would tell; exact : or an estimate"""

    rows: int | None
    exact: bool
    bytes: int


def expected_rows(names: Sequence[str]) -> int | None:
    """Return about how many rows files have, by what they say or by their first bytes; None where one does not tell."""
    rows = 0
    for name in names:
        try:
            look = size_of(name, _GLANCE_BYTES) if not is_url(name) and Path(name).is_file() else None
        except GotdError:  # whoever reads it says so
            look = None
        if look is None or look.rows is None:
            return None
        rows += look.rows
    return rows


def size_of(name: str, limit: int) -> Size:
    """Return how many rows an input has: by its seal, by its header, or by its first `limit` bytes."""
    seal = end_seal(name)
    with open_input(name) as source:
        size = source.size or 0
        if seal:
            return Size(seal.seal.rows, True, seal.size)
        if source.peek(len(MAGIC)) == MAGIC:
            return Size(_array_rows(source.peek(_HEADER_BYTES), size), True, size)
        kind = table_kind(source.peek(KIND_BYTES))
        if kind and (file := source.seekable()) and (rows := row_count(kind, file, name)) is not None:
            return Size(rows, True, size)
        start = source.peek(limit)
    if not source.size:
        return Size(0, True, 0) if source.size == 0 and is_plain_records(name) else Size(None, False, 0)
    lines = _lines(start, name)
    whole = size <= len(start)
    if not lines and not whole:  # what has to be read from its end
        return Size(None, False, size)
    return Size(lines if whole else round(lines * size / len(start)), whole, size)


def _array_rows(start: bytes, size: int) -> int | None:
    """Rows that the header of an .npy array promises, where the file holds that array and nothing else."""
    from gotd.streams.npy_header import length_bytes, parse

    try:
        line = 8 + length_bytes(start[6:8])
        end = line + int.from_bytes(start[8:line], "little")
        header = parse(start[6], start[8:line], start[line:end])
        return header.shape[0] if end + header.payload_bytes == size else None
    except (ValueError, IndexError):
        return None


def _lines(start: bytes, name: str) -> int:
    """Records in the beginning of a file."""
    count, last = 0, b""
    try:
        for piece in record_lines(ByteSource(io.BytesIO(start), name)):
            if not isinstance(piece, Marker) and piece:
                count, last = count + len(_LINE_END.findall(last + piece)), piece[-1:]
    except DataError:  # it is only the beginning
        return count
    return count + (last not in (b"", b"\n"))
