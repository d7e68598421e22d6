"""A stream that is cut, flipped or followed by garbage is an error, never a shorter or another stream."""

import bz2
import gzip
import io
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import zstandard

from gotd.errors import DataError
from gotd.streams.arrays import ArrayReader, ArrayWriter
from gotd.streams.digests import RecordRun
from gotd.streams.records import RecordReader, RecordWriter, Skipping, no_value, read_records
from gotd.streams.seal import MadeBy
from gotd.streams.sources import ByteSource

LINES = [json.dumps({"id": i, "text": f"text number {i}"}).encode() for i in range(5)]
ROWS = np.arange(12, dtype="<f2").reshape(4, 3)


class MemorySink:
    """A sink that keeps what it is given."""

    def __init__(self, name: str, is_pipe: bool) -> None:
        self.name, self.is_pipe, self.is_plain, self.data = name, is_pipe, False, bytearray()

    @property
    def written(self) -> int:
        return len(self.data)

    def write(self, data: bytes) -> None:
        self.data += data

    def patch(self, offset: int, data: bytes) -> None:
        assert not self.is_pipe
        self.data[offset : offset + len(data)] = data


def record_stream(is_pipe: bool, name: str = "x.zst") -> bytes:
    sink = MemorySink(name, is_pipe)
    writer = RecordWriter(sink, MadeBy("test"))
    writer.write(LINES)
    writer.finish()
    return bytes(sink.data)


def vector_stream(is_pipe: bool) -> bytes:
    sink = MemorySink("x.npy", is_pipe)
    writer = ArrayWriter(sink, "vectors", "<f2", 3, MadeBy("test"))
    writer.write(ROWS[:3])
    writer.write(ROWS[3:])
    writer.records.append(RecordRun(4, "0" * 64))
    writer.finish()
    return bytes(sink.data)


def read_lines(data: bytes, is_file: bool) -> list[bytes]:
    source = ByteSource(io.BytesIO(data), "x", len(data) if is_file else None)
    return [record.line for batch in read_records(RecordReader(source), Skipping(), no_value) for record in batch]


def read_vectors(data: bytes, is_file: bool) -> list[list[float]]:
    source = ByteSource(io.BytesIO(data), "x", len(data) if is_file else None)
    return [row for block in ArrayReader(source, "vectors").blocks() for row in block.tolist()]


class Stream(NamedTuple):
    """A kind of stream: how it is written (to a pipe or a file), how it is read (from a file or a pipe), its rows."""

    write: Callable[[bool], bytes]
    read: Callable[[bytes, bool], Any]
    rows: Any


RECORDS = Stream(record_stream, read_lines, LINES)
VECTORS = Stream(vector_stream, read_vectors, ROWS.tolist())
both = pytest.mark.parametrize("stream", [RECORDS, VECTORS], ids=["records", "vectors"])
in_pipe_or_file = pytest.mark.parametrize("is_pipe", [False, True], ids=["file", "pipe"])


@both
@in_pipe_or_file
def test_a_whole_stream_is_read_to_its_end(stream: Stream, is_pipe: bool) -> None:
    assert stream.read(stream.write(is_pipe), not is_pipe) == stream.rows


@pytest.mark.long
@both
@in_pipe_or_file
def test_a_cut_at_any_offset_is_an_error(stream: Stream, is_pipe: bool) -> None:
    whole = stream.write(is_pipe)
    read_short = []
    for offset in range(len(whole)):
        try:
            found = stream.read(whole[:offset], not is_pipe)
        except DataError:
            continue
        assert found == stream.rows
        read_short.append(offset)
    # In a file one cut cannot be told from a file of somebody else's: all rows there, only the seal gone.
    assert len(read_short) == (0 if is_pipe else 1)


@pytest.mark.heavy
@both
@in_pipe_or_file
def test_a_flipped_bit_is_an_error_or_changes_nothing(stream: Stream, is_pipe: bool) -> None:
    whole = stream.write(is_pipe)
    for offset in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[offset] ^= 1 << bit
            try:
                found = stream.read(bytes(flipped), not is_pipe)
            except DataError:
                continue
            assert found == stream.rows, (offset, bit)


@both
@in_pipe_or_file
def test_what_follows_the_seal_must_be_a_stream(stream: Stream, is_pipe: bool) -> None:
    with pytest.raises(DataError):
        stream.read(stream.write(is_pipe) + b"garbage", not is_pipe)


@both
@in_pipe_or_file
def test_streams_put_one_after_the_other_are_read_whole(stream: Stream, is_pipe: bool) -> None:
    assert stream.read(stream.write(is_pipe) * 3, not is_pipe) == stream.rows * 3


@pytest.mark.long
@both
def test_lost_bytes_in_the_middle_of_a_pipe_are_seen(stream: Stream) -> None:
    """As when a writer is killed and another one's output follows."""
    whole = stream.write(True)
    for offset in range(1, len(whole)):
        with pytest.raises(DataError):
            stream.read(whole[:offset] + whole, False)


@both
def test_reordered_rows_are_not_the_ones_sealed(stream: Stream) -> None:
    if stream is VECTORS:
        whole = bytearray(stream.write(False))
        start = whole.index(ROWS.tobytes())
        first, second = slice(start, start + 6), slice(start + 6, start + 12)
        whole[first], whole[second] = whole[second], whole[first]
    else:
        frame = zstandard.compress(b"\n".join(reversed(LINES)) + b"\n")
        whole = bytearray(frame + stream.write(False)[stream.write(False).index(b"\x5d\x2a\x4d\x18") :])
    with pytest.raises(DataError, match="not the ones it was sealed with"):
        stream.read(bytes(whole), True)


def test_gzip_and_plain_are_read_and_a_cut_gzip_is_an_error() -> None:
    plain = b"\n".join(LINES) + b"\n"
    assert read_lines(plain, True) == LINES
    assert read_lines(gzip.compress(plain[:40]) + gzip.compress(plain[40:]), True) == LINES
    whole = gzip.compress(plain)
    for offset in range(2, len(whole)):
        with pytest.raises(DataError, match="cut short"):
            read_lines(whole[:offset], True)


def test_many_zstd_frames_are_read_whole_even_where_a_line_spans_two() -> None:
    plain = b"\n".join(LINES) + b"\n"
    frames = b"".join(zstandard.compress(plain[i : i + 7]) for i in range(0, len(plain), 7))
    assert read_lines(frames, True) == LINES


def test_a_pipe_that_delivers_byte_by_byte_is_read_alike() -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(1, size) if size and size > 0 else 1)

    reader = RecordReader(ByteSource(Trickle(record_stream(True)), "x"))
    assert [line for batch in reader.batches() for line in batch] == LINES
    vectors = ArrayReader(ByteSource(Trickle(vector_stream(True)), "x"), "vectors")
    assert np.concatenate(list(vectors.blocks())).tolist() == ROWS.tolist()


@pytest.mark.heavy
@pytest.mark.parametrize("level", [1, 19])
@pytest.mark.parametrize("content_size", [True, False])
@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("size", [10, 300, 70_000, 1_000_000])
def test_every_frame_that_zstd_writes_is_read(level: int, content_size: bool, checksum: bool, size: int) -> None:
    numbers = random.Random(size)
    lines = [b'{"a":"%d"}' % numbers.randrange(10**6) for _ in range(size // 40)] + [b'{"b":"%b"}' % (b"x" * size)]
    encoder = zstandard.ZstdCompressor(level=level, write_checksum=checksum, write_content_size=content_size)
    blocks = encoder.compressobj()  # blocks that end where they are flushed, and a frame of unknown size
    flushed = [blocks.compress(line + b"\n") + blocks.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for line in lines[-500:]]
    flushed.append(blocks.flush())
    first = encoder.compress(b"\n".join(lines) + b"\n")
    data = first + b"".join(flushed)
    assert read_lines(data, True) == lines + lines[-500:]
    for cut in (5, 8, len(first) // 2, len(first) + 8, len(data) - 1):
        with pytest.raises(DataError, match="cut short"):
            read_lines(data[:cut], True)


@pytest.mark.long
def test_a_small_file_that_unpacks_to_gigabytes_is_read_in_bounded_pieces() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(b" " * (1 << 28))
    assert len(bomb) < 1 << 15
    with pytest.raises(DataError, match="a line over 64 MiB"):
        read_lines(bomb, True)


def test_a_header_that_promises_more_than_the_file_holds_allocates_nothing() -> None:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f2", "fortran_order": False, "shape": (1 << 50, 384)})
    for is_file in (True, False):
        with pytest.raises(DataError, match="cut short"):
            read_vectors(out.getvalue() + bytes(1000), is_file)


def test_random_bytes_are_never_read_as_rows() -> None:
    source = random.Random(0)
    for _ in range(300):
        data = source.randbytes(source.randrange(1, 200))
        with pytest.raises(DataError):
            read_vectors(b"\x93NUMPY" + data, True)


@pytest.mark.parametrize("version", [(1, 4), (0, 0), (4, 0)])
def test_an_array_of_a_version_that_numpy_does_not_read_is_refused(version: tuple[int, int]) -> None:
    out = io.BytesIO()
    np.save(out, np.ones((2, 3), "<f4"))
    with pytest.raises(DataError, match="version {}.{}".format(*version)):
        read_vectors(out.getvalue()[:6] + bytes(version) + out.getvalue()[8:], True)


@pytest.mark.parametrize(("array", "said"), [
    (np.zeros((2, 3)), "dtype <f8"), (np.zeros(3, "f4"), "shape"), (np.zeros((2, 3), ">f4"), "dtype >f4"),
    (np.asfortranarray(np.ones((2, 3), "f4")), "Fortran"), (np.zeros((2, 0), "f4"), "shape"),
    (np.array([[None]], dtype=object), "dtype |O"),
])
def test_arrays_that_are_no_vectors_are_refused(array: np.ndarray, said: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    with pytest.raises(DataError) as caught:
        read_vectors((tmp_path / "x.npy").read_bytes(), True)
    assert said in str(caught.value)


def test_a_frame_whose_end_the_decoder_has_not_seen_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless:
        eof = False

        def decompressobj(self) -> "Endless":
            return self

        def decompress(self, _: bytes) -> bytes:
            return b""

    monkeypatch.setattr(zstandard, "ZstdDecompressor", lambda **_: Endless())
    with pytest.raises(DataError, match="a frame without an end"):
        read_lines(record_stream(False), True)


def with_dictionary(plain: bytes) -> bytes:
    dictionary = zstandard.train_dictionary(2000, [plain + b"%d" % number for number in range(500)])
    return zstandard.ZstdCompressor(dict_data=dictionary).compress(plain)


@pytest.mark.parametrize(("data", "said"), [
    (gzip.compress(bz2.compress(b"{}"), mtime=0), "bzip2 within another compression, which is not read; unpack"),
    (gzip.compress(lzma.compress(b"{}"), mtime=0), "xz within another compression, which is not"),
    (lzma.compress(b"{}", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}]), "over 128 MiB; pass --long"),
    (with_dictionary(b"market shares"), "needs a zstd dictionary; compress it again without"),
    # A frame of no data that asks for a window of 256 MiB (RFC 8878, 3.1.1.1.2); below, one of 4 GiB.
    (b"\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00", "needs a zstd window over 128 MiB; pass --long"),
])
def test_what_cannot_be_read_is_called_what_it_is(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_lines(data, True)


def test_a_window_that_long_does_not_allow_either() -> None:
    reader = RecordReader(ByteSource(io.BytesIO(b"\x28\xb5\x2f\xfd\x00\xb0\x01\x00\x00"), "x"), long_window=True)
    with pytest.raises(DataError, match="over 2048 MiB; compress it again with less"):
        list(reader.batches())
