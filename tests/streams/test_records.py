"""Records as they are read: lines that are none, the numbers of the others, files of no lines."""

import gzip
import io
import time

import pytest

from gotd.errors import DataError
from gotd.streams.record_text import RecordText
from gotd.streams.records import Record, RecordReader, Skipping, read_records
from gotd.streams.sources import ByteSource

A, B = b'{"text":"a"}', b'{"text":"b"}'
BOM = b"\xef\xbb\xbf"


def read(data: bytes, name: str = "x.jsonl", size: int | None = None) -> list[Record[str]]:
    reader = RecordReader(ByteSource(io.BytesIO(data), name, size))
    return [record for batch in read_records(reader, Skipping(), RecordText().of)
            for record in batch]


@pytest.mark.parametrize("data", [
    A + b"\n\n" + B, b"\n" + A + b"\n" + B + b"\n\n\n", A + b"\r\n \t\r\n" + B + b"\r\n",  # blank lines
    BOM + A + b"\n" + BOM + B, BOM + BOM + A + b"\n" + BOM + b"\n" + BOM + b" " + B,  # joined files
    A + b"\r\n" + B + b"\r\n\x1a", A + b"\n\x1a" + B + b"\n\x1a\n",  # of DOS
])
def test_lines_that_are_no_records_are_passed_over(data: bytes) -> None:
    assert [record.line for record in read(data)] == [A, B]


@pytest.mark.long
def test_blank_lines_without_end_are_an_error() -> None:
    many = b"\n" * (1 << 20)
    assert [record.line for record in read(A + b"\n" + many + B + many)] == [A, B]
    with pytest.raises(DataError, match="blank lines in a row"):
        read(A + b"\n" + 8 * many + B)  # more than is read at a time: a record excuses the blank lines beside it


def test_places_count_every_line() -> None:
    assert [record.place for record in read(b"\n" + A + b"\n\n \n" + B)] == ["x.jsonl:2", "x.jsonl:5"]
    with pytest.raises(DataError, match=r"x\.jsonl:4: not JSON"):
        read(A + b"\n\n\n{\n")


def test_the_digest_is_of_records() -> None:
    same = A + b"\n" + B, BOM + A + b"\n\n" + B + b"\n\n"
    found = [RecordReader(ByteSource(io.BytesIO(data), "x")) for data in same]
    for reader in found:
        list(reader.batches())
    assert len({reader.verifier.digest.hexdigest() for reader in found}) == 1


@pytest.mark.parametrize("name", ["x.jsonl", "s3://b/x.JSON", "x.ndjson"])
def test_zero_bytes_named_as_json_lines_are_no_records(name: str) -> None:
    assert read(b"", name, size=0) == []


@pytest.mark.parametrize(("name", "size"), [("x.jsonl.gz", 0), ("x.jsonl.zst", 0), ("x", 0), ("<stdin>", None),
                                            ("x.jsonl", None)])  # the last: a pipe of that name
def test_other_zero_bytes_are_a_file_that_is_cut(name: str, size: int | None) -> None:
    with pytest.raises(DataError, match="zero bytes"):
        read(b"", name, size)


def test_many_gzip_members_take_time_by_their_bytes() -> None:
    def seconds(members: int) -> float:
        data = gzip.compress(A + b"\n", 1) * members
        begin = time.process_time()
        reader = RecordReader(ByteSource(io.BytesIO(data), "x.jsonl.gz"))
        assert sum(len(lines) for lines in reader.batches()) == members
        return time.process_time() - begin

    # In members that are read a megabyte at a time, twenty times as many took two hundred times as long.
    assert min(seconds(40_000) for _ in range(3)) < 60 * max(min(seconds(2_000) for _ in range(3)), 1e-3)


@pytest.mark.parametrize(("record", "said"), [
    (b'{"body":"a","id":7}', 'no "text" field, but "body", "id"; name the field that holds the text with --text-key'),
    (b"{}", 'no "text" field, but none at all'), (b'{"text":null}', 'no "text" field, it is null'),
    (b"{" + b",".join(b'"f%d":1' % i for i in range(25)) + b"}", '"f18", "f19" and 5 more; name'),
])
def test_a_record_without_text_says_what_fields_there_are(record: bytes, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read(record)
    assert said in str(caught.value)
