"""What outputs may be called: an ending is what a file is, or an error before anything is read."""

import pytest

from gotd.cli._outputs import ARRAY, RECORDS, TARGET, require_ending
from gotd.errors import UsageError
from workdir import Workdir

CHUNK, EMBED = "ds-chunk nowhere.jsonl", "ds-embed nowhere.jsonl"
SCORE = "ds-score --target nowhere.npz nowhere.npy"
TOPK = "ds-topk -k 2 nowhere.jsonl"
STATS = "ds-target-stats --target nowhere.npy nowhere.npy"
TRAIN = "ds-train --model nowhere --recipe got-d-clm nowhere.jsonl"


@pytest.mark.heavy
@pytest.mark.parametrize(("line", "output", "said"), [
    (CHUNK, "x.parquet", ".parquet is not what is written; name it .jsonl.zst, .jsonl.gz or .jsonl"),
    (CHUNK, "x.npy", ".npy is not"), (CHUNK, "x", ".jsonl.gz or .jsonl, or x/ for one output for each input"),
    (EMBED, "x.npz", ".npz is not what is written; name it .npy, .jsonl.zst, .jsonl.gz or .jsonl"),
    (EMBED, "x.npy.gz", ".npy.gz is not"), (EMBED, "emb", "or emb/ for one output"), (EMBED, "a.b/emb", "no ending"),
    (SCORE, "x.csv", ".csv is not"), (SCORE, "scores", "or scores/"), (TOPK, "x.jsonl.xz", ".jsonl.xz is not"),
    (TOPK, "x.csv.zst", ".csv.zst is not"), (TOPK, "x", "no ending says what to write"),
    (TOPK, "x/", "a folder, and one file is written"), (TOPK, ".", "a folder, and one file is written"),
    (STATS, "x.npy", ".npy is not what is written; name it .npz"), (STATS, "x", "no ending"), (STATS, "x/", "a folder"),
    (STATS, "s3://b/x", "no ending"), (TRAIN, "x.npz", "a model is written to a folder"),
    (TRAIN, "there.txt", "a model is written to a folder"),
])
def test_a_name_that_lies_is_wrong_usage(work: Workdir, line: str, output: str, said: str) -> None:
    work.write("there.txt", b"")
    work.fails(f"{line} -o {output}", f"-o {output}: ", said, status=2)
    assert work.names() == {"there.txt"}


@pytest.mark.heavy
@pytest.mark.parametrize(("name", "start"), [
    ("x.jsonl.ZST", b"\x28\xb5\x2f\xfd"), ("x.json.zst", b"\x28\xb5\x2f\xfd"), ("x.zst", b"\x28\xb5\x2f\xfd"),
    ("x.JSONL.GZ", b"\x1f\x8b"), ("x.ndjson.gz", b"\x1f\x8b"), ("x.gz", b"\x1f\x8b"), ("x.Jsonl", b'{"'),
    ("x.json", b'{"'), ("2024.01/x.ndjson", b'{"'),
])
def test_records_are_what_their_name_says_in_any_case(chain: Workdir, name: str, start: bytes) -> None:
    (chain.path / "2024.01").mkdir()
    chain.ok(f"ds-topk -k 3 scored.jsonl.zst -o {name}")
    assert chain.read(name).startswith(start)
    assert "3 rows" in chain.ok(f"ds-chunk {name} -o again.jsonl").err


def test_arrays_and_targets_in_any_case(chain: Workdir) -> None:
    chain.ok("ds-embed --dimension 64 pool.jsonl -o A.NPY && cmp A.NPY pool.npy")
    chain.ok("ds-target-stats --target target.npy A.NPY -o T.NPZ && ds-score --target T.NPZ A.NPY -o S.Npy")
    chain.ok("cp pool.jsonl A.JSONL && ds-score --target T.NPZ A.NPY -o s/")
    chain.ok("ds-topk -k 3 --scores s/ A.JSONL -o b.zst")
    assert "s/A.npy" in chain.names()


def test_scores_of_vectors_are_no_records(chain: Workdir) -> None:
    chain.fails("ds-score --target target.npz pool.npy -o s.jsonl", "scores of vectors are an array", status=2)
    assert "s.jsonl" not in chain.names()


@pytest.mark.parametrize("endings", [ARRAY, TARGET, RECORDS])
def test_streams_and_devices_have_any_name(endings: tuple[str, ...]) -> None:
    for name in ("-", "/dev/null", "/dev/stdout"):
        require_ending(name, endings)
    with pytest.raises(UsageError):
        require_ending("nowhere/stdout", endings)


def test_a_folder_that_is_there_needs_no_slash(chain: Workdir) -> None:
    chain.ok("mkdir emb && ds-embed --dimension 64 pool.jsonl target.jsonl -o emb")
    assert {"emb/pool.npy", "emb/target.npy"} <= chain.names()


@pytest.mark.heavy
def test_a_pipe_is_plain_where_that_is_asked_for(chain: Workdir) -> None:
    for line in ("ds-chunk pool.jsonl", "ds-embed pool.jsonl", "ds-score --target target.npz pool.jsonl"):
        plain = chain.ok(f"{line} --plain | jq -c .").out
        assert plain == chain.ok(f"{line} | zstdcat | jq -c .").out
        assert plain.count(b"\n") in (150, 300)  # ds-chunk joins two
    chain.ok("ds-score --target target.npz pool.jsonl > scored.zst && ds-topk -k 9 scored.zst --plain > best.jsonl")
    assert chain.ok("ds-topk -k 9 scored.zst | zstdcat | cmp - best.jsonl && tail -n1 best.jsonl | jq .gotd_score").out
    line = "ds-score --plain --target target.npz pool.jsonl | ds-topk -k 9"
    chain.fails(line, "no seal of ds-score", "without --plain")
    chain.fails("ds-topk -k 9 scored.zst --plain -o x.zst", "name it .jsonl", status=2)
    chain.fails("ds-embed --plain pool.jsonl -o x.npy", "--plain", status=2)
    assert chain.ok("ds-topk -k 9 scored.zst -o x.zst && zstdcat x.zst | cmp - best.jsonl", DS_PLAIN="1").out == b""
