"""WET files of Common Crawl: texts with what their headers say, and every fault with its place."""

import gzip
import io
import json
import random
import sys

import pytest

from gotd.errors import DataError, GotdError
from gotd.streams.record_text import RecordText
from gotd.streams.records import RecordReader, Skipping, read_records
from gotd.streams.sources import ByteSource
from wet import record

pytest.importorskip("fastwarc")


def wet(texts: list[bytes]) -> list[bytes]:
    """The records of a WET file."""
    info = record("warcinfo", b"Software-Info: ia-web-commons\r\n", Content_Type="application/warc-fields")
    return [info, *(record("conversion", text, WARC_Target_URI=f"http://example.org/{number}",
                           WARC_Date="2024-02-29T01:02:03Z", WARC_Record_ID=f"<urn:uuid:{number}>",
                           WARC_Identified_Content_Language="eng,deu", Content_Type="text/plain")
                    for number, text in enumerate(texts))]


def read(data: bytes, skipping: int = 0) -> list[dict[str, object]]:
    reader = RecordReader(ByteSource(io.BytesIO(data), "a.warc.wet"))
    return [dict(each.fields) for batch in read_records(reader, Skipping(skipping), RecordText().of) for each in batch]


TEXTS = ["Ein Text,\nzwei \"Zeilen\"", "", "\u00e9\u4e2d\u2028 \x00\t"]
GOOD = wet([text.encode() for text in TEXTS])


def test_pages_become_records() -> None:
    for data in (b"".join(GOOD), b"".join(gzip.compress(each) for each in GOOD), gzip.compress(b"".join(GOOD))):
        found = read(data)
        assert [each["text"] for each in found] == TEXTS
        assert found[1] == {"id": "urn:uuid:1", "url": "http://example.org/1", "date": "2024-02-29T01:02:03Z",
                            "language": "eng,deu", "text": ""}
    assert read(record("conversion", b"x", Content_Type="text/plain; charset=UTF-8")) == [{"text": "x"}]


def test_cut_anywhere_it_is_an_error() -> None:
    good = wet([b"a text", b"another"])
    data = b"".join(good)
    ends = {sum(map(len, good[:count])) for count in range(1, 4)}  # between records nothing tells
    for cut in range(5, len(data) - 4):
        if not any(end - 4 <= cut <= end for end in ends):
            with pytest.raises(DataError, match=r"^a\.warc\.wet:\d: (cut short|damaged WARC)"):
                read(data[:cut])


@pytest.mark.parametrize(("added", "said"), [
    (record("response", b"HTTP/1.1 200 OK\r\n\r\n<p>", Content_Type="application/http"),
     "a WARC record of pages as they were fetched, not of their text; give the WET files of the crawl"),
    (record("metadata", b"{}", Content_Type="application/json"), "a WARC record of data about pages (WAT), not of"),
    (record("conversion", b"%PDF", Content_Type="application/pdf"), "a WARC record of pages in another form"),
    (record("strange", b"x"), "damaged WARC (a header that makes no sense)"), (b"garbage", "damaged WARC ("),
    (record("conversion", b"x", Content_Type="text/plain").replace(b"Length: 1", b"Length: 99999999999"),
     "a record over 64 MiB"), (b"\xff" * 300, "damaged WARC ("),
])
def test_what_is_no_text_is_named(added: bytes, said: str) -> None:
    with pytest.raises(DataError) as fault:
        read(b"".join(GOOD) + added)
    assert str(fault.value).startswith(f"a.warc.wet:4: {said}")


def test_pages_that_are_not_utf8_can_be_passed_over() -> None:
    data = b"".join(wet([b"good", "caf\u00e9".encode("latin1"), b"good, too"]))
    with pytest.raises(DataError, match=r"^a\.warc\.wet:2: not UTF-8 at byte 4"):
        read(data)
    assert [each["text"] for each in read(data, skipping=1)] == ["good", "good, too"]


def test_lines_of_json_that_mention_it_stay_json() -> None:
    assert read(json.dumps({"text": "WARC/1.0"}).encode()) == [{"text": "WARC/1.0"}]


def test_without_fastwarc_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastwarc.warc", None)
    with pytest.raises(GotdError, match=r"a\.warc\.wet: WARC, which needs fastwarc; pip install 'gotd\[warc\]'"):
        read(GOOD[0])


def test_random_damage_is_read_or_an_error_with_its_place() -> None:
    chance, good = random.Random(7), b"".join(wet([b"a text", b"another text", b"the last"]))
    for _ in range(2000):
        data = bytearray(good)
        for _ in range(chance.choice((1, 1, 2, 5))):
            place = chance.randrange(len(data))
            how = chance.randrange(3)
            if how == 0:
                data[place] = chance.randrange(256)
            elif how == 1:
                del data[place : place + chance.randrange(1, 60)]
            else:
                data[place:place] = chance.randbytes(chance.randrange(1, 40))
            data = data or bytearray(b"x")
        try:
            found = read(bytes(data))
        except DataError as fault:
            assert fault.place.startswith("a.warc.wet")
        else:
            assert all(isinstance(each["text"], str) for each in found)
