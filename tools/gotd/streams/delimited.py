"""CSV, TSV and plain text as JSON Lines: a row or a line is a record, and keeps the number of its line."""

import csv
import functools
from collections.abc import Iterator

import orjson

from gotd.errors import DataError
from gotd.streams.lines import MAX_RECORD_BYTES

#: The field that a line of plain text becomes.
TEXT_FIELD = "text"


def delimited_lines(pieces: Iterator[bytes], name: str, delimiter: str) -> Iterator[bytes]:
    """Yield the rows of a table with a header as objects of strings, each with the number of the line it begins on.

    Raises: DataError with the line for a row that has not as many fields as the header, and for quotes without an end.
    """
    csv.field_size_limit(MAX_RECORD_BYTES)
    rows = csv.reader(_decoded(_whole_lines(pieces, name)), delimiter=delimiter, strict=True)
    begins, columns = 1, None
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            what = f"not CSV: {str(error).split(' - ')[0]}"
            raise DataError(f"{name}:{begins}", what, "mend the quotes from that line on") from error
        if row is None:
            return
        ends = rows.line_num
        if not row:
            yield b"\n"
        elif columns is None:
            columns = _header(row, f"{name}:{begins}")
            yield b"\n" * (ends - begins + 1)
        elif len(row) != len(columns):
            what = f"{len(row)} fields where the header has {len(columns)}"
            raise DataError(f"{name}:{begins}", what, "mend that row, and those that a quote may have joined to it")
        else:
            line = _object(dict(zip(columns, row, strict=True)), delimiter.join(row))
            yield line + b"\n" * (ends - begins + 1)
        begins = ends + 1


def _header(row: list[str], place: str) -> list[str]:
    twice = next((column for number, column in enumerate(row) if column in row[:number]), None)
    if twice is not None:
        raise DataError(place, f'two columns are called "{twice}"', "rename one of them")
    try:
        "".join(row).encode()
    except UnicodeEncodeError as error:
        raise DataError(place, "not UTF-8", "pipe it through iconv -f LATIN1 -t UTF-8") from error
    return row


def text_lines(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield each line of plain text as an object with a "text"; blank ones stay blank."""
    for line in _decoded(_whole_lines(pieces, name)):
        text = line.rstrip("\r\n")
        yield (_object({TEXT_FIELD: text}, text) if text.strip() else b"") + b"\n"


def _object(fields: dict[str, str], raw: str) -> bytes:
    """The fields as JSON; where they are not UTF-8 the raw bytes, which whoever parses them refuses as such."""
    try:
        return orjson.dumps(fields)
    except TypeError:
        return raw.replace("\n", " ").encode("utf-8", "surrogateescape")


def _whole_lines(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield lines with their newlines."""
    held: list[bytes] = []
    size = lines = 0
    for piece in pieces:
        first, newline, rest = piece.partition(b"\n")
        held.append(first + newline)
        size += len(first)
        if size > MAX_RECORD_BYTES:
            raise DataError(f"{name}:{lines + 1}", f"a line over {MAX_RECORD_BYTES >> 20} MiB", "split it first")
        if not newline:
            continue
        yield b"".join(held)
        *whole, last = rest.split(b"\n")
        for line in whole:
            yield line + b"\n"
        lines += 1 + len(whole)
        held, size = [last], len(last)
    if size:
        yield b"".join(held)


def _decoded(lines: Iterator[bytes]) -> Iterator[str]:
    return map(functools.partial(str, encoding="utf-8", errors="surrogateescape"), lines)
