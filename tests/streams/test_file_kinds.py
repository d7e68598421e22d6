"""Files that are no JSON Lines are called what they are, and the remedy makes JSON Lines of them."""

import csv
import gzip
import io
import json
import tarfile

import numpy as np
import pytest

from gotd.streams.file_kinds import kind_of_lines
from workdir import Workdir

TEXTS = ["market shares, a quarter", 'he said "goal"\nand left', "Café; 日本"]
ROWS = [{"id": str(i), "text": text} for i, text in enumerate(TEXTS)]


def texts_of(work: Workdir, name: str) -> list[str]:
    return [json.loads(line)["text"] for line in work.read(name).splitlines()]


def table(separator: str) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["id", "text"], delimiter=separator)
    writer.writeheader()
    writer.writerows(ROWS)
    return out.getvalue().encode()


@pytest.mark.parametrize(("data", "said", "program"), [
    (json.dumps(ROWS).encode(), "one JSON array", "jq -c '.[]'"),
    (json.dumps(ROWS, indent=1).encode(), "one JSON array", "jq -c '.[]'"),
    (b"".join(json.dumps(row, indent=2).encode() + b"\n" for row in ROWS), "JSON over several lines", "jq -c ."),
])
def test_json_of_other_forms(work: Workdir, data: bytes, said: str, program: str) -> None:
    work.write("pool.json", data)
    work.fails("ds-chunk pool.json -o made.jsonl", f"pool.json:1: {said}, not JSON Lines; pipe it through {program}")
    work.write("pool.json.gz", gzip.compress(data))
    work.fails("ds-embed pool.json.gz -o made.npy", f"pool.json.gz:1: {said}", program)
    work.ok(f"{program} < pool.json | ds-chunk --chars 26 -o made.jsonl")
    assert texts_of(work, "made.jsonl") == TEXTS


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_csv(work: Workdir, separator: str) -> None:
    work.write("pool.csv", table(separator))
    done = work.fails("ds-chunk pool.csv -o made.jsonl", "pool.csv:1: CSV, not JSON Lines; convert it: python -c ")
    line = done.err.split("convert it: ")[1].strip().replace("FILE", "pool.csv").replace("pool.csv.jsonl", "pool.jsonl")
    work.ok(line)
    assert texts_of(work, "pool.jsonl") == TEXTS


def test_text_is_no_csv() -> None:
    assert kind_of_lines([b"Hello, world", b"and so on"]) is None
    assert kind_of_lines([b'{"text": "cut in the mid', b'{"text": "b"}']) is None


def tar(work: Workdir) -> bytes:
    work.write("a.jsonl", b'{"text":"a"}\n')
    with tarfile.open(work.path / "x.tar", "w") as archive:
        archive.add(work.path / "a.jsonl", "a.jsonl")
    return work.read("x.tar")


def test_binary_files(work: Workdir) -> None:
    npy = io.BytesIO()
    np.save(npy, np.zeros((2, 3), "f4"))
    kinds = {
        b"PAR1" + bytes(100): "Parquet, which is not read; convert it: python", b"ARROW1\0\0": "an Arrow file",
        b"\xff\xff\xff\xff" + bytes(100): "an Arrow stream", b"\x04\x22\x4d\x18" + bytes(9): "lz4, which is not read",
        tar(work): "a tar archive", gzip.compress(tar(work)): "a tar archive", b"PK\x03\x04": "zip",
        npy.getvalue(): "an array of vectors or scores, not records", '{"text":"a"}'.encode("utf-16"): "UTF-16",
    }
    for data, said in kinds.items():
        work.write("x", data)
        work.fails("ds-embed x -o made.npy", f"ds-embed: error: x: {said}")


def test_parquet_and_arrow_become_json_lines_as_the_message_says(work: Workdir) -> None:
    pytest.importorskip("pyarrow")
    pandas, datasets = pytest.importorskip("pandas"), pytest.importorskip("datasets")
    pandas.DataFrame(ROWS).to_parquet(work.path / "x.parquet")
    pandas.DataFrame(ROWS).to_feather(work.path / "x.feather", compression="uncompressed")
    datasets.Dataset.from_list(ROWS).save_to_disk(work.path / "saved")
    work.ok("cp saved/data-*.arrow x.arrow")
    for name in ("x.parquet", "x.feather", "x.arrow", "saved"):
        done = work.fails(f"ds-chunk {name} -o made.jsonl", "convert it: python -c ")
        remedy = done.err.split("convert it: ")[1].strip().replace("FILE.jsonl", "x.jsonl").replace("FILE", name)
        work.ok(remedy)
        assert texts_of(work, "x.jsonl") == TEXTS, name


def test_a_folder_is_no_input(work: Workdir) -> None:
    for name in ("pool", "empty", "other"):
        (work.path / name).mkdir()
    work.write("pool/a.jsonl.zst", b"")
    work.write("other/a.txt", b"")
    work.fails("ds-embed pool/ -o made.npy", "pool/: a folder; name the files in it: pool/*.jsonl.zst")
    work.fails("ds-embed empty -o made.npy", "empty: a folder; nothing in it is JSON Lines or .npy, it is empty")
    work.fails("ds-embed other -o made.npy", "it holds a.txt")
    work.fails("ds-score --target pool x.npy -o made.npy", "pool: a folder")
