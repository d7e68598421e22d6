"""Records written as Parquet are read as the same records, by us and by pyarrow; the seal speaks for its rows alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from gotd.errors import DataError
from gotd.streams.file_seal import stated_seal
from gotd.streams.record_files import record_readers
from gotd.streams.seal import MadeBy
from gotd.streams.sinks import open_output
from gotd.streams.table_writer import TableWriter

parquet = pytest.importorskip("pyarrow.parquet")

ROWS: list[dict[str, Any]] = [
    {"text": "première ☃ 𝄞", "n": 1, "x": 0.5, "b": True, "none": None, "list": [1, 2], "meta": {"a": "x", "b": [0.5]}},
    {"text": "", "n": -(2**63), "x": 1e300, "b": False, "none": None, "list": [], "meta": {"a": "2024-01-01", "b": []}},
    {"text": "a\nb", "n": 0, "x": -0.0, "b": True, "none": None, "list": [3], "meta": {"a": None, "b": None}},
]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    with open_output(str(path)) as sink:
        writer = TableWriter(sink, MadeBy("ds-topk", 1, {"k": 3}))
        writer.notes["left_out"] = {"copies": 2}
        writer.write([json.dumps(row).encode() for row in rows])
        writer.finish()


def read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Records of a file, and how many seals spoke for them."""
    for reader in record_readers([str(path)], False):
        rows = [json.loads(line) for batch in reader.batches() for line in batch]
    return rows, len(reader.verifier.seals)


def test_records_come_back_under_their_seal(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", ROWS)
    assert read(tmp_path / "a.parquet") == (ROWS, 1)
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == ROWS
    seal = stated_seal(str(tmp_path / "a.parquet"))
    assert seal is not None
    assert (seal.made_by.tool, seal.notes["left_out"]) == ("ds-topk", {"copies": 2})
    write(tmp_path / "b.parquet", ROWS)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_what_a_record_lacks_is_null(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", [{"text": "a", "x": 1}, {"text": "b", "meta": {"k": 2}}])
    assert read(tmp_path / "a.parquet") == ([{"text": "a", "x": 1, "meta": None},
                                             {"text": "b", "x": None, "meta": {"k": 2}}], 1)
    write(tmp_path / "none.parquet", [])
    assert read(tmp_path / "none.parquet") == ([], 1)


def test_a_seal_does_not_speak_for_rows_that_others_changed(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", ROWS)
    table = parquet.read_table(tmp_path / "a.parquet")
    parquet.write_table(table.slice(1), tmp_path / "fewer.parquet")
    parquet.write_table(table.take([2, 1, 0]), tmp_path / "other.parquet")
    assert read(tmp_path / "fewer.parquet") == (ROWS[1:], 0)
    assert read(tmp_path / "other.parquet") == (ROWS[::-1], 0)
    assert stated_seal(str(tmp_path / "fewer.parquet")) is None


@pytest.mark.parametrize(("values", "words"), [
    ([1, "a"], '"v" holds what one column of Parquet cannot: number and string'), ([2**63], '"v" holds'),
    ([{}], "object without fields"), ([[1], ["a"]], '"v" holds'), (["\ud800"], '"v" holds'),
])  # fmt: skip
def test_what_no_column_holds_is_an_error_and_leaves_nothing(tmp_path: Path, values: list[Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        write(tmp_path / "a.parquet", [{"v": value} for value in values])
    assert not list(tmp_path.iterdir())
