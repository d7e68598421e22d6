"""scripts/experiments/times.py: medians by hand."""

import json

from workdir import Workdir

from .conftest import SCRIPTS


def table(work: Workdir, lines: list[dict[str, object]]) -> dict[str, list[str]]:
    """The cells of each rule's row."""
    work.write("lines.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())
    out = work.ok(f"python {SCRIPTS}/experiments/times.py lines.jsonl").out.decode()
    rows = [line[2:-2].split(" | ") for line in out.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows}


def test_a_ranking_counts_once_for_a_target_and_seeds_of_random_are_one_rule(work: Workdir) -> None:
    chosen = {"a": (4.0, 0.0), "b": (0.0, 9.0), "c": (5.0, 0.1)}  # the second budget takes the ranking of the first
    lines = [{"task": task, "rule": "got", "chunks": budget, "rank_seconds": seconds, "seconds": 10.0 * budget}
             for task, both in chosen.items() for budget, seconds in zip((1, 20), both, strict=True)]
    lines += [{"task": "a", "rule": f"random:seed={seed}", "chunks": 20, "seed": seed, "seconds": took}
              for seed, took in enumerate((1.0, 2.0, 7.0))]
    found = table(work, lines)
    assert found["rule"] == ["runs", "seconds to choose", "to train, 1 chunks", "to train, 20 chunks"]
    assert found["`got`"] == ["6", "5.0", "10.0", "200.0"]
    assert found["`random`"] == ["3", "-", "-", "2.0"]


def test_seconds_of_processors_come_before_the_clocks(work: Workdir) -> None:
    line = {"task": "a", "rule": "got", "chunks": 6, "seed": 0, "choose_seconds": 90.0, "choose_cpu_seconds": 9.0,
            "train_seconds": 80.0, "train_cpu_seconds": 8.0}
    assert table(work, [line])["`got`"] == ["1", "9.0", "8.0"]


def test_a_file_without_lines_is_named(work: Workdir) -> None:
    work.fails(f"python {SCRIPTS}/experiments/times.py nothing.jsonl", "times.py: error: nothing.jsonl: no such file")
