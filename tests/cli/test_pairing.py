"""Wrong pairing is impossible: what does not belong together is refused, and the message says which file it is."""

import shutil
from pathlib import Path

import pytest

from workdir import Workdir, records, texts


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shards with their vectors and scores, for every test a copy."""
    made = Workdir(tmp_path_factory.mktemp("sharded"))
    for number in range(3):
        made.write(f"{number}.jsonl", records(texts(50, seed=number)))
    made.ok("ds-chunk --chars 500 [0-2].jsonl -o pool/ && ds-embed --dimension 64 pool/* -o emb/"
            " && ds-embed --dimension 64 1.jsonl -o t.npy && ds-target-stats --target t.npy emb/* -o t.npz"
            " && ds-score --target t.npz emb/* -o scores/")
    return made.path


@pytest.fixture
def sharded(work: Workdir, whole: Path) -> Workdir:
    """Three shards with their vectors and scores."""
    shutil.copytree(whole, work.path, dirs_exist_ok=True)
    return work


CHOOSE = "ds-topk -k 5 --scores scores/ pool/* -o best.zst"


def test_scores_of_other_records(sharded: Workdir) -> None:
    sharded.ok("cp scores/1.npy scores/0.npy")
    sharded.fails(CHOOSE, "scores/0.npy", "scores of other records than pool/0.jsonl.zst")
    assert "best.zst" not in sharded.names()


def test_records_in_another_order(sharded: Workdir) -> None:
    sharded.ok("zstdcat pool/0.jsonl.zst | tac > new && zstd -qf new -o pool/0.jsonl.zst")
    sharded.fails(CHOOSE, "scores/0.npy", "in another order")


@pytest.mark.parametrize("how", ["-k 5", "--fraction 0.1", "--budget-chars 1000"])
def test_a_changed_record_however_few_are_wanted(sharded: Workdir, how: str) -> None:
    sharded.ok("zstdcat pool/0.jsonl.zst | sed '50s/text\": \"./text\": \"X/' > new")
    sharded.ok("zstd -qf new -o pool/0.jsonl.zst")
    sharded.fails(CHOOSE.replace("-k 5", how), "scores/0.npy", "scores of other records")


@pytest.mark.parametrize("change", ["head -40", "(cat; echo '{\"text\":\"more\"}')"])
def test_fewer_or_more_records_than_scores(sharded: Workdir, change: str) -> None:
    sharded.ok(f"zstdcat pool/2.jsonl.zst | {change} > new; zstd -qf new -o pool/2.jsonl.zst")
    sharded.fails(CHOOSE, "scores/2.npy")


def test_a_last_seal_does_not_speak_for_records_before_it(sharded: Workdir) -> None:
    sharded.ok("cat pool/2.jsonl.zst pool/0.jsonl.zst > new && mv new pool/0.jsonl.zst")
    sharded.fails("ds-topk -k 1 --scores scores/ pool/* -o best.zst", "scores/0.npy", "scores of other records")


def test_shards_that_are_missing_are_all_listed(sharded: Workdir) -> None:
    sharded.ok("rm scores/0.npy scores/2.npy pool/1.jsonl.zst")
    line = CHOOSE.replace("pool/*", "pool/0.jsonl.zst pool/1.jsonl.zst pool/2.jsonl.zst")
    sharded.fails(line, "missing: scores/0.npy, pool/1.jsonl.zst, scores/2.npy; make those shards first")
    many = " ".join(f"pool/part-{number}.jsonl.zst" for number in range(30))
    sharded.fails(f"ds-topk -k 5 --scores scores/ {many} -o best.zst", "scores/part-9.npy", "and 40 more; make those")
    assert "best.zst" not in sharded.names()


def test_standard_input_has_no_name_to_find_scores_by(sharded: Workdir) -> None:
    sharded.fails("ds-topk -k 5 --scores scores/ < pool/0.jsonl.zst", "standard input has no name", "scores/", status=2)


def test_reordered_shards_under_one_file_of_scores(sharded: Workdir) -> None:
    sharded.ok("ds-score --target t.npz emb/0.npy emb/1.npy emb/2.npy -o all.npy")
    sharded.ok("ds-topk -k 5 --scores all.npy pool/0.jsonl.zst pool/1.jsonl.zst pool/2.jsonl.zst -o best.zst")
    wrong = "pool/1.jsonl.zst pool/0.jsonl.zst pool/2.jsonl.zst"
    sharded.fails(f"ds-topk -k 5 --scores all.npy {wrong} -o b.zst", "all.npy", "in another order")


def test_vectors_of_another_embedder(sharded: Workdir) -> None:
    other = "ds-embed --model hash --model hash --dimension 32 pool/0.jsonl.zst"
    sharded.ok(f"{other} -o other.npy")
    for line in ["ds-score --target t.npz other.npy -o s.npy", "ds-target-stats --target t.npy other.npy -o u.npz",
                 "ds-target-stats --target t.npy emb/0.npy other.npy -o u.npz"]:
        sharded.fails(line, "other.npy: made by another embedder")
    sharded.fails(f"{other} -q | ds-score --target t.npz > s", "<stdin>: made by another embedder")


def test_vectors_of_another_dimension(sharded: Workdir) -> None:
    sharded.ok("python -c 'import numpy as np; np.save(\"x.npy\", np.ones((3, 7), \"f4\"))'")
    sharded.fails("ds-score --target t.npz x.npy -o s.npy", "x.npy: dimension 7, the target has 64")
    sharded.fails("ds-target-stats --target t.npy x.npy -o u.npz", "x.npy: dimension 7, the target has 64")


def test_scores_for_different_targets(sharded: Workdir) -> None:
    sharded.ok("ds-target-stats --epsilon 0.2 --target t.npy emb/* -o u.npz")
    sharded.ok("ds-score --target u.npz emb/1.npy -o one.npy && cp one.npy scores/1.npy")
    sharded.fails(CHOOSE, "different targets")


@pytest.mark.parametrize("name", ["pool/0.jsonl.zst", "scores/0.npy"])
def test_a_shortened_file(sharded: Workdir, name: str) -> None:
    sharded.write(name, sharded.read(name)[:-200])
    sharded.fails(CHOOSE, name)


def test_shortened_vectors_and_targets(sharded: Workdir) -> None:
    for name in ("emb/0.npy", "t.npz"):
        whole = sharded.read(name)
        for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
            sharded.write(name, whole[:length])
            sharded.fails("ds-score --target t.npz emb/0.npy -o s.npy", name)
        sharded.write(name, whole)


def test_a_flipped_byte_in_the_target_file(sharded: Workdir) -> None:
    whole = sharded.read("t.npz")
    for offset in range(40, len(whole), len(whole) // 12):
        flipped = bytearray(whole)
        flipped[offset] ^= 16
        sharded.write("t.npz", bytes(flipped))
        if sharded.run("ds-score --target t.npz emb/0.npy -o s.npy").status == 0:  # a file's date in the zip, say
            sharded.ok("python -c 'import numpy as np; assert (np.load(\"s.npy\") == np.load(\"scores/0.npy\")).all()'")


def test_the_kinds_of_file_are_told_apart(sharded: Workdir) -> None:
    sharded.fails("ds-score --target t.npz scores/0.npy -o s.npy", "scores/0.npy")
    sharded.fails("ds-score --target emb/0.npy emb/0.npy -o s.npy", "emb/0.npy: not a whole target file")
    sharded.fails("ds-topk -k 5 --scores emb/ pool/* -o b.zst", "emb/0.npy: dtype <f2, scores are <f4")
    sharded.fails("ds-target-stats --target pool/0.jsonl.zst emb/* -o u.npz",
                  "pool/0.jsonl.zst:1: no \"gotd_embedding\" field", "ds-embed")
    sharded.fails("ds-embed emb/0.npy -o x.npy", "emb/0.npy")


def test_records_that_were_skipped_when_embedding_are_skipped_when_choosing(work: Workdir) -> None:
    lines = records(texts(20)).splitlines()
    lines[3:3] = [b"{}", b"", b'{"text": 1}']
    work.write("pool.jsonl", b"\n".join(lines))
    work.ok("ds-embed --skip-invalid 3 pool.jsonl -o e.npy && ds-target-stats --target e.npy e.npy -o t.npz"
            " && ds-score --target t.npz e.npy -o s.npy")
    work.fails("ds-topk -k 20 --scores s.npy pool.jsonl -o b.zst", "--skip-invalid")
    done = work.ok("ds-topk -k 20 --skip-invalid 3 --scores s.npy pool.jsonl | zstdcat | jq -r .id | sort -V | tail -1")
    assert done.out == b"d19\n"
