"""Every rule as commands: by files and by pipes, on any shards and threads; and what each refuses."""

import shutil
from pathlib import Path

import numpy as np
import orjson
import pytest

from gotd.methods import RULES, rule_type
from gotd.methods.base import VectorRule
from workdir import Workdir, records, texts

VECTORS = [name for name in RULES if issubclass(rule_type(name), VectorRule) and name != "got"]


def lay_out(folder: Workdir, shards: int) -> None:
    """600 documents in so many shards, and a target of one of their five subjects."""
    lines = records(texts(600)).splitlines(keepends=True)
    (folder.path / "pool").mkdir()
    for number in range(shards):
        part = lines[len(lines) * number // shards : len(lines) * (number + 1) // shards]
        folder.write(f"pool/{number}.jsonl", b"".join(part))
    folder.write("target.jsonl", records(texts(100, seed=1)[::5]))


FIT = "ds-target-stats --threads {threads} --method {method} --target target.npy emb/*.npy -o t.npz > summary.json\n"
FIT_TEXTS = "ds-target-stats --threads {threads} --method dsir --min-words 20 {noise} --target target.jsonl pool/* -o t.npz"  # noqa: E501
SCORE = """
ds-score --threads {threads} --target t.npz {inputs} -o scores/
ds-topk -k 60 --scores scores/ pool/*.jsonl -o best.jsonl.zst
"""
#: Shards and threads of the two runs that must end in the same bytes.
RUNS = [(1, 1), (5, 2)]


@pytest.fixture(scope="session")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same pool in one shard and in five, in folders 1 and 5; the latter with vectors; carried.zst carries them."""
    path = tmp_path_factory.mktemp("pools")
    for shards, _ in RUNS:
        folder = Workdir(path / str(shards))
        folder.path.mkdir()
        lay_out(folder, shards)
    folder.ok("ds-embed -q --dimension 64 pool/* -o emb/ && ds-embed -q --dimension 64 target.jsonl -o target.npy")
    folder.ok("cat pool/* | ds-embed -q --dimension 64 > ../carried.zst")
    return path


def chosen(pools: Path, work: Workdir, fit: str, inputs: str, piped: str, runs: list[tuple[int, int]]) -> list[bytes]:
    """The choice, by each run and by a pipe; the target file of each run: all alike, byte for byte."""
    found = set()
    for shards, threads in runs:
        folder = Workdir(work.path / str(shards))
        shutil.copytree(pools / str(shards), folder.path)
        folder.ok("set -e\n" + (fit + SCORE).format(threads=threads, inputs=inputs))
        found.add(folder.read("t.npz") + folder.read("best.jsonl.zst"))
    assert len(found) == 1
    folder.ok(f"cat {piped} | ds-score --target t.npz | ds-topk -k 60 -o piped.jsonl.zst")
    lines = folder.ok("zstdcat piped.jsonl.zst").out.splitlines()
    by_files = folder.ok("zstdcat best.jsonl.zst").out.splitlines()
    assert [orjson.loads(line)["id"] for line in lines] == [orjson.loads(line)["id"] for line in by_files]
    return lines


def share(lines: list[bytes]) -> float:
    """How much of a choice is of the target's subject, a fifth of the pool."""
    return float(np.mean([int(orjson.loads(line)["id"][1:]) % 5 == 0 for line in lines]))


@pytest.mark.heavy
@pytest.mark.parametrize("method", VECTORS)
def test_rules_of_vectors(pools: Path, work: Workdir, method: str) -> None:
    lines = chosen(pools, work, FIT.replace("{method}", method), "emb/*", str(pools / "carried.zst"), RUNS[1:])
    assert len(lines) == 60
    assert share(lines) < 0.4 if method == "random" else share(lines) > 0.95
    scores = [orjson.loads(line)["gotd_score"] for line in lines]
    assert scores == sorted(scores, reverse=True)
    summary = orjson.loads(work.read("5/summary.json"))
    assert summary["method"] == method
    assert summary["converged"] is True
    assert summary["target_rows"] == 20
    assert method == "random" or summary["source_rows"] == 600
    assert all("only 20 texts with content" in warning for warning in summary["warnings"])


@pytest.mark.heavy
@pytest.mark.parametrize("noise", ["", "--gumbel --seed 4"])
def test_dsir_reads_texts(pools: Path, work: Workdir, noise: str) -> None:
    lines = chosen(pools, work, FIT_TEXTS.replace("{noise}", noise), "pool/*", "pool/*", RUNS)
    assert share(lines) > 0.95


def test_texts_too_short_to_score_go_through_a_pipe(work: Workdir) -> None:
    work.write("pool.jsonl", records(texts(30) + texts(6, seed=1, words=120)))
    work.ok("ds-target-stats --method dsir --target pool.jsonl pool.jsonl -o t.npz")
    work.ok("ds-score --target t.npz pool.jsonl -o s.npy && ds-topk -k 9 --scores s.npy pool.jsonl -o files.zst")
    work.ok("ds-score --target t.npz < pool.jsonl | ds-topk -k 9 -o pipes.zst && cmp files.zst pipes.zst")
    work.fails("ds-topk -k 1", '"gotd_score" is NaN, infinite or too large', stdin=b'{"gotd_score":3.5e38}')


def test_the_scores_of_texts_are_sealed_with_their_records(work: Workdir) -> None:
    lay_out(work, 3)
    work.ok(FIT_TEXTS.format(threads=2, noise="") + " && ds-score --target t.npz pool/* -o scores/")
    assert "3 outputs were already complete" in work.ok("ds-score --target t.npz pool/* -o scores/").err
    work.ok("ds-score --target t.npz pool/* -o all.npy && ds-topk -k 9 --scores all.npy pool/* -o b.zst")
    work.ok("tac pool/1.jsonl > new && mv new pool/1.jsonl")
    work.fails("ds-topk -k 9 --scores scores/ pool/* -o c.zst", "scores/1.npy", "in another order")
    work.fails("ds-topk -k 9 --scores all.npy pool/* -o c.zst", "all.npy", "in another order")
    work.ok("ds-target-stats --method dsir --min-words 5 --target target.jsonl pool/* -o u.npz")
    work.ok("ds-score --target u.npz pool/1.jsonl -o scores/1.npy")
    work.fails("ds-topk -k 9 --scores scores/ pool/* -o c.zst", "different targets")


def test_the_field_of_the_text_travels_and_bad_records_are_counted(work: Workdir) -> None:
    lay_out(work, 1)
    for name, renamed in [("pool/0.jsonl", "other.jsonl"), ("target.jsonl", "goal.jsonl")]:
        work.write(renamed, work.read(name).replace(b'"text"', b'"body"'))
    fit = "ds-target-stats --method dsir --min-words 5"
    work.ok(f"{fit} --text-key body --target goal.jsonl other.jsonl -o t.npz")
    work.ok(f"{fit} --target target.jsonl pool/0.jsonl -o u.npz")
    work.ok("ds-score --target t.npz other.jsonl -o a.npy && ds-score --target u.npz pool/0.jsonl -o b.npy")
    assert np.array_equal(np.load(work.path / "a.npy"), np.load(work.path / "b.npy"))
    assert len(np.unique(np.load(work.path / "a.npy"))) > 100
    work.ok("echo '{}' >> pool/0.jsonl")
    fit += " --target target.jsonl pool/0.jsonl -o v.npz"
    work.fails(fit, 'pool/0.jsonl:601: no "text"')
    done = work.ok(f"{fit} --skip-invalid 1")
    assert "1 bad records skipped" in done.err
    work.fails("ds-score --target u.npz pool/0.jsonl -o c.npy", "pool/0.jsonl:601")
    work.ok("ds-score --skip-invalid 1 --target u.npz pool/0.jsonl -o c.npy")
    assert np.array_equal(np.load(work.path / "c.npy"), np.load(work.path / "b.npy"))


@pytest.mark.parametrize("method, option", [
    ("dsir", "--center"), ("dsir", "--seed 3"), ("got", "--long"), ("mean", "--epsilon 0.1"),
    ("nearest", "--target-mass w.npy"), ("round-robin", "--source s.npy"), ("classifier", "--metric cosine"),
    ("random", "--center"), ("round-robin", "--seed 3"), ("round-robin", "--pool-sample 9"),
    ("got", "--tol 0.1 --epsilon 0"), ("got", "--passes 2 --epsilon 0"), ("got", "--allow-unconverged --epsilon 0"),
])  # fmt: skip
def test_options_that_do_nothing(work: Workdir, method: str, option: str) -> None:
    line = f"ds-target-stats --method {method} {option} --target t p -o o.npz"
    work.fails(line, f"{option.split()[0]} does nothing with --method {method}", status=2)


def test_the_wrong_kind_of_input(chain: Workdir) -> None:
    work = chain
    work.ok("ds-target-stats --method dsir --target target.jsonl pool.jsonl -o dsir.npz")
    work.ok("ds-target-stats --method mean --target target.npy pool.npy -o mean.npz")
    reads_texts = "an array of vectors or scores, not records, which is not read; give the records"
    work.fails("ds-score --target dsir.npz pool.npy -o s.npy", "pool.npy: ", reads_texts)
    work.fails("ds-target-stats --method dsir --target target.npy pool.jsonl -o u.npz", "target.npy: ", reads_texts)
    work.fails("ds-target-stats --method dsir --target target.jsonl pool.npy -o u.npz", "pool.npy: ", reads_texts)
    line = "ds-target-stats --method random --target target.npy pool.jsonl -o u.npz"
    work.fails(line, "pool.jsonl:1: no \"gotd_embedding\" field", "ds-embed")
    work.ok("ds-embed --dimension 32 pool.jsonl -o narrow.npy")
    work.ok("ds-target-stats --method classifier --target target.npy pool.npy -o m.npz")
    work.fails("ds-score --target m.npz narrow.npy -o s.npy", "narrow.npy: dimension 32, the target has 64")
    assert not {"u.npz", "s.npy", "s.zst"} & work.names()


def test_a_pool_from_a_pipe_is_read_twice_where_the_rule_needs_it(chain: Workdir) -> None:
    chain.ok("ds-target-stats --method round-robin --target target.npy pool.npy -o a.npz")
    chain.ok("cat pool.npy | ds-target-stats --method round-robin --target target.npy -o b.npz && cmp a.npz b.npz")
    chain.ok("ds-target-stats --method round-robin --rounds 2 --target target.npy pool.npy -o c.npz")
    assert chain.ok("ds-score --target c.npz pool.npy -o s.npy").status == 0
    assert (np.load(chain.path / "s.npy") > -16).sum() == 16  # 8 target rows, 2 rounds


def test_a_source_instead_of_the_pool(chain: Workdir) -> None:
    chain.ok("tail -100 pool.jsonl > source.jsonl && ds-target-stats --method dsir --min-words 0 --target target.jsonl"
             " --source source.jsonl -o t.npz && ds-score --target t.npz pool.jsonl -o s.npy")
    chain.ok("ds-target-stats --method dsir --min-words 0 --target target.jsonl source.jsonl -o u.npz")
    chain.ok("cmp t.npz u.npz")


def test_random_looks_at_the_pool_and_does_not_read_it(chain: Workdir) -> None:
    line = "ds-target-stats --method random --target target.npy"
    rows = np.random.default_rng(0).normal(size=(200_000, 64)).astype("<f2")
    # Behind the first rows, which is not met; of a pipe all is read, or its writer would fail.
    rows[-1] = np.nan
    np.save(chain.path / "damaged.npy", rows)
    assert "0 rows in" in chain.ok(f"{line} damaged.npy -o a.npz").err
    chain.fails(f"cat damaged.npy | {line} -o b.npz", "<stdin>: row 199999: a number that is NaN or infinite")
    np.save(chain.path / "narrow.npy", rows[:9, :32])
    chain.fails(f"{line} pool.npy narrow.npy -o b.npz", "narrow.npy: dimension 32, the target has 64")
