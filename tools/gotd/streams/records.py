"""Records: JSON Lines in, and what `formats` makes them of; JSON Lines out, byte for byte."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import zstandard

from gotd import __version__
from gotd.errors import DataError
from gotd.streams.compression import MARKER_HEADER_BYTES, OPENING_FRAME, Marker, marker_frame
from gotd.streams.digests import Digest, TextDigest
from gotd.streams.formats import record_lines
from gotd.streams.json_fields import RecordError, parse_object
from gotd.streams.lines import MAX_RECORD_BYTES as MAX_RECORD_BYTES
from gotd.streams.lines import stripped
from gotd.streams.locations import PLAIN_RECORDS, is_plain_records
from gotd.streams.record_text import RecordText
from gotd.streams.seal import PREFIX, Announcement, MadeBy, Seal, Verifier, encode
from gotd.streams.sinks import Sink
from gotd.streams.sources import ByteSource
from gotd.types import JSON, Fields

#: Lines are cut from so many bytes at a time.
_BATCH_BYTES = 1 << 18
#: Blank lines in a row that are passed over: a few kilobytes of zstd can stand for 10^11.
_MOST_BLANK = 1 << 20
FILE_LEVEL = 2
PIPE_LEVEL = 1
#: The encoder gets blocks cut at these offsets of the plain stream, so that a file's bytes do not depend on how
#: its rows arrived.
_BLOCK_BYTES = 1 << 20
_MEND = "mend that line"


Value = TypeVar("Value", covariant=True)


class Record(NamedTuple, Generic[Value]):
    """One record.

    line : without the newline. place : where it stands. value : what the command reads of it, as its text
    """

    line: bytes
    fields: Fields
    place: str
    value: Value


def no_value(_: Fields) -> None:
    """Read nothing of a record but its line and its fields."""


class RecordReader:
    """The lines of one source, checked against its seals.

    Lines are split at newline bytes only, and stripped at both ends of JSON's white space, of the byte order marks of
    files that were joined, and of DOS's ^Z. Lines of nothing else are passed over: they are no records. So are the zero
    bytes of a file named as JSON Lines. `verifier.seals` holds what the seals said once the lines have been read.
    """

    def __init__(self, source: ByteSource, long_window: bool = False) -> None:
        self.name = source.name
        self.verifier = Verifier(source.name, "records")
        self._pieces = record_lines(source, long_window)
        self._source = source
        self._lines = self._blank = 0

    def batches(self) -> Iterator[list[bytes]]:
        """Lines as they come, some hundred kilobytes at a time; at the end every seal has been checked."""
        for _, lines in self.numbered():
            yield lines

    def numbered(self) -> Iterator[tuple[Sequence[int], list[bytes]]]:
        """The same with the number of each line, counted from 1, blank ones included."""
        if not self._source.peek(1):
            if self._source.size == 0 and is_plain_records(self.name):
                return
            raise DataError(self.name, "zero bytes: not even an empty stream", "check the command that wrote it")
        held: list[bytes] = []
        size = 0
        for piece in self._pieces:
            if isinstance(piece, Marker):
                if piece.payload.startswith(PREFIX):
                    if size:
                        yield self._accept(b"".join(held).removesuffix(b"\n").split(b"\n"))
                        held, size = [], 0
                    self.verifier.meet(piece.payload)
                continue
            held.append(piece)
            size += len(piece)
            if size >= _BATCH_BYTES and b"\n" in piece:
                *lines, rest = b"".join(held).split(b"\n")
                held, size = [rest], len(rest)
                yield self._accept(lines)
            if size > MAX_RECORD_BYTES:
                raise DataError(self.name, f"a line over {MAX_RECORD_BYTES >> 20} MiB", "split that record first")
        if size:
            yield self._accept(b"".join(held).removesuffix(b"\n").split(b"\n"))
        self.verifier.end()

    def _accept(self, lines: list[bytes]) -> tuple[Sequence[int], list[bytes]]:
        numbers: Sequence[int] = range(self._lines + 1, self._lines + 1 + len(lines))
        self._lines += len(lines)
        found = stripped(lines)
        self._blank = 0 if any(found) else self._blank + len(found)
        if self._blank > _MOST_BLANK:
            raise DataError(f"{self.name}:{self._lines}", f"over {_MOST_BLANK:,} blank lines in a row", "take them out")
        if not all(found):
            numbers = [number for number, line in zip(numbers, found, strict=True) if line]
            found = [line for line in found if line]
        self.verifier.digest.add_lines(found)
        return numbers, found


@dataclass
class Skipping:
    """How many bad records may be passed over, and how many were."""

    allowed: int = 0
    skipped: int = 0

    def spend(self, place: str, what: str, remedy: str) -> None:
        """Count one bad record; past the allowance it is an error."""
        if self.skipped >= self.allowed:
            hint = f"or pass --skip-invalid {self.allowed + 1}" if self.allowed else "or pass --skip-invalid N"
            raise DataError(place, what, f"{remedy}, {hint}")
        self.skipped += 1


def read_records(reader: RecordReader, skipping: Skipping,
                 value_of: Callable[[Fields], Value]) -> Iterator[list[Record[Value]]]:
    """Parsed records in batches; the bad ones are counted or end the reading.

    value_of : what the command reads of each. Raises ValueError, or RecordError with a remedy, where that is not there
    """
    for numbers, lines in reader.numbered():
        records = []
        for number, line in zip(numbers, lines, strict=True):
            place = f"{reader.name}:{number}"
            try:
                fields = parse_object(line)
                value = value_of(fields)
            except RecordError as fault:
                skipping.spend(place, str(fault), fault.remedy)
                continue
            except ValueError as error:
                skipping.spend(place, str(error), _MEND)
                continue
            records.append(Record(line, fields, place, value))
        if records:
            yield records


def windows(batches: Iterable[list[Record[Value]]], rows: int,
            line_bytes: int = MAX_RECORD_BYTES) -> Iterator[list[Record[Value]]]:
    """The same records in lists of `rows`; of fewer where lines are long, and at the end.

    line_bytes : a list is ended by the record with which its lines reach so many bytes, however the records arrived
    """
    held: list[Record[Value]] = []
    size = 0
    for batch in batches:
        for record in batch:
            held.append(record)
            size += len(record.line)
            if len(held) == rows or size >= line_bytes:
                yield held
                held, size = [], 0
    if held:
        yield held


class RecordWriter:
    """Records into a sink: zstd with a seal, or gzip or plain text, which have no place for one, by the sink's name.

    A sink that is plain gets plain text.

    made_by : what the seal says of the tool; see `seal.made_by`; may be replaced by more at any time before `finish`
    text : how the texts are made that the seal names, too; None names none; may be replaced where they are given
    notes : what the seal tells beside; may be added to any time before `finish`
    """

    def __init__(self, sink: Sink, made_by: MadeBy, text: RecordText | None = None) -> None:
        self._sink = sink
        self.notes: dict[str, JSON] = {"version": __version__}
        self.made_by = made_by
        self.text, self._texts = text, TextDigest(text) if text else None
        self._held = bytearray()
        self._digest = Digest()
        self._sealed = not (sink.is_plain or sink.name.lower().endswith(_UNSEALED))
        self._encoder = _encoder(sink)
        if self._sealed and sink.is_pipe:
            self._sink.write(OPENING_FRAME + marker_frame(encode(Announcement("records", made_by))))

    @property
    def rows(self) -> int:
        """Records written so far."""
        return self._digest.rows

    def write(self, lines: list[bytes], texts: Sequence[str] | None = None) -> None:
        """Add lines (without newlines). texts : of all of them, where they are known"""
        if not lines:
            return
        block = self._digest.add_lines(lines)
        if self._texts and texts is not None:
            self._texts.add_texts(texts)
        elif self._texts:
            self._texts.add([Record(line, parse_object(line), "", None) for line in lines])
        self._held += block
        while len(self._held) >= _BLOCK_BYTES:
            self._emit(bytes(self._held[:_BLOCK_BYTES]))
            del self._held[:_BLOCK_BYTES]

    def finish(self) -> None:
        """End the frame and seal it: only called when everything went well."""
        self._emit(bytes(self._held))
        if self._encoder is not None:
            self._sink.write(self._encoder.flush())
        if self._sealed:
            runs = (self._texts.run._replace(text_key=self.text.spec),) if self._texts and self.text else ()
            seal = Seal("records", self.rows, self._digest.hexdigest(), runs, self.made_by, self.notes,
                        self._sink.written + MARKER_HEADER_BYTES)
            self._sink.write(marker_frame(encode(seal)))

    def _emit(self, block: bytes) -> None:
        data = block if self._encoder is None else self._encoder.compress(block)
        if data:
            self._sink.write(data)


#: Plain text and gzip have no place for a seal.
_UNSEALED = (*PLAIN_RECORDS, ".gz")


def _encoder(sink: Sink) -> "zlib._Compress | zstandard.ZstdCompressionObj | None":
    if sink.is_plain or is_plain_records(sink.name):
        return None
    if sink.name.lower().endswith(".gz"):
        return zlib.compressobj(6, zlib.DEFLATED, 31)
    level = PIPE_LEVEL if sink.is_pipe else FILE_LEVEL
    return zstandard.ZstdCompressor(level=level, write_checksum=True).compressobj()
