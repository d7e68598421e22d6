"""scripts/growth.py: what it computes against sums by hand, and that what it measures is of the right kind."""

import json
import runpy
import sys

import pytest

from workdir import Workdir, records, texts

from .conftest import SCRIPTS

ROOT = SCRIPTS.parent
#: Rates that are easy to reckon with: a millisecond a row.
PLAIN = {"gpu": False, "start_seconds": 0.0, "row_seconds": 1e-3, "cpu_seconds": 1e-3, "megabytes": 100}
RATES = {
    "machine": {"cpu": "a CPU", "threads": 2, "gpu": None}, "model": "hash", "documents": 100, "chunks": 200,
    "bytes": {"document": 500.0, "chunk": 300.0, "vector": 2000.0, "score": 4.0},
    "stages": {"ds-chunk": PLAIN, "ds-embed": PLAIN, "ds-target-stats": PLAIN | {"row_seconds": 1e-4},
               "ds-score": PLAIN | {"start_seconds": 360.0}, "ds-topk": PLAIN | {"megabytes_a_record": 0.01}},
}


#: A pool by pipes.
PIPE = "ds-chunk | ds-score | ds-topk"


def rows(work: Workdir, rates: dict[str, object], options: str = "") -> dict[str, list[str]]:
    """The table's rows, by their first cell."""
    work.write("rates.json", json.dumps(rates).encode())
    out = work.ok(f"python {SCRIPTS}/growth.py table rates.json {options}").out.decode()
    cells = [line[2:-2].split(" | ") for line in out.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in cells}


def test_the_table_is_the_sum_done_by_hand(work: Workdir) -> None:
    found = rows(work, RATES, "--documents 1e6 1e8 --fit-rows 1e6 --choose 100000")
    assert found["documents"] == ["10^6", "10^8"]
    assert found["chunks (2.00 a document)"] == ["2.00 million", "200.00 million"]
    # 2e6 chunks of 300 bytes, vectors of 2000, scores of 4; 1e5 records chosen.
    assert found["pool, and outputs beside it"][0] == "500.0 MB, 4.6 GB"
    # Read: pool, chunks, 1e6 vectors, all vectors, scores and chunks; written as above.
    read = 0.5 + 0.6 + 2.0 + 4.0 + 2 * 0.302 + 0.6 - 0.6
    total = read + 0.6 + 4.0 + 0.008 + 0.03 + 0.004
    assert float(found["read and written, all stages"][0].split()[0]) == pytest.approx(total, abs=0.06)
    # 1e6 documents at a millisecond: 16.7 minutes; 1e8: 27.8 hours, in tasks of an hour at most.
    assert found["`ds-chunk`"] == ["1 task of 17 min, 100.0 MB", "28 tasks of 60 min, 100.0 MB"]
    # A task of ds-score takes six minutes to begin: 54 are left for 55.6 hours of rows.
    assert found["`ds-score`"][1] == "62 tasks of 60 min, 100.0 MB"
    # One task reads no more vectors than it needs.
    assert found["`ds-target-stats`"] == ["1 task of 2 min, 100.0 MB"] * 2
    # A hundred thousand records of 10 kB beside what it holds anyway.
    assert found["`ds-topk`"] == ["1 task of 33 min, 1.1 GB", "1 task of 55.6 h, 1.1 GB"]
    # A millisecond for each of 1e6 documents and three times 2e6 chunks, a tenth for 1e6 vectors; 6 minutes to begin.
    assert found["CPU hours in all"][0] == f"{(1e6 + 3 * 2e6 + 1e5) * 1e-3 / 3600 + 0.1:.1f}"
    assert "GPU hours in all" not in found


def test_gpu_time_is_of_the_stages_that_ran_on_one(work: Workdir) -> None:
    on_gpu = RATES | {"machine": {"cpu": "a CPU", "threads": 8, "gpu": "a GPU"}}
    on_gpu["stages"] = RATES["stages"] | {"ds-embed": PLAIN | {"gpu": True, "cpu_seconds": 4e-3}}
    found = rows(work, on_gpu, "--documents 1e6 --fit-rows 1e6")
    assert found["GPU hours in all"] == [f"{2e6 * 1e-3 / 3600:.1f}"]
    assert found["CPU hours in all"] == [f"{(1e6 + 2 * 2e6 + 1e5 + 4 * 2e6) * 1e-3 / 3600 + 0.1:.1f}"]


def test_by_pipes_only_the_sample_is_embedded_and_only_the_best_are_written(work: Workdir) -> None:
    rates = RATES | {"stages": RATES["stages"] | {PIPE: PLAIN | {"row_seconds": 2e-3}}}
    found = rows(work, rates, "--documents 1e6 1e8 --fit-rows 1e6 --choose 100000")
    # 2e6 and 2e8 chunks at two milliseconds: 67 minutes and 111.1 hours, in tasks of an hour at most.
    tasks = found["by pipes: `ds-chunk \\| ds-score \\| ds-topk`"]
    assert tasks == ["2 tasks of 33 min, 1.1 GB", "112 tasks of 60 min, 1.1 GB"]
    # Chunks and vectors of the sample (1e6 of 300 and 2000 bytes), a task's best (1e5 of 300), the choice among them.
    assert found["**by pipes:** outputs"] == ["2.4 GB", "5.7 GB"]
    assert found["by pipes: `ds-chunk`"] == ["1 task of 8 min, 100.0 MB"] * 2
    assert found["by pipes: `ds-embed`"] == ["1 task of 17 min, 100.0 MB"] * 2
    # The choice again, among the best of 2 and 112 tasks, at a millisecond a record.
    assert found["by pipes: `ds-topk`"] == ["1 task of 3 min, 1.1 GB", "1 task of 3.1 h, 1.1 GB"]
    seconds = 5e5 * 1e-3 + 1e6 * 1e-3 + 1e6 * 1e-4 + 2e6 * 2e-3 + 2e5 * 1e-3
    assert found["by pipes: CPU hours in all"][0] == f"{seconds / 3600:.1f}"


def test_the_readmes_table_is_of_the_rates_that_are_kept(work: Workdir) -> None:
    out = work.ok(f"python {SCRIPTS}/growth.py table {SCRIPTS}/growth-2-cores.json").out.decode()
    assert out.strip() in (ROOT / "scripts/README.md").read_text()


@pytest.mark.slow
def test_measured_on_a_sample(work: Workdir) -> None:
    names = ["part.0.jsonl", "part.1.jsonl", "2024.01.jsonl"]
    for number, count in enumerate([50, 150, 300]):
        work.write(names[number], records(texts(count, seed=number, words=200)))
    work.write("target.jsonl", records(texts(40, seed=9)[::5]))
    line = f"python {SCRIPTS}/growth.py measure --target target.jsonl -k 200 {' '.join(names)}"
    before = work.names()
    rates = json.loads(work.ok(line).out)
    assert work.names() == before
    assert rates["documents"] == 500
    assert rates["chunks"] > 500  # documents longer than a chunk
    assert set(rates["stages"]) == {*RATES["stages"], PIPE}
    sizes = rates["bytes"]
    assert sizes["vector"] == pytest.approx(2048, rel=0.01)
    assert 4 < sizes["score"] < 8  # beside so few, the header and the seal weigh something
    assert sizes["document"] == pytest.approx(sum(len(work.read(name)) for name in names) / 500)
    assert all(rate["megabytes"] > 5 for rate in rates["stages"].values())
    assert len(rows(work, rates)["`ds-score`"]) == 4
    small = json.loads(work.ok(f"{line} --dimension 256").out)
    assert small["bytes"]["vector"] == pytest.approx(512, rel=0.02)


def test_where_fewer_are_there_than_should_be_chosen_a_record_weighs_its_part_of_those(work: Workdir) -> None:
    growth = runpy.run_path(f"{SCRIPTS}/growth_rates.py")
    held = {"500": 110, "1": 100}  # megabytes; a file more is a row more
    growth["Sample"].choose.__globals__["run"] = lambda *words: growth["Ran"](
        len([word for word in words if word.endswith(".jsonl")]), 1.0, 1.0, held[words[words.index("-k") + 1]])
    sample = growth["Sample"](work.path, gpu=False, threads=1)
    sample.choose(["a.jsonl", "b.jsonl"], 500)
    assert sample.stages["ds-topk"]["megabytes_a_record"] == 5.0


def test_of_a_pipe_the_command_that_broke_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from growth_rates import run_pipe

    with pytest.raises(SystemExit, match=f"{sys.executable} ended with 3: no target"):
        run_pipe([["yes"], [sys.executable, "-c", "import sys; print('no target', file=sys.stderr); sys.exit(3)"]])


@pytest.mark.heavy
def test_one_file_is_too_few_and_a_failing_command_is_named(work: Workdir) -> None:
    work.write("a.jsonl", records(texts(5)))
    line = f"python {SCRIPTS}/growth.py measure --target a.jsonl"
    work.fails(f"{line} a.jsonl", "give several files")
    work.write("b.jsonl", b'{"no": "text"}\n')
    assert "ds-chunk ended with 1" in work.run(f"{line} a.jsonl b.jsonl").err
