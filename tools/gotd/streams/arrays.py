"""Vectors and scores: `.npy` arrays, one in a file, several back to back in a pipe, each run of them under a seal."""

import io
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from gotd import __version__
from gotd.errors import DataError
from gotd.streams.digests import Digest, RecordRun
from gotd.streams.file_kinds import KIND_BYTES, content_of
from gotd.streams.finite import rounded, wrong_row
from gotd.streams.npy_header import (
    IN_A_PIPE,
    MAGIC,
    MAX_HEADER_BYTES,
    UNFINISHED,
    Header,
    length_bytes,
    marked,
    parse,
)
from gotd.streams.seal import MAX_SEAL_BYTES, PREFIX, Announcement, MadeBy, Seal, Verifier, encode
from gotd.streams.sinks import Sink
from gotd.streams.sources import ByteSource
from gotd.types import JSON

_DTYPES = {"vectors": ("<f2", "<f4"), "scores": ("<f4",), "weights": ("<f4", "<f8")}
#: Format version and rows of the array that opened a pipe until gotd 0.1: numpy writes version 2 only for headers over
#: 64 KiB, so an empty one of version 2 is ours.
_OLD_OPENING = (2, 0)
#: What to do about a row that is no number.
_REMEDIES = {"vectors": "embed that record again", "scores": "score that record again",
             "weights": "give that row a weight of 0 or more"}
#: Bytes of rows read at a time, at most: rows of a power of two, which others can join or cut without a rest.
_BLOCK_BYTES = 1 << 22
#: Bytes that a thread digests: in less time than one takes to begin, less are digested at once.
_LEAST_BESIDE = 1 << 18


class ArrayReader:
    """Blocks of rows of one source, checked against its seals; NaN and infinity are errors naming the row.

    kind : "vectors" (float16 or float32, (n, d)), "scores" (float32, (n,)) or "weights" (float32 or float64, (n,))
    """

    def __init__(self, source: ByteSource, kind: str) -> None:
        self.name = source.name
        self.rows = 0
        self.verifier = Verifier(source.name, kind)
        self._source = source
        self._kind = kind
        self._width: int | None = None

    def blocks(self) -> Iterator[np.ndarray]:
        """Rows in order, some megabytes at a time; an empty array with its width where there are no rows."""
        if not self._source.peek(1):
            raise DataError(self.name, "zero bytes: not even an empty array", "check the command that wrote it")
        while self._source.peek(1):
            header = self._header()
            dtype, shape = header.dtype, header.shape
            if dtype == np.dtype("u1") and len(shape) == 1:
                self._meet(shape[0])
                continue
            self._check_array(dtype, shape)
            yield from self._rows_of(dtype, shape)
            if header.mark == IN_A_PIPE or (header.version, shape[0]) == _OLD_OPENING:
                self._announcement()
        self.verifier.end()
        if not self.rows and self._width is not None:
            yield np.empty((0, self._width) if self._kind == "vectors" else (0,), dtype="<f4")

    def _announcement(self) -> None:
        if self._source.peek(1) and (header := self._header()).dtype == np.dtype("u1"):
            self._meet(header.shape[0])
        if self.verifier.announced is None:
            what = "cut short: it ends, or another stream begins, before it has said what it is"
            raise DataError(self.name, what, "see the message of the command before this one")

    def _header(self) -> Header:
        """What the next array is."""
        self._require_array()
        start = self._source.read_exactly(8)
        try:
            length = self._source.read_exactly(length_bytes(start[6:]))
            count = int.from_bytes(length, "little")
            if count > MAX_HEADER_BYTES:
                raise ValueError(f"damaged .npy header ({count} bytes)")
            found = parse(start[6], length, self._source.read_exactly(count))
        except ValueError as error:
            raise DataError(self.name, str(error), "make the file again") from error
        if found.fortran and len(found.shape) > 1:
            raise DataError(self.name, "in Fortran order", "save np.ascontiguousarray(x)")
        if found.mark == UNFINISHED:
            raise DataError(self.name, "cut short: the command that wrote it did not finish", "run that command again")
        return found

    def _require_array(self) -> None:
        """Raises: DataError where what comes next is no array, saying what it is."""
        start = self._source.peek(KIND_BYTES)
        if MAGIC.startswith(start[: len(MAGIC)]):  # a start that is cut is told of by who reads it
            return
        if self._width is not None or self.verifier.seals:
            what = f"bytes that are no .npy array follow its {self.rows} rows"
            raise DataError(self.name, what, "cut them off, or make the file again")
        what = f"not a .npy array{content_of(start)}, {self._kind} are wanted here"
        raise DataError(self.name, what, "give files made by ds-embed or np.save")

    def _meet(self, length: int) -> None:
        if not 0 <= length <= MAX_SEAL_BYTES:
            raise DataError(self.name, "an array of bytes that is no seal stands among the rows", "make the file again")
        payload = self._source.read_exactly(length)
        if not payload.startswith(PREFIX):
            raise DataError(self.name, "an array of bytes that is no seal stands among the rows", "make the file again")
        self.verifier.meet(payload)

    def _check_array(self, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> None:
        allowed = _DTYPES[self._kind]
        if dtype.str not in allowed:
            wanted = " or ".join(allowed)
            raise DataError(self.name, f"dtype {dtype.str}, {self._kind} are {wanted}", "save x.astype('<f4')")
        dimensions = 2 if self._kind == "vectors" else 1
        if len(shape) != dimensions or min(shape) < 0 or (dimensions == 2 and shape[1] < 1):
            wanted = "(rows, dimension)" if dimensions == 2 else "(rows,)"
            raise DataError(self.name, f"shape {shape}, {self._kind} are {wanted}", "check what the file holds")
        width = shape[1] if dimensions == 2 else 1
        if self._source.size is not None and shape[0] * width * dtype.itemsize > self._source.size:
            raise DataError(self.name, f"cut short: its header promises {shape[0]} rows", "fetch or make it again")
        if self._width not in (None, width):
            raise DataError(self.name, f"row {self.rows}: dimension {width} after {self._width}", "embed all alike")
        self._width = width

    def _rows_of(self, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> Iterator[np.ndarray]:
        row_bytes = (shape[1] if len(shape) == 2 else 1) * dtype.itemsize
        left, step = shape[0], 1 << max(0, (_BLOCK_BYTES // row_bytes).bit_length() - 1)
        with _Beside() as beside:
            while left:
                count = min(left, step)
                data = self._source.read_exactly(count * row_bytes)
                beside.add(self.verifier.digest, data, count)
                block = np.frombuffer(data, dtype=dtype).reshape(count, *shape[1:])
                if (wrong := wrong_row(block)) is not None:
                    place = f"{self.name}: row {self.rows + wrong}"
                    raise DataError(place, "a number that is NaN or infinite", _REMEDIES[self._kind])
                self.rows += count
                left -= count
                yield block


class _Beside:
    """Digests blocks in a thread of its own, one behind at most: SHA-256 takes as long as the rest of reading."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None

    def __enter__(self) -> "_Beside":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def add(self, digest: Digest, data: bytes, rows: int) -> None:
        """Take one more block; a thread is not worth its while for little."""
        if self._last is not None:
            self._last.result()
        if self._pool is None and len(data) < _LEAST_BESIDE:
            digest.add_rows(data, rows)
            return
        self._pool = self._pool or ThreadPoolExecutor(1, "gotd-digest")
        self._last = self._pool.submit(digest.add_rows, data, rows)


class ArrayWriter:
    """Rows into a sink: one array whose header is mended at the end, or, in a pipe, an array a block.

    records : the runs of records the rows belong to; may be added to any time before `finish`
    notes : what the seal tells beside; likewise
    made_by : what the seal says of the tool; may be replaced by more until then
    """

    def __init__(self, sink: Sink, kind: str, dtype: str, width: int | None, made_by: MadeBy) -> None:
        self.records: list[RecordRun] = []
        self.notes: dict[str, JSON] = {"version": __version__}
        self.made_by = made_by
        self._sink, self._kind = sink, kind
        self._dtype = np.dtype(dtype)
        self._tail_shape = () if width is None else (width,)
        self._digest = Digest()
        self._sink.write(marked(self._header(0), IN_A_PIPE if sink.is_pipe else UNFINISHED, may_grow=sink.is_pipe))
        if sink.is_pipe:
            self._sink.write(_byte_array(encode(Announcement(kind, made_by))))

    @property
    def rows(self) -> int:
        """Rows written so far."""
        return self._digest.rows

    def write(self, rows: np.ndarray) -> None:
        """Add rows, shape (n, width) or (n,).

        Raises: DataError naming a row that the file's dtype cannot hold.
        """
        found = rounded(rows, self._dtype, lambda row: f"{self._sink.name}: row {self.rows + row}")
        data = found.reshape(-1).view("u1").data
        if self._sink.is_pipe:
            self._sink.write(self._header(len(rows)))
        self._sink.write(data)
        self._digest.add_rows(data, len(rows))

    def finish(self) -> None:
        """Mend the header and add the seal."""
        position = self._sink.written + len(_byte_array(b""))  # a header is as long whatever it counts
        seal = Seal(self._kind, self.rows, self._digest.hexdigest(), tuple(self.records), self.made_by, self.notes,
                    position)
        self._sink.write(_byte_array(encode(seal)))
        if not self._sink.is_pipe:
            self._sink.patch(0, self._header(self.rows))

    def _header(self, rows: int) -> bytes:
        """numpy pads headers for the first axis to grow in place: the length does not depend on `rows`."""
        out = io.BytesIO()
        shape = (rows, *self._tail_shape)
        np.lib.format.write_array_header_1_0(out, {"descr": self._dtype.str, "fortran_order": False, "shape": shape})
        return out.getvalue()


def _byte_array(payload: bytes) -> bytes:
    out = io.BytesIO()
    np.save(out, np.frombuffer(payload, dtype="u1"), allow_pickle=False)
    return out.getvalue()
