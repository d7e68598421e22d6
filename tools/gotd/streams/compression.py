"""Compressed bytes to plain ones, recognised by their first bytes, and never a cut file taken for a short one."""

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import zstandard

from gotd.errors import DataError
from gotd.streams.file_kinds import KIND_BYTES
from gotd.streams.seal import MAX_SEAL_BYTES
from gotd.streams.sources import ByteSource

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
GZIP_MAGIC = b"\x1f\x8b"
XZ_MAGIC = b"\xfd7zXZ\0"
BZIP2_MAGIC = b"BZh"
#: Of the sixteen skippable frames (RFC 8878, 3.1.2) the one our seals use.
SEAL_MAGIC = b"\x5d\x2a\x4d\x18"
#: What a skippable frame has before its payload: its magic number and the payload's length.
MARKER_HEADER_BYTES = 8

#: A zstd frame of no data that only we write: single segment, content size 0, an empty block before the empty last one
#: (RFC 8878, 3.1.1). In a pipe it comes first, because some readers (polars) want data before a skippable frame; being
#: recognisable, it cannot pass for an empty stream when the announcement that must follow is lost.
OPENING_FRAME = ZSTD_MAGIC + b"\x20\x00" + b"\x00\x00\x00" + b"\x01\x00\x00"

#: zstd's own limit for streaming decoders, and the one behind `--long` (RFC 8878 allows more; nobody has the memory).
USUAL_WINDOW_BYTES = 1 << 27
LONG_WINDOW_BYTES = 1 << 31

#: A block's header, and the type of block that is one byte many times.
_BLOCK_HEADER_BYTES = 3
_REPEATED_BYTE = 1
#: Plain bytes handed on at once, as many empty lines are a list of some megabytes; and of xz and bzip2 taken at once.
_PLAIN_BYTES = 1 << 20
#: Bytes that a gzip member is fed at first.
_FIRST_FEED_BYTES = 1 << 10
_REMEDY = "fetch or make the file again"


class Marker(NamedTuple):
    """A payload that stands between data: a seal, an announcement."""

    payload: bytes


def decompressed(source: ByteSource, long_window: bool = False) -> Iterator[bytes | Marker]:
    """Plain bytes in order, with the markers found between them."""
    head = source.peek(4)
    if 0 < len(head) < 4 and (ZSTD_MAGIC.startswith(head) or GZIP_MAGIC.startswith(head[:2])):
        raise DataError(source.name, "cut short: it ends inside its first four bytes", _REMEDY)
    if head == ZSTD_MAGIC or _is_skippable(head):
        yield from _zstd_frames(source, LONG_WINDOW_BYTES if long_window else USUAL_WINDOW_BYTES)
    elif head[:2] == GZIP_MAGIC:
        yield from _gzip_members(source)
    elif head[:4] == XZ_MAGIC[:4] or head[:3] == BZIP2_MAGIC:
        yield from _block_streams(source, LONG_WINDOW_BYTES if long_window else USUAL_WINDOW_BYTES)
    else:
        source.peek(KIND_BYTES)  # so that the first piece tells what the source is
        while piece := source.read_some():
            yield piece


def _is_skippable(magic: bytes) -> bool:
    return len(magic) == 4 and magic[1:] == SEAL_MAGIC[1:] and 0x50 <= magic[0] <= 0x5F


def _zstd_frames(source: ByteSource, window_bytes: int) -> Iterator[bytes | Marker]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=window_bytes)
    while magic := source.peek(4):
        if source.peek(len(OPENING_FRAME)) == OPENING_FRAME:
            source.read_exactly(len(OPENING_FRAME))
            if not _is_skippable(source.peek(4)):
                what = "cut short: it ends, or another stream begins, before it has said what it is"
                raise DataError(source.name, what, "see the message of the command before this one")
        elif _is_skippable(magic):
            length = int.from_bytes(source.read_exactly(MARKER_HEADER_BYTES)[4:], "little")
            if length <= MAX_SEAL_BYTES:
                yield Marker(source.read_exactly(length))
            else:
                _skip(source, length)
        elif magic == ZSTD_MAGIC:
            yield from _zstd_frame(source, decompressor, window_bytes)
        else:
            raise DataError(source.name, "bytes that are not zstd follow a zstd frame", _REMEDY)


def _zstd_frame(source: ByteSource, decompressor: zstandard.ZstdDecompressor, window_bytes: int) -> Iterator[bytes]:
    """One block at a time, so that no step makes more than the 128 KiB that a block can hold, whoever made the file.

    Source: RFC 8878, 3.1.1.
    """
    frame = decompressor.decompressobj()
    header, checksum = _frame_sizes(source.peek(5)[-1])
    # The next block's header is read, and given to the decoder, with the block before it.
    piece, last = source.read_exactly(header + _BLOCK_HEADER_BYTES), False
    while not last:
        block = int.from_bytes(piece[-_BLOCK_HEADER_BYTES:], "little")
        last = bool(block & 1)
        yield from _decoded(source, frame, piece, window_bytes)
        size = 1 if block >> 1 & 3 == _REPEATED_BYTE else block >> 3
        piece = source.read_exactly(size + (checksum if last else _BLOCK_HEADER_BYTES))
    if piece:  # nothing follows an empty block without a checksum
        yield from _decoded(source, frame, piece, window_bytes)
    if not frame.eof:
        raise DataError(source.name, "damaged zstd data (a frame without an end)", _REMEDY)


def _frame_sizes(descriptor: int) -> tuple[int, int]:
    """Bytes of a frame's header and of its checksum (RFC 8878, 3.1.1.1)."""
    single_segment = descriptor >> 5 & 1
    content_size = (single_segment, 2, 4, 8)[descriptor >> 6]
    dictionary = (0, 1, 2, 4)[descriptor & 3]
    return 5 + (1 - single_segment) + dictionary + content_size, 4 * (descriptor >> 2 & 1)


def _decoded(source: ByteSource, frame: "zstandard.ZstdDecompressionObj", piece: bytes,
             window_bytes: int) -> Iterator[bytes]:
    try:
        plain = frame.decompress(piece)
    except zstandard.ZstdError as error:
        if "too much memory" in str(error):
            what = f"needs a zstd window over {window_bytes >> 20} MiB"
            remedy = "pass --long to allow it" if window_bytes < LONG_WINDOW_BYTES else "compress it again with less"
            raise DataError(source.name, what, remedy) from error
        if "Dictionary mismatch" in str(error):
            raise DataError(source.name, "needs a zstd dictionary", "compress it again without one") from error
        raise DataError(source.name, f"damaged zstd data ({error})", _REMEDY) from error
    if plain:
        yield plain


def _skip(source: ByteSource, count: int) -> None:
    while count:
        piece = source.read_exactly(min(count, _PLAIN_BYTES))
        count -= len(piece)


def _gzip_members(source: ByteSource) -> Iterator[bytes]:
    while head := source.peek(2):
        if head.strip(b"\0") == b"":  # zero padding after the last member is legal
            source.read_some(len(head))
            continue
        if head != GZIP_MAGIC:
            raise DataError(source.name, "bytes that are not gzip follow a gzip member", _REMEDY)
        yield from _gzip_member(source)


def _gzip_member(source: ByteSource) -> Iterator[bytes]:
    """One member. What is fed to it grows with it: what was too much is put back, a copy for each of many members."""
    member, feed = zlib.decompressobj(wbits=31), _FIRST_FEED_BYTES
    while not member.eof:
        piece = member.unconsumed_tail or source.read_some(feed)
        feed = min(2 * feed, _PLAIN_BYTES)
        if not piece:
            raise DataError(source.name, "cut short: it ends inside a gzip member", _REMEDY)
        try:
            plain = member.decompress(piece, _PLAIN_BYTES)
        except zlib.error as error:
            raise DataError(source.name, f"damaged gzip data ({error})", _REMEDY) from error
        if plain:
            yield plain
    source.unread(member.unused_data)


def _block_streams(source: ByteSource, dictionary_bytes: int) -> Iterator[bytes]:
    """Yield what one stream of xz or bzip2 after the other holds. dictionary_bytes : most that xz may look back"""
    is_xz = source.peek(1) == XZ_MAGIC[:1]
    kind, magic = ("xz", XZ_MAGIC) if is_xz else ("bzip2", BZIP2_MAGIC)
    while head := source.peek(len(magic)):
        if is_xz and head[:4] == bytes(4):  # padding, by fours (The .xz File Format, 2.2)
            source.read_exactly(4)
            continue
        if not magic.startswith(head[: len(magic)]) or len(head) < len(magic):
            cut = magic.startswith(head)
            what = "cut short: it ends inside its first bytes" if cut else f"bytes that are not {kind} follow {kind}"
            raise DataError(source.name, what, _REMEDY)
        yield from _block_stream(source, kind, dictionary_bytes)


def _block_stream(source: ByteSource, kind: str, dictionary_bytes: int) -> Iterator[bytes]:
    stream = _decompressor(kind, dictionary_bytes)
    while not stream.eof:
        piece = source.read_some(_PLAIN_BYTES) if stream.needs_input else b""
        if stream.needs_input and not piece:
            raise DataError(source.name, f"cut short: it ends inside {kind} data", _REMEDY)
        try:
            plain = stream.decompress(piece, _PLAIN_BYTES)
        except (lzma.LZMAError, OSError, ValueError) as error:
            if "emory usage" in str(error):
                what = f"needs a dictionary of xz over {dictionary_bytes >> 20} MiB"
                raise DataError(source.name, what, "pass --long to allow 2 GiB, or compress it again") from error
            raise DataError(source.name, f"damaged {kind} data ({error})", _REMEDY) from error
        if plain:
            yield plain
    source.unread(stream.unused_data)


def _decompressor(kind: str, dictionary_bytes: int) -> lzma.LZMADecompressor | bz2.BZ2Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=dictionary_bytes) if kind == "xz" else bz2.BZ2Decompressor()


def marker_frame(payload: bytes) -> bytes:
    """A skippable zstd frame around a payload."""
    return SEAL_MAGIC + len(payload).to_bytes(4, "little") + payload
