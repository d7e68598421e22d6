"""--dry-run: what it says is what then happens, and it writes nothing."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from gotd.cli import _dry_run, _frame, _row_counts
from gotd.cli._jobs import Job, Making, Provenance
from gotd.streams.records import Skipping
from gotd.streams.seal import MadeBy
from workdir import Workdir, records, texts

MAKING = Making(MadeBy(), lambda _job, _name: "")


def table(out: bytes) -> dict[str, list[str]]:
    """The lines of the table, by input: rows, bytes, output, state."""
    lines = [line.split("\t") for line in out.decode().splitlines() if "\t" in line]
    assert lines[0] == ["input", "rows", "bytes", "output", "state"]
    return {line[0]: line[1:] for line in lines[1:]}


def value(out: bytes, what: str) -> str:
    """What one of the lines after the table says first."""
    found = re.search(rf"^{what} +(\S+)", out.decode(), re.MULTILINE)
    assert found, out
    return found[1].replace(",", "")


@pytest.fixture
def pool(work: Workdir) -> Workdir:
    """Two shards with a seal, one without."""
    for name, count in (("a", 120), ("b", 90)):
        work.write(f"{name}.jsonl", records(texts(count, words=200)))
    work.ok("ds-chunk -q a.jsonl b.jsonl -o chunks/ && mv b.jsonl chunks/plain.jsonl && rm a.jsonl")
    work.ok("ds-embed -q --dimension 64 chunks/a.jsonl.zst -o emb/")
    return work


@pytest.mark.parametrize("pool", ["--scores scores.npy pool.jsonl", "scored.jsonl.zst", "pool.jsonl"])
def test_report_reads_the_beginning_and_writes_nothing(chain: Workdir, pool: str) -> None:
    chain.ok("ds-topk -q -k 20 --scores scores.npy pool.jsonl -o chosen.jsonl.zst")
    line = f"ds-report --choice chosen.jsonl.zst --target target.npz --target-texts target.jsonl {pool} -o report.html"
    before = chain.names()
    done = chain.ok(f"{line} --dry-run")
    assert chain.names() == before
    rows = len(chain.read("pool.jsonl").splitlines())
    files = pool.replace("--scores", "").split()
    assert set(table(done.out)) == {"chosen.jsonl.zst", "target.npz", "target.jsonl", *files}
    assert f" s for {rows} rows of the pool read" in done.out.decode()
    assert " s for 20 rows of the choice read and explained" in done.out.decode()
    chain.ok(line)
    chain.fails(f"{line} --dry-run --target-texts -", "--dry-run looks at files", status=2)


def test_embed_says_what_is_there_and_what_it_would_make(pool: Workdir) -> None:
    before = pool.names()
    line = "ds-embed --dimension 64 chunks/a.jsonl.zst chunks/b.jsonl.zst chunks/plain.jsonl -o emb/"
    done = pool.ok(f"{line} --dry-run")
    assert pool.names() == before
    rows = len(pool.ok("zstdcat chunks/a.jsonl.zst").out.splitlines())
    found = table(done.out)
    assert found["chunks/a.jsonl.zst"][::3] == [str(rows), "complete"]
    assert found["chunks/b.jsonl.zst"][2:] == ["emb/b.npy", "to make"]
    assert found["chunks/plain.jsonl"][:2] == ["90", str((pool.path / "chunks/plain.jsonl").stat().st_size)]
    assert "3 of 3 inputs are this shard's; outputs: 1 complete, 2 to make" in done.out.decode()
    assert int(value(done.out, "rows")) == int(found["chunks/b.jsonl.zst"][0]) + 90
    assert done.err == ""
    pool.ok(line)
    after = pool.ok(f"{line} --dry-run").out
    assert {entry[3] for entry in table(after).values()} == {"complete"}
    assert not re.search(r"^time", after.decode(), re.MULTILINE)
    # Made in another way is not made.
    other = pool.ok(f"{line} --dry-run --dimension 32").out
    assert {entry[3] for entry in table(other).values()} == {"to make"}


def test_chunk_says_what_it_would_make(work: Workdir) -> None:
    for name, count in (("a", 400), ("b", 90)):
        work.write(f"{name}.jsonl", records(texts(count, words=200)))
    work.ok("ds-chunk -q a.jsonl -o chunks/")
    before = work.names()
    done = work.ok("ds-chunk a.jsonl b.jsonl -o chunks/ --dry-run")
    assert work.names() == before
    assert table(done.out) == {"a.jsonl": ["400", str((work.path / "a.jsonl").stat().st_size), "chunks/a.jsonl.zst",
                                           "complete"],
                               "b.jsonl": ["90", str((work.path / "b.jsonl").stat().st_size), "chunks/b.jsonl.zst",
                                           "to make"]}
    said = float(value(done.out, "output"))
    work.ok("ds-chunk a.jsonl b.jsonl -o chunks/")
    assert said == pytest.approx((work.path / "chunks/b.jsonl.zst").stat().st_size / 1e6, abs=0.06)
    # A name is a part of what is written: an id may be made of it.
    work.ok("mv a.jsonl c.jsonl && mv chunks/a.jsonl.zst chunks/c.jsonl.zst")
    assert table(work.ok("ds-chunk c.jsonl -o chunks/ --dry-run").out)["c.jsonl"][3] == "to make"


def test_only_this_shards_part(pool: Workdir) -> None:
    line = "ds-embed --dimension 64 chunks/* -o new/ --dry-run"
    done = pool.ok(f"{line} --shard 1/2")
    assert list(table(done.out)) == ["chunks/b.jsonl.zst"]
    assert "1 of 3 inputs are this shard's; outputs: 0 complete, 1 to make" in done.out.decode()
    assert "nothing to do: 3 inputs leave none" in pool.ok(f"{line} --shard 5/6").err
    assert "new" not in pool.names()


@pytest.mark.parametrize("output", ["big.npy", "big.jsonl.zst", "big.jsonl"])
def test_the_bytes_are_the_ones_that_are_written(work: Workdir, output: str) -> None:
    work.write("pool.jsonl", records(texts(700)))
    line = f"ds-embed pool.jsonl --dimension 512 -o {output}"
    said = float(value(work.ok(f"{line} --dry-run").out, "output"))
    assert output not in work.names()
    work.ok(line)
    assert said == pytest.approx((work.path / output).stat().st_size / 1e6, abs=0.06)


@pytest.mark.parametrize("inputs", ["pool.npy", "carried.jsonl.zst"])
def test_score_measures_what_it_would_do(chain: Workdir, inputs: str) -> None:
    line = f"ds-score --target target.npz {inputs} -o new/"
    done = chain.ok(f"{line} --dry-run")
    assert "new" not in chain.names()
    assert table(done.out)[inputs][::3] == ["300", "to make"]
    assert float(value(done.out, "memory")) > 50
    assert value(done.out, "rows") == "300"
    chain.ok(line)
    assert table(chain.ok(f"{line} --dry-run").out)[inputs][3] == "complete"


def test_a_rule_that_reads_texts_is_measured_too(chain: Workdir) -> None:
    chain.ok("ds-target-stats -q --method dsir --target target.jsonl pool.jsonl -o dsir.npz")
    done = chain.ok("ds-score --target dsir.npz pool.jsonl -o new/ --dry-run")
    assert table(done.out)["pool.jsonl"][::3] == ["300", "to make"]
    assert "new" not in chain.names()


def test_unsealed_vectors_say_their_rows(chain: Workdir) -> None:
    chain.ok("python -c \"import numpy as np; np.save('theirs.npy', np.load('pool.npy'))\"")
    assert table(chain.ok("ds-score --target target.npz theirs.npy --dry-run").out)["theirs.npy"][0] == "300"


@pytest.mark.parametrize(("how", "chosen"), [
    ("-k 20 --scores scores.npy pool.jsonl", 20), ("--fraction 0.1 scored.jsonl.zst", 30),
    ("--budget-words 1250 --scores scores.npy pool.jsonl", 20),
    ("-k 20 --temperature 0.5 --exclude target.jsonl scored.jsonl.zst", 20), ("-k 900 scored.jsonl.zst", 300),
])
def test_topk_says_what_it_would_choose(chain: Workdir, how: str, chosen: int) -> None:
    before = chain.names()
    done = chain.ok(f"ds-topk --dry-run {how} -o best.jsonl.zst")
    assert chain.names() == before
    found = table(done.out)
    assert found[how.split()[-1]][0::2] == ["300", "best.jsonl.zst"]
    assert "for 300 rows read and ranked, " in done.out.decode() or "for 600 rows" in done.out.decode()
    size = re.search(r"^output   ([0-9.]+) MB \(([0-9]+) records, [0-9]+ bytes each\)", done.out.decode(), re.MULTILINE)
    assert size
    chain.ok(f"ds-topk {how} -o best.jsonl.zst")
    assert int(size[2]) == int(chain.ok("zstdcat best.jsonl.zst | wc -l").out) == chosen
    assert float(size[1]) == pytest.approx((chain.path / "best.jsonl.zst").stat().st_size / 1e6, abs=0.06)


@pytest.mark.parametrize(("how", "steps"), [
    ("pool.npy", ["300 rows fitted to"]),
    ("--pool-sample 100 --share 0.3 --choose 30 pool.npy", ["100 rows fitted to", "300 rows read, --share apart"]),
    ("--source pool.npy --mix target.npy:0.3 --weights w.npy --passes 2 pool.npy", ["600 rows fitted to"]),
    ("--method random pool.npy", ["8 rows of the target fitted to"]),
    ("--method best-match pool.npy", ["300 rows fitted to"]),
    ("--method dsir --min-words 1 --target target.jsonl pool.jsonl", ["300 rows of the source counted"]),
])
def test_target_stats_says_what_a_fit_takes(chain: Workdir, how: str, steps: list[str]) -> None:
    np.save(chain.path / "w.npy", np.ones(300, dtype="f4"))
    before = chain.names()
    line = f"ds-target-stats {'' if '--target ' in how else '--target target.npy '}{how} -o fit.npz"
    done = chain.ok(f"{line} --dry-run")
    assert chain.names() == before
    found = table(done.out)
    assert found[how.split()[-1]][::2] == ["300", "fit.npz"]
    assert set(found) == {word.removesuffix(":0.3") for word in line.split() if re.search(r"\.(npy|jsonl)\b", word)}
    assert re.findall(r"for ([0-9]+ rows .*), [0-9,]+ rows/s \(measured on ", done.out.decode()) == steps
    chain.ok(line)
    assert float(value(done.out, "output")) == pytest.approx((chain.path / "fit.npz").stat().st_size / 1e6, abs=0.06)


@pytest.mark.parametrize(("how", "steps"), [
    ("best.jsonl", ["600 rows of the source counted", "20 rows of choices counted", "8 rows of the target that judge"]),
    ("--pool pool.jsonl --curve best.jsonl -o p.json",
     ["300 rows of the source counted", "600 rows of the pool counted", "380 rows of choices counted",
      "8 rows of the target that judge"]),
    ("--rules --fraction 0.2 --rule mean", ["600 rows of the source counted", "300 rows tried by rules"]),
    ("--target-vectors target.npy --source-vectors pool.npy --vectors best.npy best.jsonl",
     ["600 rows of the source counted", "20 rows of choices counted",
      "8 rows of the target that judge, vectors apart"]),
])
def test_probe_says_what_judging_takes(chain: Workdir, how: str, steps: list[str]) -> None:
    chain.ok("ds-topk -q -k 20 scored.jsonl.zst -o best.jsonl && ds-embed -q --dimension 64 best.jsonl -o best.npy")
    before = chain.names()
    line = f"ds-probe --target target.jsonl --source pool.jsonl {how}"
    done = chain.ok(f"{line} --dry-run")
    assert chain.names() == before
    assert set(table(done.out)) == {word for word in line.split() if word.endswith((".jsonl", ".npy"))}
    assert re.findall(r"for ([0-9]+ rows .*), [0-9,]+ rows/s \(measured on ", done.out.decode()) == steps
    chain.ok(line)


def test_train_says_what_it_would_be_of(chain: Workdir) -> None:
    config = {"model_type": "gpt2", "vocab_size": 300, "n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2}
    chain.write("config.json", json.dumps(config).encode())
    before = chain.names()
    line = ("ds-train --threads 1 --init config.json --objective clm --length 32 --batch 8 --epochs 0.02 --seeds 2 "
            "--eval target.jsonl --replay pool.jsonl --replay-share 0.2 pool.jsonl -o made/")
    said = chain.ok(f"{line} --dry-run").out
    assert chain.names() == before
    assert {name: entry[0::2] for name, entry in table(said).items()} == {
        "pool.jsonl": ["300", "made/"], "target.jsonl": ["8", "made/"]}
    assert "output   models in made/seed-0/, made/seed-1/; " in said.decode()
    assert "before training" in said.decode()
    chain.fails(f"{line.replace('--length 32', '--length 65')} --dry-run", "reads at most 64 tokens", status=2)
    done = chain.ok(line)
    assert f"300 documents, {int(value(said, 'tokens')):,} tokens, {int(value(said, 'steps')):,} steps" in done.err
    blocks = re.search(r"an epoch is ([0-9,]+) blocks of 32 tokens and ([0-9,]+) of --replay", said.decode())
    assert blocks
    assert f"replay: {blocks[2]} of the {sum(int(each.replace(',', '')) for each in blocks.groups()):,}" in done.err


def test_train_counts_labelled_texts(work: Workdir) -> None:
    (work.path / "base").mkdir()
    work.write("kinds.jsonl", b"".join(b'{"text": "a word %d", "label": %d}\n' % (i, i % 2) for i in range(64)))
    config = {"model_type": "bert", "vocab_size": 300, "hidden_size": 16, "num_hidden_layers": 1,
              "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64}
    work.write("base/config.json", json.dumps(config).encode())
    work.write("base/vocab.txt", "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "word"]).encode())
    said = work.ok("ds-train --init base --objective classify --batch 16 --epochs 2 kinds.jsonl -o made/ --dry-run").out
    assert "an epoch is 64 texts of at most 64 tokens" in said.decode()
    assert value(said, "steps") == "8"
    assert value(said, "tokens") == str(64 * 5)


def test_what_cannot_be_looked_at_beforehand_is_refused(chain: Workdir) -> None:
    chain.fails("ds-embed --dry-run < pool.jsonl", "--dry-run looks at files", status=2)
    chain.fails("ds-target-stats --dry-run --target target.npy -o t.npz < pool.npy", "looks at files", status=2)
    chain.fails("ds-target-stats --dry-run --screen --target target.npy pool.npy", "leave one of them out", status=2)
    chain.fails("ds-probe --dry-run --target target.jsonl --source pool.jsonl < pool.jsonl", "looks at files", status=2)
    chain.fails("ds-train --dry-run --init . --objective clm -o made/ < pool.jsonl", "looks at files", status=2)
    chain.fails("ds-topk --dry-run -k 3 < scored.jsonl.zst", "--dry-run looks at files", status=2)
    chain.fails("ds-topk --dry-run -k 3 --exclude <(cat target.jsonl) scored.jsonl.zst", "--dry-run looks at files",
                status=2)
    chain.fails("ds-embed --dry-run gone.jsonl -o new/", "gone.jsonl: No such file")
    chain.write("bad.jsonl", b'{"text": "a"}\nnot json\n')
    chain.fails("ds-embed --dry-run bad.jsonl -o new/", "bad.jsonl:2: ")
    assert "new" not in chain.names()


@pytest.mark.parametrize("how", ["cat", "gzip -c", "zstd -cq"])
def test_rows_are_told_from_the_beginning_of_a_large_file(work: Workdir, how: str) -> None:
    work.write("pool.jsonl", records(texts(20_000, words=40)))
    work.ok(f"{how} pool.jsonl > packed")
    size = (work.path / "packed").stat().st_size
    part = _row_counts.size_of(str(work.path / "packed"), size // 2)
    assert not part.exact
    assert part.rows == pytest.approx(20_000, rel=0.03)
    assert _row_counts.size_of(str(work.path / "packed"), size) == (20_000, True, size)


class Clock:
    """A clock that only the work moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("first", "window", "given"), [(10.0, 0.02, [256, 256, 1536, *[2048] * 60]),
                                                        (10.0, 8.0, [256, 256, 256])])
def test_the_estimate_is_of_the_rate_after_the_beginning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: float,
                                                         window: float, given: list[int]) -> None:
    """A fake command: ten seconds to begin, then so many seconds a window of 2048 rows."""
    clock = Clock()
    monkeypatch.setattr(_frame.time, "monotonic", clock)
    monkeypatch.setattr(_dry_run, "_seconds_since_start", lambda run: run.seconds)
    source = tmp_path / "in.jsonl"
    source.write_bytes(b'{"text": "a"}\n' * 1000)
    seen: list[int] = []

    def work(_: Provenance, __: object, run: _frame.Run) -> None:
        clock.now += first
        for rows in run.until_enough([[0] * 2048 for _ in range(1000)]):
            clock.now += window * len(rows) / 2048
            seen.append(len(rows))
            run.advance(len(rows))

    run = _frame.Run("ds-embed", quiet=True)
    clock.now += 5.0  # loading a model
    out = _dry_run.report([Job([str(source)], str(tmp_path / "out.npy"))], MAKING, work, Skipping(), 1, run)
    rate = 2048 / window
    assert f"time     {15.0 + 1000 / rate:,.1f} s: 15.0 s to begin, then {rate:,.0f} rows/s" in out
    assert seen[: len(given)] == given
    assert sum(seen) < 2048 * 1000


@pytest.mark.parametrize("sizes", [[300], [300_000], [300] * 50, [*[300] * 50, 300_000], [3, 300_000], [0, 300]])
@pytest.mark.parametrize(("row", "output"), [(1e-6, 0.004), (2e-5, 0.0), (4e-3, 0.1)])
def test_start_up_outputs_and_rows_are_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sizes: list[int],
                                                  row: float, output: float) -> None:
    """A fake command: seconds to load, seconds the first time it computes, then some for each output and row."""
    clock = Clock()
    monkeypatch.setattr(_frame.time, "monotonic", clock)
    monkeypatch.setattr(_dry_run, "_seconds_since_start", lambda run: run.seconds)
    found = []
    for number, size in enumerate(sizes):
        (tmp_path / f"{number}.jsonl").write_bytes(b'{"text": "a"}\n' * size)
        found.append(Job([str(tmp_path / f"{number}.jsonl")], str(tmp_path / f"{number}.npy")))
    first = [3.0]

    def work(provenance: Provenance, _: object, run: _frame.Run) -> None:
        clock.now += output
        size = sizes[int(Path(provenance.job.inputs[0]).stem)]
        for rows in run.until_enough([[0] * min(2048, size - start) for start in range(0, size, 2048)]):
            clock.now += row * len(rows) + (first.pop() if first else 0.0)
            run.advance(len(rows))

    run = _frame.Run("ds-score", quiet=True)
    clock.now += 1.5
    out = _dry_run.report(found, MAKING, work, Skipping(), len(found), run)
    truth = 1.5 + 3.0 + len(sizes) * output + sum(sizes) * row
    said = float(value(out.encode(), "time"))
    assert truth / 2 < said < 2 * truth
    # Closer than that: only what is rounded.
    assert said == pytest.approx(truth, rel=0.02, abs=0.11)


def test_bad_records_are_passed_over_in_each_sample(work: Workdir) -> None:
    work.write("pool.jsonl", records(texts(50)) + b"{half\n")
    work.ok("ds-embed --dry-run --skip-invalid 1 pool.jsonl -o emb/")
    work.fails("ds-embed --dry-run pool.jsonl -o emb/", "pool.jsonl:51: not JSON")


def test_the_start_of_python_counts(work: Workdir) -> None:
    work.write("pool.jsonl", records(texts(3)))
    program = "import time; time.sleep(3); import sys; sys.argv = sys.argv[1:]; from gotd.cli.embed import main; main()"
    assert float(value(work.ok(f'python -c "{program}" ds-embed --dry-run pool.jsonl -o emb/').out, "time")) >= 3.0
