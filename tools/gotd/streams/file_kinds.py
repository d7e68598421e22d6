"""What a file is that is no JSON Lines, by its first bytes or its first lines."""

import re
from typing import NamedTuple

from gotd.errors import DataError
from gotd.streams.npy_header import MAGIC

#: Bytes that tell: those of tar come last, at 257.
KIND_BYTES = 512


class FileKind(NamedTuple):
    """name : what people call it; remedy : what makes JSON Lines of it"""

    name: str
    remedy: str


#: (offset, bytes there, kind). Sources: the formats' own specifications; file(1)'s magic for bzip2, xz, lz4 and tar.
_MAGICS = (
    (0, MAGIC, FileKind("an array of vectors or scores, not records", "give the records it was made from")),
    (0, b"PK\x03\x04", FileKind("zip (or .npz)", "unpack it: unzip -p FILE")),
    (0, b"BZh", FileKind("bzip2 within another compression", "unpack the outer one")),
    (0, b"\xfd7zXZ", FileKind("xz within another compression", "unpack the outer one")),
    (0, b"\x04\x22\x4d\x18", FileKind("lz4", "pipe it through lz4 -dc")),
    (0, b"\xff\xfe", FileKind("UTF-16, not UTF-8", "pipe it through iconv -f UTF-16 -t UTF-8")),
    (0, b"\xfe\xff", FileKind("UTF-16, not UTF-8", "pipe it through iconv -f UTF-16 -t UTF-8")),
    (257, b"ustar", FileKind("a tar archive", "unpack it: tar -xf FILE, and give the files in it")),
)

#: JSON in one array, and JSON over several lines.
ARRAY, SPREAD = "array", "spread"
#: A column's name, with or without quotes, as the header of a CSV has them.
_COLUMN = r'(?:"[^",\t]{1,60}"|[\w.-]{1,60})'
_HEADER = {separator: re.compile(rf"{_COLUMN}(?:{separator}{_COLUMN})+") for separator in (",", "\t", ";")}


def refuse_binary(head: bytes, name: str) -> None:
    """Raise DataError where bytes are the first of a format that holds no lines of JSON."""
    for offset, magic, kind in _MAGICS:
        if head[offset : offset + len(magic)] == magic:
            raise DataError(name, f"{kind.name}, which is not read", kind.remedy)


def content_of(head: bytes) -> str:
    """Return what first bytes that are no array's say of the rest, for a message; nothing where they say nothing."""
    if head.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        return " but gzip or zstd"
    return " but JSON" if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")) else ""


def layout_of(first: bytes, second: bytes) -> str:
    """Return how text is laid out that is no JSON Lines: ARRAY, SPREAD, or what stands between the columns of a table.

    Nothing where it may be JSON Lines. first, second : its first lines that are not blank
    """
    if first.startswith(b"[") and first[1:].lstrip()[:1] in (b"", b"{", b"]"):
        return ARRAY
    if first == b"{" or (first.startswith(b"{") and not first.endswith(b"}") and second[:1] in (b'"', b"}")):
        return SPREAD
    text = first.decode("utf-8", "replace")
    return next((separator for separator, header in _HEADER.items() if header.fullmatch(text)), "")
