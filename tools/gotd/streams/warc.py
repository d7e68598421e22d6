"""WET files of Common Crawl as JSON Lines: a page's text is a record. Needs fastwarc, the extra `warc`.

A record has the page's "text", an "id" (WARC-Record-ID), "url", "date" and "language", as far as its headers say.
Source: ISO 28500:2017, and the WET files themselves: records of type conversion, in text/plain.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import orjson

from gotd.errors import DataError, GotdError
from gotd.streams.lines import MAX_RECORD_BYTES
from gotd.streams.piece_stream import PieceStream

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

MAGIC = b"WARC/"
#: Headers of records, and the fields they become.
_FIELDS = {"id": "WARC-Record-ID", "url": "WARC-Target-URI", "date": "WARC-Date",
           "language": "WARC-Identified-Content-Language"}
#: Types of records that hold text, where their content is some.
_OF_TEXT = ("conversion", "resource")
#: What another type of record holds.
_OTHERS = {"response": "pages as they were fetched", "request": "requests for pages", "revisit": "pages seen again",
           "metadata": "data about pages (WAT)", "resource": "files as they were fetched",
           "conversion": "pages in another form", "continuation": "parts of pages"}
_REMEDY = "give the WET files of the crawl, which hold the text, or extract it first"
_AGAIN = "fetch or make the file again"


def warc_lines(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield the texts of a WET file as lines; what says how the file was made (warcinfo) is passed over.

    Raises: DataError for records that hold no text, and damage; GotdError without fastwarc.
    """
    try:
        from fastwarc.warc import ArchiveIterator, WarcRecordType
    except ImportError as error:
        raise GotdError(f"{name}: WARC, which needs fastwarc; pip install 'gotd[warc]'") from error
    number = 1
    try:
        for record in ArchiveIterator(PieceStream(pieces), record_types=WarcRecordType.any_type, parse_http=False,
                                      stream_detect=False):
            content = _content(record, f"{name}:{number}")
            kind = str(record.headers.get("WARC-Type"))
            if kind == "warcinfo":
                continue
            if kind not in _OTHERS:
                raise DataError(f"{name}:{number}", "damaged WARC (a header that makes no sense)", _AGAIN)
            if kind not in _OF_TEXT or not str(record.headers.get("Content-Type")).startswith("text/plain"):
                raise DataError(f"{name}:{number}", f"a WARC record of {_OTHERS[kind]}, not of their text", _REMEDY)
            yield _line(record, content) + b"\n"
            number += 1
    except (OSError, ValueError) as error:
        raise DataError(f"{name}:{number}", f"damaged WARC ({error})", _AGAIN) from error


def _content(record: "WarcRecord", place: str) -> bytes:
    """Return the bytes of a record: exactly as many as it says, so that what stands before them is whole, too."""
    length = str(record.headers.get("Content-Length"))
    if record.content_length > MAX_RECORD_BYTES:
        raise DataError(place, f"a record over {MAX_RECORD_BYTES >> 20} MiB", "split that record first")
    content = bytes(record.reader.read())
    if length != str(len(content)):
        raise DataError(place, f"cut short: {len(content)} of {length} bytes of a WARC record", _AGAIN)
    return content


def _line(record: "WarcRecord", content: bytes) -> bytes:
    """Return a record as JSON; where its text is not UTF-8 the raw bytes, which whoever parses them refuses as such."""
    headers = {field: record.headers.get(header) for field, header in _FIELDS.items()}
    known = {field: value.strip("<>") if field == "id" else value for field, value in headers.items() if value}
    try:
        return orjson.dumps({**known, "text": content.decode()})
    except (UnicodeDecodeError, TypeError):
        return content.replace(b"\n", b" ")
