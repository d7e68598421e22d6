"""What a file is that was taken for JSON Lines: by its first bytes or its first lines, with what turns it into them."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from gotd.errors import DataError
from gotd.streams.npy_header import MAGIC

#: Bytes that tell: those of tar come last, at 257.
KIND_BYTES = 512


class FileKind(NamedTuple):
    """name : what people call it; remedy : what makes JSON Lines of it"""

    name: str
    remedy: str


_PANDAS = ("convert it: python -c 'import pandas; pandas.read_{}(\"FILE\").to_json(\"FILE.jsonl\", orient=\"records\", "
           "lines=True)'")
_ARROW_STREAM = ("convert it: python -c 'import datasets; "
                 "datasets.Dataset.from_file(\"FILE\").to_json(\"FILE.jsonl\")'")
_CSV = ("convert it: python -c 'import csv, json, sys; csv.field_size_limit(2**30); "
        "[print(json.dumps(row)) for row in csv.DictReader(sys.stdin{})]' < FILE > FILE.jsonl")

#: (offset, bytes there, kind). Sources: the formats' own specifications; file(1)'s magic for bzip2, xz, lz4 and tar.
_MAGICS = (
    (0, b"PAR1", FileKind("Parquet", _PANDAS.format("parquet"))),
    (0, b"ARROW1\0\0", FileKind("an Arrow file", _PANDAS.format("feather"))),
    (0, b"\xff\xff\xff\xff", FileKind("an Arrow stream, as `datasets` saves them", _ARROW_STREAM)),
    (0, MAGIC, FileKind("an array of vectors or scores, not records", "give the records it was made from")),
    (0, b"PK\x03\x04", FileKind("zip (or .npz)", "unpack it: unzip -p FILE")),
    (0, b"BZh", FileKind("bzip2", "pipe it through bzcat")),
    (0, b"\xfd7zXZ", FileKind("xz", "pipe it through xzcat")),
    (0, b"\x04\x22\x4d\x18", FileKind("lz4", "pipe it through lz4 -dc")),
    (0, b"\xff\xfe", FileKind("UTF-16, not UTF-8", "pipe it through iconv -f UTF-16 -t UTF-8")),
    (0, b"\xfe\xff", FileKind("UTF-16, not UTF-8", "pipe it through iconv -f UTF-16 -t UTF-8")),
    (257, b"ustar", FileKind("a tar archive", "unpack it: tar -xf FILE, and give the files in it")),
)

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


def kind_of_lines(lines: Sequence[bytes]) -> FileKind | None:
    """The kind of text whose first lines these are, the first of which is no record; None where it may be JSON Lines.

    lines : without the blank ones
    """
    first, second = lines[0], lines[1] if len(lines) > 1 else b""
    if first.startswith(b"[") and first[1:].lstrip()[:1] in (b"", b"{"):
        return FileKind("one JSON array, not JSON Lines", "pipe it through jq -c '.[]'")
    if first == b"{" or (first.startswith(b"{") and not first.endswith(b"}") and second[:1] in (b'"', b"}")):
        return FileKind("JSON over several lines, not JSON Lines", "pipe it through jq -c .")
    for separator, header in _HEADER.items():
        if header.fullmatch(first.decode("utf-8", "replace")):
            delimiter = "" if separator == "," else f', delimiter="{separator}"'.replace("\t", "\\t")
            return FileKind("CSV, not JSON Lines", _CSV.format(delimiter))
    return None
