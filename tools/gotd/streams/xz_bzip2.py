"""xz and bzip2 to plain bytes, in bounded steps; a cut or damaged file is an error."""

import bz2
import lzma
from collections.abc import Iterator

from gotd.errors import DataError
from gotd.streams.sources import ByteSource

XZ_MAGIC = b"\xfd7zXZ\0"
BZIP2_MAGIC = b"BZh"
#: Plain bytes handed on at once, and compressed bytes taken at once.
_PLAIN_BYTES = _FEED_BYTES = 1 << 20
_REMEDY = "fetch or make the file again"


def block_streams(source: ByteSource, dictionary_bytes: int) -> Iterator[bytes]:
    """Yield what one stream after the other holds. dictionary_bytes : the most that xz may hold to look back"""
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
        yield from _stream(source, kind, dictionary_bytes)


def _stream(source: ByteSource, kind: str, dictionary_bytes: int) -> Iterator[bytes]:
    stream = _decompressor(kind, dictionary_bytes)
    while not stream.eof:
        piece = source.read_some(_FEED_BYTES) if stream.needs_input else b""
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
