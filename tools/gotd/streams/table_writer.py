"""Records as a Parquet table: a field is a column, whose type is that of its values. Needs pyarrow, the extra `tables`.

A field that a record lacks is null in its row. The seal stands in the file's metadata, under "gotd"; its digest is of
the rows as `tables` reads them, so that it does not speak for a table that others have changed and written again.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gotd import __version__
from gotd.errors import DataError, GotdError
from gotd.streams.digests import Digest
from gotd.streams.file_seal import SEAL_KEY
from gotd.streams.json_fields import json_type, parse_object
from gotd.streams.locations import is_table
from gotd.streams.seal import MadeBy, Seal, encode
from gotd.streams.sinks import Sink
from gotd.streams.tables import batch_lines
from gotd.types import JSON

if TYPE_CHECKING:
    import pyarrow

#: Rows that a reader takes at a time.
_GROUP_ROWS = 1 << 16
_OTHERWISE = "write .jsonl.zst, which holds any JSON"


def require_tables(name: str) -> None:
    """Raise GotdError where a table is to be written and pyarrow is not installed."""
    if is_table(name):
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise GotdError(f"{name}: Parquet needs pyarrow; pip install 'gotd[tables]'") from error


class TableWriter:
    """Records into a sink, as `RecordWriter` takes them. Memory: all of them.

    made_by : what the seal says of the tool. notes : what it tells beside
    """

    def __init__(self, sink: Sink, made_by: MadeBy) -> None:
        self.made_by, self._sink, self._lines = made_by, sink, list[bytes]()
        self.notes: dict[str, JSON] = {"version": __version__}

    def write(self, lines: Iterable[bytes]) -> None:
        """Add lines (without newlines)."""
        self._lines += lines

    def finish(self) -> None:
        """Write the table: only called when everything went well. Raises: DataError for what no column can hold."""
        import pyarrow
        import pyarrow.parquet as parquet

        rows = [parse_object(line) for line in self._lines]
        names = dict.fromkeys(name for row in rows for name in row)
        table = pyarrow.table({name: self._column(name, [row.get(name) for row in rows]) for name in names})
        digest = Digest()
        for batch in table.to_batches():
            digest.add_lines([line.removesuffix(b"\n") for line in batch_lines(batch, self._sink.name)])
        seal = Seal("records", digest.rows, digest.hexdigest(), (), self.made_by, self.notes)
        try:
            parquet.write_table(table.replace_schema_metadata({SEAL_KEY: encode(seal)}),
                                pyarrow.PythonFile(_File(self._sink), mode="w"), row_group_size=_GROUP_ROWS,
                                compression="zstd", write_page_checksum=True)
        except pyarrow.ArrowNotImplementedError as error:
            raise DataError(self._sink.name, f"an object without fields, which Parquet cannot hold ({error})",
                            _OTHERWISE) from error

    def _column(self, name: str, values: Sequence[JSON]) -> "pyarrow.Array":
        import pyarrow

        try:
            return pyarrow.array(values)
        except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError) as error:
            kinds = sorted({json_type(value) for value in values if value is not None})
            what = " and ".join(kinds) if len(kinds) > 1 else str(error)
            raise DataError(self._sink.name, f'"{name}" holds what one column of Parquet cannot: {what}',
                            _OTHERWISE) from error


class _File:
    """A sink as pyarrow writes to it."""

    closed = False

    def __init__(self, sink: Sink) -> None:
        self._sink, self._position = sink, 0

    def write(self, data: bytes) -> int:
        """Take bytes in."""
        self._sink.write(memoryview(data))
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._position

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The sink is closed by whoever opened it."""
