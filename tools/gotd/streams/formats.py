"""What records come in, recognised by first bytes, and for text that could be anything by its name; all become lines.

Parquet and Arrow (`tables`), CSV and TSV and plain text (`delimited`), JSON in an array or over several lines
(`json_values`), WET files of Common Crawl (`warc`). JSON Lines stay the bytes that they are.
"""

from collections.abc import Callable, Iterator
from itertools import chain

from gotd.streams.compression import Marker, decompressed
from gotd.streams.delimited import delimited_lines, text_lines
from gotd.streams.file_kinds import ARRAY, KIND_BYTES, SPREAD, layout_of, refuse_binary
from gotd.streams.json_values import json_value_lines
from gotd.streams.lines import BOM, stripped
from gotd.streams.locations import without_compression
from gotd.streams.seal import PREFIX
from gotd.streams.sources import ByteSource
from gotd.streams.tables import table_kind, table_lines
from gotd.streams.warc import MAGIC, warc_lines

#: Bytes in which the first two lines must end for text to be recognised by them.
_LOOK_BYTES = 1 << 16

#: Lines by which text is recognised.
_LOOKED_AT = 2

Pieces = Iterator[bytes]


def record_lines(source: ByteSource, long_window: bool = False) -> Iterator[bytes | Marker]:
    """Yield records as lines of JSON, in pieces that may end anywhere, with the markers of ours between them.

    Empty lines stand where needed for a record of a text file to have the number of its line there.
    Raises: DataError for what holds no records, or is damaged.
    """
    kind = table_kind(source.peek(KIND_BYTES))
    file = source.seekable() if kind else None
    if file is not None:
        yield from table_lines(kind, iter(()), file, source.name)
        return
    pieces = decompressed(source, long_window)
    for piece in pieces:
        if not isinstance(piece, Marker):
            break
        yield piece
        if piece.payload.startswith(PREFIX):  # ours, which holds nothing but JSON Lines
            yield from pieces
            return
    else:
        return
    head, rest = _with_first_lines(piece, pieces)
    refuse_binary(head, source.name)
    convert = _converter(head, source.name)
    if convert is None:
        yield head
        yield from rest
        return
    markers: list[Marker] = []
    yield from convert(chain([head.removeprefix(BOM)], _without(markers, rest)), source.name)
    yield from markers


def _with_first_lines(piece: bytes, pieces: Iterator[bytes | Marker]) -> tuple[bytes, Iterator[bytes | Marker]]:
    """Return as many pieces in one as tell what they are, and the others."""
    held, size = [piece], len(piece)
    while size < KIND_BYTES or (size < _LOOK_BYTES and len(_first_lines(b"".join(held))) < _LOOKED_AT):
        following = next(pieces, None)
        if following is None:
            break
        if isinstance(following, Marker):
            return b"".join(held), chain([following], pieces)
        held.append(following)
        size += len(following)
    return b"".join(held), pieces


def _first_lines(head: bytes) -> list[bytes]:
    """The first lines that are not blank; the last one may be cut."""
    lines = stripped(head[:_LOOK_BYTES].split(b"\n"))
    return [line for line in lines if line][:_LOOKED_AT]


def _converter(head: bytes, name: str) -> Callable[[Pieces, str], Iterator[bytes | Marker]] | None:
    """Return what makes lines of JSON of what begins like this; None where it has them already."""
    if kind := table_kind(head):
        return lambda pieces, name: table_lines(kind, pieces, None, name)
    if head.startswith(MAGIC):
        return warc_lines
    first, second = [*_first_lines(head), b"", b""][:2]
    if first.startswith(b"{") and first.endswith(b"}"):
        return None
    ending = without_compression(name).lower()
    if ending.endswith(".txt"):
        return text_lines
    layout = layout_of(first, second)
    if layout in (ARRAY, SPREAD):
        return json_value_lines
    if ending.endswith((".csv", ".tsv")):
        layout = layout or ("," if ending.endswith(".csv") else "\t")
    return (lambda pieces, name: delimited_lines(pieces, name, layout)) if layout else None


def _without(markers: list[Marker], pieces: Iterator[bytes | Marker]) -> Pieces:
    """The bytes alone; markers are put aside."""
    for piece in pieces:
        if isinstance(piece, Marker):
            markers.append(piece)
        else:
            yield piece
