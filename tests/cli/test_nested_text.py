"""--text-key data.text: a path where no field has that whole name."""

import json

import numpy as np

from gotd.streams.json_fields import value_at, without_path
from workdir import Workdir, records, texts

TEXTS = texts(40, words=40)


def test_a_whole_name_comes_first() -> None:
    assert value_at({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert value_at({"a": {"b": {"c": 2}}}, "a.b.c") == 2
    assert value_at({"a": {"b.c": 2}}, "a.b.c") is None
    assert value_at({"a": [1]}, "a.b") is value_at({}, "a.b") is value_at({"a": None}, "a.b") is None


def test_taken_out_the_rest_stays_byte_for_byte() -> None:
    assert without_path(b'{"n": 1.50, "text": "a", "b":[ 1 ]}', "text") == b'{"n": 1.50, "b":[ 1 ]}'
    assert without_path(b'{"x":{"text":"a","n":1e400},"y":NaN}', "x.text") == b'{"x":{"n":1e400},"y":NaN}'
    assert without_path(b'{"x":1}', "x.text") == b'{"x":1}'
    assert without_path(b"[1]", "x.text") == b"[1]"


def test_the_chain_gives_what_a_plain_field_gives(work: Workdir) -> None:
    work.write("flat.jsonl", records(TEXTS))
    rows = [{"id": f"d{number}", "data": {"n": number, "text": text}} for number, text in enumerate(TEXTS)]
    work.write("deep.jsonl", "\n".join(map(json.dumps, rows)).encode())
    key = "--text-key data.text"
    work.fails("ds-embed deep.jsonl -o made.npy", 'deep.jsonl:1: no "text" field, but "id", "data"')
    work.fails("ds-embed --text-key data.body deep.jsonl -o made.npy", 'deep.jsonl:1: no "data.body" field')
    for name, options in (("flat", ""), ("deep", key)):
        work.ok(f"ds-embed -q --dimension 64 {options} {name}.jsonl -o {name}.npy")
        work.ok(f"ds-target-stats -q --method nearest --target {name}.npy {name}.npy -o {name}.npz")
        work.ok(f"ds-score -q --target {name}.npz {name}.npy -o {name}-scores.npy")
        work.ok(f"ds-topk -q -k 5 {options} --scores {name}-scores.npy {name}.jsonl -o {name}-best.jsonl")
        work.ok(f"ds-chunk -q --chars 100 {options} {name}.jsonl -o {name}-chunks.jsonl")
        work.ok(f"ds-embed -q --dimension 64 {options} {name}-chunks.jsonl -o {name}-chunks.npy")
    assert np.array_equal(np.load(work.path / "flat.npy"), np.load(work.path / "deep.npy"))
    flat, deep = (work.read(f"{name}-best.jsonl").splitlines() for name in ("flat", "deep"))
    assert [json.loads(line)["id"] for line in flat] == [json.loads(line)["id"] for line in deep]
    assert np.array_equal(np.load(work.path / "flat-chunks.npy"), np.load(work.path / "deep-chunks.npy"))
    pieces = [json.loads(line) for line in work.read("deep-chunks.jsonl").splitlines()]
    assert all(set(piece["data"]) <= {"n"} for piece in pieces if "data.text" in piece)
    assert sum("data.text" in piece for piece in pieces) > 40
