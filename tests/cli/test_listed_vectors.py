"""Vectors as lists of numbers in JSON, Parquet and Arrow: what the same numbers as an array give, and faults by row."""

import gzip
import io
import json
import random
from typing import Any

import numpy as np
import pytest

from gotd.errors import DataError, GotdError
from gotd.streams.sources import ByteSource, open_input
from gotd.streams.vector_reader import vector_reader
from workdir import Workdir, records, texts

pyarrow = pytest.importorskip("pyarrow")
import pyarrow.parquet as parquet  # noqa: E402 - where there is pyarrow

ROWS = np.random.default_rng(0).standard_normal((1200, 12)).astype("<f4")
TARGET = ROWS[::40] + np.float32(0.1)
TEXTS = texts(len(ROWS), words=8)


def table(rows: np.ndarray, kind: Any, key: str = "embedding") -> Any:
    return pyarrow.table({"text": TEXTS[: len(rows)], key: pyarrow.array(rows.tolist(), kind)})


def forms(rows: np.ndarray) -> dict[str, bytes]:
    """The vectors in each form, by the file's name."""
    lines = b"".join(json.dumps({"text": text, "embedding": row}).encode() + b"\n"
                     for text, row in zip(TEXTS, rows.tolist(), strict=False))
    array = b"[" + lines.strip().replace(b"\n", b",") + b"]"
    found = {"a.jsonl": lines, "a.jsonl.gz": gzip.compress(lines), "a.json": array}
    kinds = {"list": pyarrow.list_(pyarrow.float32()), "double": pyarrow.list_(pyarrow.float64()),
             "fixed": pyarrow.list_(pyarrow.float32(), rows.shape[1]), "large": pyarrow.large_list(pyarrow.float32())}
    for name, kind in kinds.items():
        out = io.BytesIO()
        parquet.write_table(table(rows, kind), out, row_group_size=500)
        found[f"{name}.parquet"] = out.getvalue()
    for name, new in (("a.arrow", "new_stream"), ("a.feather", "new_file")):
        out = io.BytesIO()
        with getattr(pyarrow.ipc, new)(out, table(rows, kinds["list"]).schema) as writer:
            writer.write_table(table(rows, kinds["list"]), 300)
        found[name] = out.getvalue()
    return found


def read(data: bytes, name: str = "a.jsonl", key: str | None = None) -> np.ndarray:
    return np.concatenate(list(vector_reader(ByteSource(io.BytesIO(data), name), key).blocks()))


def test_every_form_gives_the_same_numbers(work: Workdir) -> None:
    for name, data in forms(ROWS).items():
        work.write(name, data)
        with open_input(str(work.path / name)) as source:
            reader = vector_reader(source, None)
            assert np.array_equal(np.concatenate(list(reader.blocks())), ROWS), name
            assert reader.rows == len(ROWS)
    half = pyarrow.array([row.astype("<f2") for row in ROWS[:9]], pyarrow.list_(pyarrow.float16()))
    parquet.write_table(pyarrow.table({"v": half}), work.path / "half.parquet")
    with open_input(str(work.path / "half.parquet")) as source:
        found = np.concatenate(list(vector_reader(source, "v").blocks()))
    assert found.dtype == np.float16
    assert np.array_equal(found, ROWS[:9].astype("<f2"))


def test_a_path_leads_into_objects_and_lists() -> None:
    line = {"response": {"body": {"data": [{"embedding": [1, 2.5]}]}}}
    assert read(json.dumps(line).encode(), key="response.body.data.0.embedding").tolist() == [[1.0, 2.5]]


@pytest.mark.parametrize(("value", "said"), [
    ([1.0], "dimension 1, the records before have 2"), ([1, None], 'its vector: number 2 is a JSON null'),
    ([float("nan"), 1], 'its vector: number 1 is NaN, infinite or beyond float32'), ([1e39, 1], "number 1 is NaN, "),
    ([1, [2]], "number 2 is a JSON array"), ([], '"embedding" is an empty array'), ("AAAA", "is a JSON string, not a "),
    (None, 'no "embedding" field, it is null'), ({"a": 1}, '"embedding" is a JSON object, not a list of numbers'),
])
def test_faults_of_records_name_their_line(value: Any, said: str) -> None:
    lines = [json.dumps({"embedding": each}).encode() for each in ([0, 1], [1, 0], value)]
    with pytest.raises(GotdError) as fault:
        read(b"\n".join(lines))
    assert str(fault.value).startswith("a.jsonl:3: ")
    assert said in str(fault.value)


@pytest.mark.parametrize(("value", "said"), [
    ([1.0], "dimension 1, the records before have 2"), ([1.0, None], "number 2 is null, NaN, infinite or"),
    ([float("inf"), 1.0], "number 1 is null, NaN, inf"), (None, '"v" is null or empty'), ([], '"v" is null or empty'),
    ([1e300, 0.0], "number 1 is null, NaN, infinite or beyond float32"),
])
def test_faults_of_tables_name_their_row(work: Workdir, value: Any, said: str) -> None:
    rows = [[0.0, 1.0]] * 300 + [value]
    lists = pyarrow.array(rows, pyarrow.list_(pyarrow.float64()))
    parquet.write_table(pyarrow.table({"v": lists}), work.path / "a.parquet")
    with open_input(str(work.path / "a.parquet")) as source, pytest.raises(DataError) as fault:
        list(vector_reader(source, "v").blocks())
    assert fault.value.place.endswith("a.parquet:301")
    assert said in str(fault.value)


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["a.jsonl", "fixed.parquet"])
def test_fit_score_and_choice_are_those_of_the_array(work: Workdir, name: str) -> None:
    np.save(work.path / "a.npy", ROWS)
    np.save(work.path / "t.npy", TARGET)
    work.write(name, forms(ROWS)[name])
    work.write("target.jsonl", forms(TARGET)["a.jsonl"])
    work.write("pool.jsonl", records(TEXTS))
    work.ok("ds-target-stats -q --target t.npy a.npy -o array.npz && ds-score -q --target array.npz a.npy -o array.npy")
    work.ok(f"ds-target-stats -q --target target.jsonl {name} -o list.npz")
    assert work.read("array.npz") == work.read("list.npz")
    line = f"ds-score --target list.npz {name} -o list.npy"
    work.ok(line)
    assert np.array_equal(np.load(work.path / "list.npy"), np.load(work.path / "array.npy"))
    assert "1 outputs were already complete" in work.ok(line).err
    assert "already complete" not in work.ok(f"{line} --vector-key embedding").err
    piped = work.ok(f"ds-score -q --target list.npz {name} | ds-topk -q -k 9 -o piped.jsonl && cat piped.jsonl").out
    by_array = work.ok("ds-topk -q -k 9 --scores array.npy pool.jsonl -o best.jsonl && cat best.jsonl").out
    chosen, other = ([json.loads(row) for row in out.splitlines()] for out in (piped, by_array))
    assert [row["text"] for row in chosen] == [row["text"] for row in other]
    assert all(len(row["embedding"]) == 12 for row in chosen)
    work.ok(f"ds-topk -q -k 9 --scores list.npy {name} -o again.jsonl")
    assert [json.loads(row)["text"] for row in work.read("again.jsonl").splitlines()] == [row["text"] for row in other]


def test_a_probe_takes_them(work: Workdir) -> None:
    np.save(work.path / "a.npy", ROWS[:200])
    np.save(work.path / "t.npy", TARGET)
    work.write("pool.jsonl", records(TEXTS[:200]))
    work.write("target.jsonl", records(texts(len(TARGET), seed=5)))
    work.write("a.parquet", forms(ROWS[:200])["fixed.parquet"])
    line = ("ds-probe -q --json --resamples 100 --target target.jsonl --target-vectors t.npy --source pool.jsonl "
            "pool.jsonl")
    wanted = work.ok(f"{line} --source-vectors a.npy --vectors a.npy").out
    assert work.ok(f"{line} --vector-key embedding --source-vectors a.parquet --vectors a.parquet").out == wanted


def test_what_holds_none_says_so(work: Workdir) -> None:
    work.write("pool.jsonl", records(TEXTS[:3]))
    np.save(work.path / "a.npy", ROWS)
    work.ok("ds-target-stats -q --method nearest --target a.npy a.npy -o t.npz")
    none = 'pool.jsonl:1: no "gotd_embedding" field, and no "embedding", but "id", "text"; pipe the records through ds-'
    work.fails("ds-score --target t.npz pool.jsonl -o s.npy", "t.npz does not say what made its vectors", status=2)
    work.fails("ds-target-stats --target a.npy pool.jsonl -o t.npz", none)
    work.fails("ds-score --target t.npz --vector-key v pool.jsonl -o s.npy", 'pool.jsonl:1: no "v" field, but "id"')
    work.write("a.parquet", forms(ROWS[:, :5])["fixed.parquet"])
    work.fails("ds-score --target t.npz a.parquet -o s.npy", "a.parquet: dimension 5, the target has 12")
    work.fails("ds-score --target t.npz --vector-key v a.parquet -o s.npy", 'no "v" field, but "text", "embedding"')
    assert work.names() == {"pool.jsonl", "a.npy", "t.npz", "a.parquet"}


def test_where_texts_can_be_embedded_lists_are_taken_by_name(work: Workdir) -> None:
    rows = [{"text": text, "embedding": row} for text, row in zip(TEXTS[:50], ROWS.tolist(), strict=False)]
    work.write("pool.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    np.save(work.path / "lists.npy", ROWS[:50])
    work.ok("ds-embed -q --dimension 12 pool.jsonl -o a.npy")
    work.ok("ds-target-stats -q --method nearest --target a.npy a.npy -o t.npz")
    for options, vectors in (("", "a.npy"), ("--vector-key embedding", "lists.npy")):
        work.ok(f"ds-score -q --target t.npz {vectors} -o wanted.npy")
        work.ok(f"ds-score -q --target t.npz {options} pool.jsonl -o s.npy")
        assert np.array_equal(np.load(work.path / "s.npy"), np.load(work.path / "wanted.npy")), options


def test_what_ds_embed_pipes_is_read_too(work: Workdir) -> None:
    work.write("pool.jsonl", records(TEXTS[:60]))
    work.ok("ds-embed -q --dimension 50 pool.jsonl -o a.npy && ds-embed -q --dimension 50 pool.jsonl -o a.jsonl.zst")
    for name in ("a.npy", "a.jsonl.zst"):
        work.ok(f"ds-target-stats -q --target {name} {name} -o {name}.npz")
    assert work.read("a.npy.npz") == work.read("a.jsonl.zst.npz")


@pytest.mark.parametrize("name", ["a.jsonl", "list.parquet", "fixed.parquet", "a.feather", "a.arrow"])
def test_random_damage_is_read_or_an_error_with_its_place(work: Workdir, name: str) -> None:
    chance, good = random.Random(3), forms(ROWS[:40])[name]
    for _ in range(150):
        data = bytearray(good[: chance.choice((len(good), len(good), chance.randrange(1, len(good))))])
        for _ in range(chance.choice((1, 2, 5))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        work.write(name, bytes(data))
        try:
            with open_input(str(work.path / name)) as source:
                found = list(vector_reader(source, None).blocks())
        except GotdError as fault:
            assert name in str(fault)
        else:
            assert all(np.isfinite(block).all() for block in found)
