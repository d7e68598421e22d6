"""Records in the other forms that are read: good files of each, files made wrong in its own ways, and what they hold.

What they hold is read by other readers than ours as far as there are any: pyarrow and csv over whole files, a WET
parser of a few lines.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pyarrow
import zstandard
from pyarrow import ipc, parquet

Row = dict[str, Any]
_SCHEMA = pyarrow.schema([("id", pyarrow.string()), ("text", pyarrow.string())])
_TABLES = (b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff")


def good_forms(rows: list[Row]) -> dict[str, bytes]:
    """The records in each form, by the file's name."""
    table = pyarrow.Table.from_pylist(rows, _SCHEMA)
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    half = len(lines) // 2
    return {
        "pool.parquet": _parquet(table, row_group_size=25, write_page_checksum=True),
        "pool.feather": _arrow(table, ipc.new_file), "pool.arrow": _arrow(table, ipc.new_stream),
        "pool.parquet.zst": zstandard.compress(_parquet(table, write_page_checksum=True)),
        "pool.csv": _delimited(rows, ","), "pool.tsv": _delimited(rows, "\t"),
        "pool.csv.gz": gzip.compress(_delimited(rows, ","), mtime=0),
        "array.json": json.dumps(rows).encode(), "pretty.json": json.dumps(rows, indent=1).encode(),
        "spread.json": "\n".join(json.dumps(row, indent=1) for row in rows).encode(),
        "pool.wet": b"".join(map(_page, rows)),
        "pool.wet.gz": b"".join(gzip.compress(_page(row), mtime=0) for row in rows),
        "pool.jsonl.xz": lzma.compress(lines[:half]) + lzma.compress(lines[half:]),
        "pool.jsonl.bz2": bz2.compress(lines[:half]) + bz2.compress(lines[half:]),
    }


def _parquet(table: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    parquet.write_table(table, out, **options)
    return out.getvalue()


def _arrow(table: Any, new: Callable[..., Any], **options: Any) -> bytes:
    out = io.BytesIO()
    with new(out, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, 25)
    return out.getvalue()


def _delimited(rows: list[Row], delimiter: str) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _page(row: Row, **headers: str) -> bytes:
    """A document as a WET file has it. headers : in place of the right ones"""
    content = str(row["text"]).encode("utf-8", "surrogateescape")
    fields = {"WARC-Type": "conversion", "WARC-Record-ID": f"<urn:{row['id']}>", "Content-Type": "text/plain",
              "Content-Length": str(len(content))} | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "\r\n".join(["WARC/1.0", *(f"{name}: {value}" for name, value in fields.items())])
    return head.encode() + b"\r\n\r\n" + content + b"\r\n\r\n"


def wrong_form(name: str, rows: list[Row], source: Random) -> bytes:
    """A file of these records in the form of that name, wrong or odd in a way of its own."""
    if name.endswith((".parquet", ".parquet.zst", ".feather", ".arrow")):
        return _wrong_table(rows, source)
    if "wet" in name:
        pages = list(map(_page, rows))
        for _ in range(source.choice((1, 1, 2))):
            place = source.randrange(len(rows))
            pages[place] = _wrong_page(rows[place], source)
        joined = b"".join(gzip.compress(page, mtime=0) for page in pages)
        return joined if name.endswith(".gz") else b"".join(pages)
    data = _wrong_rows(rows, "\t" if "tsv" in name else source.choice(",,,;"), source)
    return gzip.compress(data) if name.endswith(".gz") else data


_TEXTS: tuple[Any, ...] = ("", " ", "?!", 'a "quoted" one', "two\nlines", "two\r\nlines", "\r", "nul \0 here",
                           "a,b;c\td",
                           "x" * 200_000, "é中\U0001f600", "NaN", "null", '"', '""', "\\", "'", "\ufeff",
                           "\u2028", "\x1a")


def _wrong_table(rows: list[Row], source: Random) -> bytes:
    """A table of as many rows, with other columns, types, texts or ways of writing."""
    texts = [row["text"] for row in rows]
    texts[source.randrange(len(texts))] = source.choice((*_TEXTS, None))
    kinds: Sequence[Callable[[], Any]] = (
        lambda: pyarrow.array(texts), lambda: pyarrow.array(texts, pyarrow.large_string()),
        lambda: pyarrow.array(texts).dictionary_encode(), lambda: pyarrow.array(texts, pyarrow.string_view()),
        lambda: pyarrow.array([None if text is None else text.encode() for text in texts]),
        lambda: pyarrow.array([source.randbytes(6) for _ in texts]), lambda: pyarrow.array(range(len(texts))),
        lambda: pyarrow.nulls(len(texts)), lambda: pyarrow.array([[text] for text in texts]),
        lambda: pyarrow.array([{"role": "user", "other": 1} for _ in texts]),
        lambda: pyarrow.array([float("nan")] * len(texts)),
        lambda: pyarrow.array(texts, mask=[source.random() < 0.5 for _ in texts]) if None not in texts
        else pyarrow.array(texts))
    columns = {"id": pyarrow.array([row["id"] for row in rows]), "text": source.choice((kinds[0], *kinds))()}
    names = source.choice((["id", "text"],) * 4 + (["text", "text"], ["id", "Text"], ["", "text"]))
    table = pyarrow.table(list(columns.values()), names=names)
    if source.random() < 0.5:
        try:
            return _parquet(table, row_group_size=source.choice((1, 7, 100)), write_page_checksum=source.random() < 0.5,
                            compression=source.choice(("none", "snappy", "gzip", "zstd", "lz4", "brotli")),
                            data_page_version=source.choice(("1.0", "2.0")), use_dictionary=source.random() < 0.5)
        except pyarrow.ArrowException:  # a kind of column that Parquet has not
            pass
    return _arrow(table, source.choice((ipc.new_file, ipc.new_stream)),
                  compression=source.choice((None, "lz4", "zstd")))


_LENGTHS = ("-1", "0", "5", "1000000", "99999999999", "18446744073709551616", "1e3", "", "x", " 12 ", "12, 12")


def _wrong_page(row: Row, source: Random) -> bytes:
    """A record of a WET file with other headers, another text or other bytes around it."""
    page = _page(row)
    if source.random() < 0.4:
        return source.choice((
            _page(row, Content_Length=source.choice(_LENGTHS)),
            _page(row, WARC_Type=source.choice(("warcinfo", "response", "revisit", "", "Conversion", "x"))),
            _page(row, Content_Type=source.choice(("text/html", "", "text/plain; charset=latin-1"))),
            _page(row | {"text": source.choice((*_TEXTS, "not UTF-8 \udcff", "WARC/1.0\r\n\r\n"))})))
    return source.choice((
        page.replace(b"\r\n", b"\n", source.choice((1, 3, 99))),
        page.replace(b"WARC/1.0", source.choice((b"WARC/0.17", b"WARC/1.1", b"WARC", b"XARC/1.0", b""))),
        page.replace(b"Content-Length", source.choice((b"content-length", b"Content-Size", b""))),
        page.removesuffix(source.choice((b"\r\n", b"\r\n\r\n"))), page + b"\r\n" * 3, page + b"more",
        source.choice((b"\r\n", b"more\r\n", b"\0" * 64)) + page, page.replace(b"\r\n\r\n", b"\r\n", 1),
        page[: len(page) // 2], page.replace(b": ", source.choice((b":", b" : ", b"", b":\r\n ")), 2)))


def _wrong_rows(rows: list[Row], delimiter: str, source: Random) -> bytes:
    """A table of text, one or two of its lines written as CSV is not, or otherwise than most do."""
    lines = _delimited(rows, delimiter).decode().splitlines(keepends=True)
    for _ in range(source.choice((1, 1, 2))):
        place = source.randrange(len(lines)) if source.random() < 0.8 else 0
        line, of = lines[place].rstrip("\r\n"), delimiter
        changed = (line + of, line.replace(of, "", 1), f'{line}"', f'"{line}', line.replace(of, f'{of}"', 1), "", "  ",
                   f'x{of}"{source.choice(_TEXTS)}"', f"x{of}{source.choice(_TEXTS)}", f'x{of}"a"b', f'x{of}"a" ',
                   f"{of} {line}", f"{line}\r", f"id{of}id", f"id{of}Text", f'"id"{of}"text"', f" id{of} text",
                   f"{line}\n{line}", f'x{of}"a\n\n\nb"', "text", f"text{of}id", f"x{of}\udcff", "\0")
        lines[place] = source.choice(changed) + source.choice(("\r\n", "\n", "\n", ""))
    head = source.choice(("", "", "\ufeff", "\n\n", "\ufeff\n"))
    return (head + "".join(lines)).encode("utf-8", "surrogateescape")


def is_table(data: bytes) -> bool:
    """Whether Parquet or Arrow was meant."""
    return data.startswith(_TABLES)


def table_rows(data: bytes) -> list[Row]:
    """The rows of Parquet or Arrow, of several streams one after the other; bytes that are UTF-8 as text."""
    if data.startswith(_TABLES[0]):
        tables = [parquet.read_table(io.BytesIO(data), page_checksum_verification=True)]
    elif data.startswith(_TABLES[1]):
        tables = [ipc.open_file(io.BytesIO(data)).read_all()]
    else:
        opened, tables = io.BytesIO(data), []
        while opened.tell() < len(data):
            tables.append(ipc.open_stream(opened).read_all())
    found = [row for table in tables for row in table.to_pylist()]
    return [{name: value.decode() if isinstance(value, bytes) and name == "text" else value
             for name, value in row.items()} for row in found]


def page_rows(data: bytes) -> list[Row]:
    """The texts of a WET file, record after record, each as long as it says."""
    found: list[Row] = []
    while data.strip(b"\r\n"):
        data = data.lstrip(b"\r\n")
        head, _, rest = data.partition(b"\r\n\r\n" if b"\r\n" in data.split(b"\n\n")[0] else b"\n\n")
        first, *lines = re.sub(rb"\r?\n[ \t]+", b" ", head).splitlines()
        assert first.startswith(b"WARC/"), f"{first[:40]!r} was taken for a record, or passed over"
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        length = int(headers[b"content-length"])
        assert 0 <= length <= len(rest), "a record that is cut was accepted"
        if headers[b"warc-type"].lower() != b"warcinfo":
            found.append({"text": rest[:length].decode()})
        data = rest[length:]
    return found


def delimited_rows(text: str) -> list[Row]:
    """The rows of CSV or the like as objects; AssertionError for one that has not the header's fields."""
    csv.field_size_limit(1 << 30)
    first = text.lstrip("\r\n").split("\n")[0].rstrip("\r")
    delimiter = next(each for each in ",\t;" if each in first)
    header, *rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    assert all(len(row) == len(header) for row in rows), "rows of another length than the header's were accepted"
    return [dict(zip(header, row, strict=True)) for row in rows]
