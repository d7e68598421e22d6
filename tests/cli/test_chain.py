"""The chain as a whole: however the same pool is fed through it, the same bytes come out."""

import re
from pathlib import Path

import numpy as np
import pytest

from workdir import Workdir, records, texts

FILES = """
ds-chunk --chars 200 shards/*.jsonl -o chunks/
ds-embed {model} --threads {threads} chunks/*.jsonl.zst -o emb/
ds-embed {model} target.jsonl -o target.npy
ds-target-stats --threads {threads} --target target.npy emb/*.npy -o target.npz > summary.json
ds-score --threads {threads} --target target.npz emb/*.npy -o scores/
ds-topk {how} --scores scores/ chunks/*.jsonl.zst -o selected.jsonl.zst
"""
PIPES = """
ds-chunk --chars 200 shards/*.jsonl | ds-embed {model} | ds-score --target target.npz | ds-topk {how} -o piped.jsonl.zst
"""
HASH = "--dimension 64"


def lay_out(folder: Workdir, shards: int) -> None:
    """700 documents in so many shards (documents longer than a chunk, so that none are joined across shards)."""
    lines = records(texts(700)).splitlines(keepends=True)
    (folder.path / "shards").mkdir()
    for number in range(shards):
        part = lines[len(lines) * number // shards : len(lines) * (number + 1) // shards]
        folder.write(f"shards/{number}.jsonl", b"".join(part))
    folder.write("target.jsonl", records(texts(100, seed=1)[::5]))


def script(template: str, **values: object) -> str:
    return "set -e\n" + template.format(**{"model": HASH, "threads": 2, "how": "-k 50"} | values)


@pytest.mark.parametrize("how", ["-k 50", *(pytest.param(how, marks=pytest.mark.slow) for how in (
    "--fraction 0.1", "--budget-chars 9000", "-k 50 --order input"))])
def test_files_and_pipes_choose_the_same_bytes(work: Workdir, how: str) -> None:
    lay_out(work, 3)
    work.ok(script(FILES, how=how))
    work.ok(script(PIPES, how=how))
    work.ok("cmp selected.jsonl.zst piped.jsonl.zst")


def selections(tmp_path: Path, model: str) -> set[bytes]:
    """What is chosen from 1, 3 and 7 shards on 1 and 2 threads."""
    found = set()
    for shards, threads in [(1, 1), (3, 2), (7, 1), (7, 2)]:
        folder = Workdir(tmp_path / f"{shards}-{threads}")
        folder.path.mkdir()
        lay_out(folder, shards)
        folder.ok(script(FILES, model=model, threads=threads))
        found.add(folder.read("target.npz") + folder.read("selected.jsonl.zst"))
    return found


@pytest.mark.heavy
def test_shards_and_threads_do_not_change_a_byte(tmp_path: Path) -> None:
    assert len(selections(tmp_path, HASH)) == 1


@pytest.mark.slow
def test_nor_with_a_static_model(tmp_path: Path, static_model: Path) -> None:
    assert len(selections(tmp_path, f"--model {static_model}")) == 1


def test_the_choice_is_of_the_targets_subject(work: Workdir) -> None:
    lay_out(work, 3)
    work.ok(script(FILES, how="-k 100"))
    numbers = work.ok("zstdcat selected.jsonl.zst | jq -r .id | sed 's/#.*//; s/^d//'").out.split()
    assert sum(int(number) % 5 == 0 for number in numbers) >= 95  # a fifth of the pool


def test_one_file_of_vectors_or_scores_serves_many_files_of_records(work: Workdir) -> None:
    lay_out(work, 3)
    work.ok(script(FILES))
    work.ok("ds-embed --dimension 64 chunks/*.jsonl.zst -o all.npy && ds-score --target target.npz all.npy -o one.npy")
    work.ok("ds-score --target target.npz emb/*.npy -o joined.npy")
    work.ok("cat emb/*.npy | ds-score --target target.npz | ds-topk -k 50 --scores - chunks/*.jsonl.zst -o c.zst")
    for number, scores in enumerate(["one.npy", "joined.npy"]):
        work.ok(f"ds-topk -k 50 --scores {scores} chunks/*.jsonl.zst -o {number}.zst")
        work.ok(f"cmp {number}.zst selected.jsonl.zst")
    work.ok("cmp c.zst selected.jsonl.zst")


def test_records_that_carry_vectors_give_an_array_where_one_is_named(chain: Workdir) -> None:
    chain.ok("ds-score --target target.npz carried.jsonl.zst -o s/")
    assert np.array_equal(np.load(chain.path / "s/carried.npy"), np.load(chain.path / "scores.npy"))
    assert "1 outputs were already complete" in chain.ok("ds-score --target target.npz carried.jsonl.zst -o s/").err
    chain.ok("ds-topk -k 9 --scores s/ carried.jsonl.zst -o best.zst")
    chain.ok("zstdcat carried.jsonl.zst | tac > carried.jsonl")
    chain.fails("ds-topk -k 9 --scores s/ carried.jsonl -o b.zst", "s/carried.npy", "in another order")


@pytest.mark.parametrize("line", ["scored.jsonl.zst", "--scores scores.npy pool.jsonl"])
def test_a_fraction_is_the_decimal_number_that_was_given(chain: Workdir, line: str) -> None:
    assert 0.07 * 300 > 21
    assert "21 chosen" in chain.ok(f"ds-topk --fraction 0.07 {line} -o best.zst").err


@pytest.mark.heavy
@pytest.mark.parametrize("line", [
    "ds-topk --fraction 0.1 {scored.jsonl.zst}", "ds-topk --fraction 0.1 --scores {scores.npy} pool.jsonl",
    "ds-target-stats --passes 1 --weights {w.npy} --allow-unconverged --target target.npy {pool.npy}",
])
def test_what_is_read_twice_may_come_from_a_pipe_with_a_name(chain: Workdir, line: str) -> None:
    np.save(chain.path / "w.npy", np.ones(300))
    by_pipes = re.sub("{(.*?)}", r"<(cat \1)", line)
    files, pipes = ("files.npz", "pipes.npz") if "stats" in line else ("files.zst", "pipes.zst")
    chain.ok(f"{re.sub('[{}]', '', line)} -o {files} && {by_pipes} -o {pipes} && cmp {files} {pipes}")


def test_unsealed_vectors_from_elsewhere_are_welcome(work: Workdir) -> None:
    lay_out(work, 1)
    work.ok(script(FILES))
    resave = "import numpy as np; np.save('theirs.npy', np.load('emb/0.npy'))"
    work.ok(f'python -c "{resave}"; zstdcat chunks/0.jsonl.zst > theirs.jsonl')
    work.ok("ds-score --target target.npz theirs.npy -o theirs-scores.npy")
    work.ok("ds-topk -k 50 --scores theirs-scores.npy theirs.jsonl | zstdcat > a")
    work.ok("zstdcat selected.jsonl.zst > b; cmp a b")


def test_a_finished_stage_is_not_done_again_and_a_changed_input_is(work: Workdir) -> None:
    lay_out(work, 3)
    work.ok(script(FILES))
    made = [name for name in work.names() if name.endswith((".zst", ".npy"))]
    before = {name: (work.path / name).stat().st_mtime_ns for name in made}
    stages = FILES.format(model=HASH, threads=2, how="").strip().splitlines()
    for stage in (stages[0], stages[1], stages[4]):
        assert "3 outputs were already complete" in work.ok(stage).err
    after = {name: (work.path / name).stat().st_mtime_ns for name in before}
    assert after == before
    work.write("shards/1.jsonl", records(texts(9, seed=5)))
    assert "2 outputs were already complete" in work.ok("ds-chunk --chars 200 shards/*.jsonl -o chunks/").err
    assert "2 outputs were already complete" in work.ok("ds-embed --dimension 64 chunks/*.jsonl.zst -o emb/").err
    assert "complete" not in work.ok("ds-embed --dimension 32 chunks/*.jsonl.zst -o emb/").err


def test_shards_of_an_array_job_make_what_one_run_makes(work: Workdir) -> None:
    lay_out(work, 7)
    line = "ds-chunk --chars 200 shards/*.jsonl -o {}/"
    work.ok(line.format("whole"))
    work.ok(line.format("parts") + " --shard 0/3")
    for task in (5, 6):  # an array that starts at 4: --array=4-6
        array = {"SLURM_ARRAY_TASK_MIN": "4", "SLURM_ARRAY_TASK_MAX": "6", "SLURM_ARRAY_TASK_COUNT": "3"}
        work.ok(line.format("parts") + " --shard slurm", SLURM_ARRAY_TASK_ID=str(task), **array)
    work.ok("diff -r whole parts")


def test_long_integers_and_odd_fields_pass_through_untouched(work: Workdir) -> None:
    odd = ('{"a": 123456789012345678901234567890, "text": "protein kinase", "n": NaN, "s": "NaN, Infinity \\u2028 }{",'
           ' "f": 1.10, "o": {"score" : [1e400, -0.0]}, "é":"\\u00e9"}')
    work.write("odd.jsonl", odd.encode() + b"\n")
    work.write("target.jsonl", records(["protein kinase cell"]))
    work.ok("ds-embed target.jsonl -o t.npy && ds-target-stats --target t.npy t.npy -o t.npz")
    out = work.ok("cat odd.jsonl | ds-chunk | ds-embed | ds-score --target t.npz | ds-topk -k 1 | zstdcat").out.decode()
    assert out.startswith(odd[:-1] + ',"id":"<stdin>:1","gotd_score":')
