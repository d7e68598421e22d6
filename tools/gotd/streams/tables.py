"""Parquet and Arrow as JSON Lines: a row is a record with all its columns. Needs pyarrow, the extra `tables`.

What JSON has no form for: dates, times and timestamps become ISO 8601 (those with a zone in UTC), decimals strings of
their digits, durations whole numbers of their unit, bytes text where they are UTF-8 and {"base64": ...} where not,
maps lists of pairs; NaN and infinite numbers are written as Python's json does.
"""

import tempfile
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, TypeVar

import orjson

from gotd.errors import DataError, GotdError
from gotd.streams.compression import Marker
from gotd.streams.digests import Digest
from gotd.streams.file_seal import stated_payload
from gotd.streams.lines import MAX_RECORD_BYTES
from gotd.streams.piece_stream import PieceStream
from gotd.streams.seal import Seal, decode
from gotd.streams.table_values import carrier, converter

if TYPE_CHECKING:
    from pyarrow import Array, RecordBatch

Item = TypeVar("Item")

#: What people call each kind, and its first bytes. Sources: the formats' specifications.
PARQUET, ARROW_FILE, ARROW_STREAM = "Parquet", "an Arrow file", "an Arrow stream"
_MAGICS = {b"PAR1": PARQUET, b"ARROW1\0\0": ARROW_FILE, b"\xff\xff\xff\xff": ARROW_STREAM}
#: What an Arrow stream ends with; one that is cut between two batches does not.
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
#: Rows turned into JSON at once, at most, and bytes of them as the file's own figures tell.
_ROWS, _BYTES = 256, 1 << 22
#: Bytes of a column read at once.
_BUFFER_BYTES = 1 << 20
#: Characters of pyarrow's message in ours.
_MOST_WORDS = 200
_REMEDY = "fetch or make the file again"


def table_kind(head: bytes) -> str:
    """Return what a table is called whose first bytes these are; nothing for what is none."""
    return next((kind for magic, kind in _MAGICS.items() if head.startswith(magic)), "")


def table_lines(kind: str, pieces: Iterator[bytes], file: IO[bytes] | None, name: str) -> Iterator[bytes | Marker]:
    """Yield rows as lines, and at the end the seal of a Parquet file that has one of these very rows.

    pieces : of a table that stands in a pipe, in a store or compressed. An Arrow stream is read as it comes; the other
    kinds must be read from their ends, and go through a temporary file.
    file : to read from in place of pieces, where it can be read from any place
    Raises: DataError with the rows before the damage, GotdError without pyarrow.
    """
    _faults(kind, name)
    if file is None and kind != ARROW_STREAM:
        with tempfile.TemporaryFile(prefix="gotd-") as copy:
            _fill(copy, pieces, name)
            yield from table_lines(kind, iter(()), copy, name)
        return
    payload = b"" if file is None or kind != PARQUET else stated_payload(file, name)
    digest = Digest()
    for line in _of_batches(kind, pieces, file, name, lambda batch: batch_lines(batch, name)):
        if payload:
            digest.add_lines([line.removesuffix(b"\n")])
        yield line
    seal = decode(payload, name) if payload else None
    if isinstance(seal, Seal) and (seal.rows, seal.digest) == (digest.rows, digest.hexdigest()):
        yield Marker(payload)


def _of_batches(kind: str, pieces: Iterator[bytes], file: IO[bytes] | None, name: str,
                made_of: "Callable[[RecordBatch], Iterator[Item]]", column: str | None = None) -> Iterator[Item]:
    """Yield what is made of each batch. Raises: DataError with the rows before the damage."""
    batches = _stream_batches(PieceStream(pieces if file is None else _pieces(file), len(_END_OF_STREAM)))
    if file is not None and kind == PARQUET:
        batches = _parquet_batches(file, column)
    elif file is not None and kind == ARROW_FILE:
        batches = _file_batches(file)
    rows = 0
    try:
        for batch in batches:
            yield from made_of(batch)
            rows += batch.num_rows
    except _faults(kind, name) as error:
        raise _damaged(f"{name}: after row {rows}", kind, error) from error


def has_lists(kind: str, file: IO[bytes], column: str, name: str) -> bool:
    """Return whether a table has one column of that name, of lists of numbers. Raises: as `table_lines`."""
    faults = _faults(kind, name)
    import pyarrow
    from pyarrow import parquet, types

    try:
        file.seek(0)
        if kind == PARQUET:
            schema = parquet.ParquetFile(file).schema_arrow
        else:
            opened = pyarrow.ipc.open_file if kind == ARROW_FILE else pyarrow.ipc.open_stream
            schema = opened(pyarrow.PythonFile(file, mode="r")).schema
        kinds = [field.type for field in schema if field.name == column]
    except faults as error:
        raise _damaged(name, kind, error) from error
    finally:
        file.seek(0)
    lists = [each for each in kinds if types.is_list(each) or types.is_large_list(each)
             or types.is_fixed_size_list(each)]
    return len(kinds) == len(lists) == 1 and (types.is_floating(lists[0].value_type)
                                              or types.is_integer(lists[0].value_type))


def column_lists(kind: str, file: IO[bytes], column: str, name: str) -> "Iterator[Array]":
    """Yield a column of lists as Arrow arrays, some thousand rows at a time, none of them empty."""

    def lists(batch: "RecordBatch") -> "Iterator[Array]":
        batch.validate(full=True)  # offsets that lead elsewhere would be followed
        for start in range(0, batch.num_rows, _ROWS):
            yield batch.column(column).slice(start, _ROWS)

    yield from _of_batches(kind, iter(()), file, name, lists, column)


def _faults(kind: str, name: str) -> tuple[type[Exception], ...]:
    """Return what pyarrow raises on damaged files. Raises: GotdError where it is not installed."""
    try:
        import pyarrow
    except ImportError as error:
        raise GotdError(f"{name}: {kind}, which needs pyarrow; pip install 'gotd[tables]'") from error
    return (pyarrow.ArrowException, OSError, EOFError, ValueError, TypeError, OverflowError, MemoryError)


def _damaged(place: str, kind: str, error: Exception) -> DataError:
    words = " ".join(str(error).split())[:_MOST_WORDS]
    return DataError(place, f"{kind}, damaged ({words})", _REMEDY)


def _fill(copy: IO[bytes], pieces: Iterator[bytes], name: str) -> None:
    for piece in pieces:
        try:
            copy.write(piece)
        except OSError as error:
            what = f"{name}: its temporary copy: {error.strerror}"
            raise GotdError(f"{what}; set TMPDIR to a folder with room for the input") from error
    copy.seek(0)


def row_count(kind: str, file: IO[bytes], name: str) -> int | None:
    """Return the rows that a table's own figures promise; None where they say nothing. Raises: as `table_lines`."""
    faults = _faults(kind, name)
    if kind != PARQUET:
        return None
    import pyarrow.parquet as parquet

    try:
        return int(parquet.ParquetFile(file).metadata.num_rows)
    except faults as error:
        raise _damaged(name, kind, error) from error


def _parquet_batches(file: IO[bytes], column: str | None = None) -> "Iterator[RecordBatch]":
    """Yield rows of one row group after the other, a few pages of each column in memory. column : the only one read"""
    import pyarrow.parquet as parquet

    table = parquet.ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True)
    for group in range(table.num_row_groups):
        figures = table.metadata.row_group(group)
        row_bytes = max(1, figures.total_byte_size // max(1, figures.num_rows))
        rows = max(1, min(_ROWS, _BYTES // row_bytes))
        found = 0
        for batch in table.iter_batches(rows, row_groups=[group], columns=column and [column], use_threads=False):
            found += batch.num_rows
            yield batch
        if found != figures.num_rows:
            raise ValueError(f"row group {group + 1} has {found} of its {figures.num_rows} rows")


def _file_batches(file: IO[bytes]) -> "Iterator[RecordBatch]":
    import pyarrow

    table = pyarrow.ipc.open_file(file)
    for number in range(table.num_record_batches):
        yield table.get_batch(number)


def _stream_batches(stream: PieceStream) -> "Iterator[RecordBatch]":
    """Yield the batches of one stream after the other, as files that were joined hold them."""
    import pyarrow

    while stream.peek():
        yield from pyarrow.ipc.open_stream(pyarrow.PythonFile(stream, mode="r"))
        if stream.last != _END_OF_STREAM:
            raise ValueError("cut short: the stream has no end")


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_BUFFER_BYTES):
        yield piece


def batch_lines(batch: "RecordBatch", name: str) -> Iterator[bytes]:
    """The rows of a batch as JSON."""
    batch.validate(full=True)  # offsets that lead elsewhere would be followed
    names = batch.schema.names
    twice = next((column for number, column in enumerate(names) if column in names[:number]), None)
    if twice is not None:
        raise DataError(name, f'two columns are called "{twice}"', "rename one of them")
    columns = [(column if carrier(column.type) == column.type else column.cast(carrier(column.type)),
                converter(column.type)) for column in batch.columns]
    for start in range(0, batch.num_rows, _ROWS):
        count = min(_ROWS, batch.num_rows - start)
        values = []
        for column, convert in columns:
            found = column.slice(start, count).to_pylist()
            values.append(list(map(convert, found)) if convert else found)
        for row in range(count):
            line = orjson.dumps({key: column[row] for key, column in zip(names, values, strict=True)})
            if len(line) > MAX_RECORD_BYTES:
                raise DataError(name, f"a record over {MAX_RECORD_BYTES >> 20} MiB", "split that record first")
            yield line + b"\n"
