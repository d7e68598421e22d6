"""Records in the formats that people bring: the same documents give the same bytes, and damage is named."""

import bz2
import csv
import datetime
import decimal
import gzip
import io
import json
import lzma
from typing import Any

import numpy as np
import orjson
import pytest
import zstandard

from failing_server import Fault
from hub_server import hub_server
from wet import record
from workdir import Workdir, texts

pyarrow = pytest.importorskip("pyarrow")
ROWS = [{"id": f"d{number}", "text": f'{text} “é”, a\ttab and "quotes"\n\non lines\\'}
        for number, text in enumerate(texts(2000, words=40))]
SCHEMA = pyarrow.schema([("id", pyarrow.string()), ("text", pyarrow.string())])


def lines_of(rows: list[Any]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def table_of(rows: list[dict[str, str]], delimiter: str) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def parquet(table: Any, **options: Any) -> bytes:
    import pyarrow.parquet as parquet

    out = io.BytesIO()
    parquet.write_table(table, out, **options)
    return out.getvalue()


def arrow(table: Any, new: str, rows: int = 64) -> bytes:
    out = io.BytesIO()
    with getattr(pyarrow.ipc, new)(out, table.schema) as writer:
        writer.write_table(table, rows)
    return out.getvalue()


def page(row: dict[str, str]) -> bytes:
    """A document as a WET file has it."""
    return record("conversion", row["text"].encode(), WARC_Record_ID=row["id"], Content_Type="text/plain")


def forms() -> dict[str, bytes]:
    """The documents in each form, by the file's name."""
    table = pyarrow.Table.from_pylist(ROWS, SCHEMA)
    plain, pretty = lines_of(ROWS), [orjson.dumps(row, option=orjson.OPT_INDENT_2) for row in ROWS]
    return {
        "a.parquet": parquet(table, row_group_size=70, write_page_checksum=True, compression="zstd"),
        "a.feather": arrow(table, "new_file"), "a.arrow": arrow(table, "new_stream"),
        "two.arrow": arrow(table[:90], "new_stream") + arrow(table[90:], "new_stream"),
        "a.csv": table_of(ROWS, ","), "a.tsv": table_of(ROWS, "\t"),
        "semicolons": b"\xef\xbb\xbf" + table_of(ROWS, ";"),
        "array.json": orjson.dumps(ROWS), "array-2.json": orjson.dumps(ROWS, option=orjson.OPT_INDENT_2),
        "pretty.json": b"\n".join(pretty), "a.jsonl.xz": lzma.compress(plain[:9999]) + lzma.compress(plain[9999:]),
        "a.jsonl.bz2": bz2.compress(plain[:9999]) + bz2.compress(plain[9999:]),
        "a.warc.wet.gz": b"".join(gzip.compress(page(row)) for row in ROWS),
        "a.csv.gz": gzip.compress(table_of(ROWS, ",")), "a.parquet.zst": zstandard.compress(parquet(table)),
    }


def chosen(work: Workdir, name: str) -> tuple[bytes, bytes, bytes]:
    """Chunks, vectors and choice of a file."""
    work.ok(f"ds-chunk -q --chars 150 --min-chars 1 {name} -o chunks.jsonl")
    work.ok(f"ds-embed -q --dimension 64 {name} -o made.npy")
    work.ok(f"ds-topk -q -k 20 --scores scores.npy {name} -o choice.jsonl")
    return work.read("chunks.jsonl"), np.load(work.path / "made.npy").tobytes(), work.read("choice.jsonl")


def save(work: Workdir, data: bytes) -> None:
    """A folder as save_to_disk of datasets writes it."""
    (work.path / "saved").mkdir()
    work.write("saved/data-00000-of-00001.arrow", data)
    work.write("saved/state.json", b'{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')
    work.write("saved/dataset_info.json", b"{}")


@pytest.mark.slow
def test_every_form_gives_the_same_bytes(work: Workdir) -> None:
    work.write("a.jsonl", lines_of(ROWS))
    work.ok("ds-embed -q --dimension 64 a.jsonl -o a.npy")
    work.ok("ds-target-stats -q --no-center --target a.npy a.npy -o t.npz")
    work.ok("ds-score -q --target t.npz a.npy -o scores.npy")
    wanted = chosen(work, "a.jsonl")
    assert wanted[0].count(b"\n") > 2000
    assert wanted[2].count(b"\n") == 20
    for name, data in forms().items():
        work.write(name, data)
        assert chosen(work, name) == wanted, name
        work.ok(f"cat {name} | ds-chunk -q --chars 150 --min-chars 1 -o chunks.jsonl")
        if not name.endswith((".csv", ".tsv")):
            assert work.read("chunks.jsonl") == wanted[0], f"{name} in a pipe"
    save(work, forms()["a.arrow"])
    assert chosen(work, "saved") == wanted
    pytest.importorskip("huggingface_hub")
    work.may_fork = False  # a process that has imported it has its endpoint
    with hub_server() as hub:
        hub.files["data/a.parquet"] = forms()["a.parquet"]
        work.environment |= {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
        assert chosen(work, "hf://datasets/org/set/data/*.parquet") == wanted


def test_a_data_set_of_the_hub_is_taken_up_where_it_was_left(work: Workdir) -> None:
    pytest.importorskip("huggingface_hub")
    work.may_fork = False
    with hub_server() as hub:
        hub.files = {f"data/{number}.jsonl": lines_of(ROWS[number::3]) for number in range(3)}
        work.environment |= {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
        hub.faults = [Fault("GET", "/data/1.jsonl", cut=5000), Fault("GET", "/data/2.jsonl", status=404)]
        line = "ds-embed --dimension 64 hf://datasets/org/set -o emb/"
        work.fails(line, "/data/2.jsonl: ")
        assert work.names() == {"emb", "emb/0.npy", "emb/1.npy"}
        hub.seen.clear()
        assert "2 outputs were already complete" in work.ok(line).err
        assert hub.fetched() == ["data/2.jsonl"]
        for number in range(3):
            work.write(f"{number}.jsonl", hub.files[f"data/{number}.jsonl"])
        work.ok("ds-embed -q --dimension 64 ?.jsonl -o local/")
        for number in range(3):
            assert np.array_equal(np.load(work.path / f"emb/{number}.npy"), np.load(work.path / f"local/{number}.npy"))


@pytest.mark.slow
def test_damaged_files_are_errors_with_their_place(work: Workdir) -> None:
    for name, data in forms().items():
        for cut in (len(data) - 1, len(data) * 2 // 3, len(data) // 3):
            # A table may end after any row: only the quotes tell.
            if "csv" in name or "tsv" in name or name == "semicolons":
                cut = data.rindex(b"on lines", 0, cut) if name != "a.csv.gz" else cut
            work.write(f"cut-{name}", data[:cut])
            work.fails(f"ds-chunk -q cut-{name} -o made.jsonl", f"cut-{name}", "; ")
            assert not (work.path / "made.jsonl").exists()
    flipped = bytearray(forms()["a.parquet"])
    flipped[5000] ^= 1
    work.write("flipped.parquet", bytes(flipped))
    work.fails("ds-embed -q flipped.parquet -o made.npy", "flipped.parquet: after row 0: Parquet, damaged (")
    for name in ("a.jsonl.xz", "a.jsonl.bz2"):
        flipped = bytearray(forms()[name])
        flipped[700] ^= 1
        work.write(f"flipped-{name}", bytes(flipped))
        work.fails(f"ds-embed -q flipped-{name} -o made.npy", f"flipped-{name}: damaged ")


def test_faults_of_text_name_their_line(work: Workdir) -> None:
    for name, data, said in (
        ("a.csv", b'id,text\n1,"a\nb"\n2,b,c\n', "a.csv:4: 3 fields where the header has 2"),
        ("b.csv", b"id,text,id\n1,a,2\n", 'b.csv:1: two columns are called "id"'),
        ("c.csv", b'id,text\n1,a\n2,"b\n3,c\n', "c.csv:3: not CSV: unexpected end of data"),
        ("d.csv", b"id,text\n1,caf\xe9\n", "d.csv:2: not UTF-8 at byte 6"),
        ("e.csv", b"id,body\n1,a\n", 'e.csv:2: no "text" field, but "id", "body"; name the field that holds the text'),
        ("a.json", b'[\n{"text":"a"},\n{"text":"b"}\n{"text":"c"}]', "a.json:4: no comma between two values"),
        ("b.json", b'[{"text":"a"},\n{"text":"b"},]', "b.json:2: no value where one must be"),
        ("c.json", b'[{"text":"a"}]\n{"text":"b"}', "c.json:2: more after the end of the array"),
        ("d.json", b'{\n"text": "a"\n}\n{\n"text": "a\nb"\n}', "d.json:4: not JSON: "),
        ("e.json", b'[{"text":"a"},\n\n7]', "e.json:3: a JSON number, not an object"),
        ("a.txt", b"a\n\ncaf\xe9\n", "a.txt:3: not UTF-8 at byte 4"),
    ):
        work.write(name, data)
        work.fails(f"ds-chunk -q {name} -o made.jsonl", said)


def test_bad_rows_can_be_passed_over(work: Workdir) -> None:
    work.write("a.csv", b"id,text\n1,caf\xe9\n2,good\n")
    assert "1 bad records skipped" in work.ok("ds-chunk --min-chars 1 --skip-invalid 1 a.csv -o made.jsonl").err
    assert json.loads(work.read("made.jsonl"))["text"] == "good"


def test_plain_text_is_a_record_a_line(work: Workdir) -> None:
    lines = [b"A first line, with a comma", b"", b"  {a second line}\r", b"and the third one"]
    work.write("a.txt", b"\n".join(lines))
    work.ok("ds-chunk -q --min-chars 10 --chars 30 a.txt -o made.jsonl")
    found = [json.loads(line) for line in work.read("made.jsonl").splitlines()]
    assert [record["id"] for record in found] == ["a.txt:1", "a.txt:3", "a.txt:4"]
    assert [record["text"].strip() for record in found] == [line.decode().strip() for line in lines if line]


def test_json_lines_under_another_name_stay_json_lines(work: Workdir) -> None:
    for name in ("a.txt", "a.csv"):
        work.write(name, lines_of(ROWS[:3]))
        work.ok(f"ds-embed -q --dimension 64 {name} -o made.npy")
        assert np.load(work.path / "made.npy").shape == (3, 64)


NESTED = pyarrow.table({
    "text": pyarrow.array(["eins", "zwei"]),
    "none": pyarrow.array([None, None], pyarrow.null()),
    "tags": pyarrow.array([["a", None], None]),
    "meta": pyarrow.array([{"n": 2**62, "at": datetime.datetime(2024, 2, 29, 1, 2, 3)}, {"n": None, "at": None}]),
    "day": pyarrow.array([datetime.date(2024, 2, 29), None]),
    "ns": pyarrow.array([1709168523000000007, None], pyarrow.timestamp("ns", "Europe/Berlin")),
    "clock": pyarrow.array([3723000000007, None], pyarrow.time64("ns")),
    "price": pyarrow.array([decimal.Decimal("12345678901234567890.10"), None], pyarrow.decimal128(24, 2)),
    "bytes": pyarrow.array([b"caf\xc3\xa9", b"\xff\x00"]),
    "vector": pyarrow.array([[1.5, float("nan")], [float("-inf"), 0.1]]),
    "kind": pyarrow.array(["x", "x"]).dictionary_encode(),
    "map": pyarrow.array([[("a", 1)], []], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
    "big": pyarrow.array([2**64 - 1, 0], pyarrow.uint64()),
    "took": pyarrow.array([90, None], pyarrow.duration("s")),
    "true": pyarrow.array([True, None]),
})


@pytest.mark.parametrize("form", ["parquet", "new_file", "new_stream"])
def test_all_columns_become_fields(work: Workdir, form: str) -> None:
    work.write("a", parquet(NESTED) if form == "parquet" else arrow(NESTED, form))
    np.save(work.path / "scores.npy", np.array([1.0, 0.5], "<f4"))
    work.ok("ds-topk -q -k 2 --scores scores.npy a -o made.jsonl")
    first, second = (json.loads(line) for line in work.read("made.jsonl").splitlines())
    first.pop("gotd_score")
    assert str(first.pop("vector")) == "[1.5, nan]"
    # Parquet keeps seconds as milliseconds, and has no durations of its own.
    assert first == {
        "text": "eins", "none": None, "tags": ["a", None], "meta": {"n": 2**62, "at": "2024-02-29T01:02:03"},
        "day": "2024-02-29", "ns": "2024-02-29T01:02:03.000000007Z", "clock": "01:02:03.000000007",
        "price": "12345678901234567890.10", "bytes": "café", "kind": "x", "map": [["a", 1]], "big": 2**64 - 1,
        "took": 90, "true": True,
    }
    assert second["bytes"] == {"base64": "/wA="}
    assert second["vector"] == [float("-inf"), 0.1]
    assert all(second[name] is None for name in ("tags", "day", "ns", "clock", "price", "took", "true"))
    assert second["meta"] == {"n": None, "at": None}


def test_columns_are_named_where_the_text_is_missing(work: Workdir) -> None:
    work.write("a.parquet", parquet(pyarrow.table({"id": ["1"], "body": ["a"]})))
    work.fails("ds-embed a.parquet -o made.npy", 'a.parquet:1: no "text" field, but "id", "body"; name the field')
    work.write("b.arrow", arrow(pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, ["text", "text"]), "new_stream"))
    work.fails("ds-embed b.arrow -o made.npy", 'b.arrow: two columns are called "text"; rename one of them')


def test_without_pyarrow_the_extra_is_named(work: Workdir) -> None:
    work.write("a.parquet", parquet(pyarrow.table({"text": ["a"]})))
    (work.path / "hidden" / "pyarrow").mkdir(parents=True)
    (work.path / "hidden" / "pyarrow" / "__init__.py").write_text("raise ImportError('not here')")
    work.may_fork = False
    work.fails("ds-embed a.parquet -o made.npy", "a.parquet: Parquet, which needs pyarrow; pip install 'gotd[tables]'",
               PYTHONPATH=str(work.path / "hidden"))


@pytest.mark.slow
def test_dry_run_and_resume(work: Workdir) -> None:
    for name in ("a.parquet", "a.arrow", "a.csv", "pretty.json", "a.jsonl.xz"):
        work.write(name, forms()[name])
        said = work.ok(f"ds-embed --dry-run --dimension 64 {name} -o made.npy").out.decode()
        assert f"{name}\t2000\t" in said
        work.ok(f"ds-embed --dimension 64 {name} -o {name}.npy")
        before = (work.path / f"{name}.npy").stat().st_mtime_ns
        assert "already complete" in work.ok(f"ds-embed --dimension 64 {name} -o {name}.npy").err
        assert (work.path / f"{name}.npy").stat().st_mtime_ns == before


@pytest.mark.heavy
def test_bombs_are_read_in_bounded_steps(work: Workdir) -> None:
    """Two hundred megabytes of one line, in some kilobytes."""
    xz, bzip2 = lzma.LZMACompressor(preset=0), bz2.BZ2Compressor()
    for packer, name in ((xz, "a.jsonl.xz"), (bzip2, "a.jsonl.bz2")):
        data = packer.compress(b'{"text":"') + b"".join(packer.compress(b"a" * (1 << 22)) for _ in range(50))
        work.write(name, data + packer.flush())
        work.fails(f"ulimit -v 3000000; ds-chunk -q {name} -o made.jsonl", f"{name}: a line over 64 MiB")


@pytest.mark.slow
def test_parquet_of_hundreds_of_megabytes_needs_little_memory(work: Workdir) -> None:
    import pyarrow.parquet as parquet

    letters = np.random.default_rng(0).integers(97, 123, 1 << 21, dtype=np.uint8).tobytes().decode()
    with parquet.ParquetWriter(work.path / "a.parquet", SCHEMA, compression="snappy") as writer:
        for group in range(6):
            starts = np.random.default_rng(group).integers(0, (1 << 21) - 4000, 20_000)
            rows = [{"id": f"{group}-{start}", "text": letters[start : start + 4000]} for start in starts]
            writer.write_table(pyarrow.Table.from_pylist(rows, SCHEMA))
    assert (work.path / "a.parquet").stat().st_size > 250e6
    said = work.ok("ds-chunk --chars 8000 a.parquet -o /dev/null").err
    assert int(said.split("peak memory ")[1].split()[0].replace(",", "")) < 400, said
