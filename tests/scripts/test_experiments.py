"""The domain study on a few hundred texts: every step runs, nothing twice, and its judge is ds-probe."""

import json
import re
import runpy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workdir import Workdir, records, texts

from .conftest import SCRIPTS, module

pytestmark = pytest.mark.xdist_group("experiments")  # they share one study

STUDY = SCRIPTS / "experiments"
GENERAL, OTHERS = ("books", "news", "webtext", "wikipedia"), ("amazon", "pubmed")
TASKS = ("chemprot", "rct_ei", "agnews", "amazon_helpfulness")
RULES = "random  # drawn\ngot\ndsir:min_words=10\ngot:source=general:rounds=2\n"
BUDGET = 20


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """A pool of six domains, of which two know the targets' subjects, and the study of it."""
    made = Workdir(tmp_path_factory.mktemp("study"))
    for folder in ("pool", *(f"tasks/{task}" for task in TASKS)):
        (made.path / folder).mkdir(parents=True)
    for number, domain in enumerate((*GENERAL, *OTHERS)):
        some = texts(300, seed=number, words=80)
        known = [text for i, text in enumerate(some) if (i % 5 > 2) == (domain in OTHERS)]
        made.write(f"pool/{domain}.jsonl", records(known))
    for number, task in enumerate(TASKS):
        for seed, split in enumerate(("train", "test")):
            made.write(f"tasks/{task}/{split}.jsonl", records(texts(100, seed=10 * number + seed)[number % 2 + 3 :: 5]))
    made.ok("zstd -q --rm pool/*.jsonl tasks/*/*.jsonl")
    made.write("rules.txt", RULES.encode())
    made.write("out", made.ok(LINE).out)
    return made


LINE = f"python {STUDY}/domain.py . work --rules rules.txt --budgets {BUDGET} --seeds 1 --processes 2"


def lines(work: Workdir, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in work.read(f"work/tiny/{name}").splitlines()]


@pytest.mark.slow
@pytest.mark.heavy
def test_every_rule_is_judged_twice_on_every_target(studied: Workdir) -> None:
    rules = {line.split()[0] for line in RULES.splitlines()}
    probed, trained = lines(studied, "probe.jsonl"), lines(studied, "train.jsonl")
    assert {(line["task"], line["rule"]) for line in probed} == {(t, r) for t in (*TASKS, "mixed") for r in rules}
    assert len(trained) == len(probed)
    assert len({line["tokens"] for line in trained}) == 1
    out = studied.read("out").decode()
    assert all(out.count(f"| `{rule}` |") == 2 for rule in rules)
    assert out.count("differences from `got`;") == 2  # in whatever order lines were written
    assert out.count("rank correlation") == 2  # by either average
    assert "| - |" not in out


@pytest.mark.slow
@pytest.mark.heavy
def test_lines_hold_both_averages_and_their_intervals(studied: Workdir) -> None:
    held_out = studied.ok("zstdcat work/tiny/held-out/agnews.jsonl.zst").out.splitlines()
    words = np.array([len(re.findall(r"\w+|[^\w\s]+", json.loads(line)["text"])) for line in held_out])
    line = next(line for line in lines(studied, "probe.jsonl") if (line["task"], line["rule"]) == ("agnews", "got"))
    costs = np.load(studied.path / f"work/tiny/costs/agnews/got@{BUDGET}-3-0.3.npy")
    assert line["nats_per_word"] == pytest.approx(costs.sum() / words.sum())
    assert line["nats_per_word_by_text"] == pytest.approx((costs / words).mean())
    for name, unit in (("probe.jsonl", "word"), ("train.jsonl", "token")):
        for line in (line for line in lines(studied, name) if line["rule"] == "got"):
            for figure in (f"{start}nats_per_{unit}{ending}" for start in ("", "base_") for ending in ("", "_by_text")):
                low, high = line[f"{figure}_95"]
                assert low <= line[figure] <= high
            assert line[f"nats_per_{unit}_by_text_95"][0] < line[f"nats_per_{unit}_by_text_95"][1]


@pytest.mark.slow
@pytest.mark.heavy
def test_lines_without_the_text_average_are_said_to_have_none(studied: Workdir) -> None:
    kept = [{name: value for name, value in line.items() if "by_text" not in name}
            for line in lines(studied, "probe.jsonl")]
    studied.write("old.jsonl", b"".join(json.dumps(line).encode() + b"\n" for line in kept))
    elsewhere = studied.ok(f"python {STUDY}/tables.py old.jsonl").out.decode().splitlines()
    here = studied.ok(f"python {STUDY}/tables.py old.jsonl --work work").out.decode().splitlines()
    row = next(row for row in elsewhere if row.startswith("| `random` |")).split(" | ")
    assert row[3:5] == ["-", "-"]
    whole = next(row for row in here if row.startswith("| `random` |")).split(" | ")
    assert "-" not in whole
    # How far rules are apart is known of the lines; an interval over texts is not.
    assert [whole[1], whole[2].split()[0]] == row[1:3]


@pytest.mark.slow
@pytest.mark.heavy
def test_a_choice_of_the_targets_subject_lowers_the_loss(studied: Workdir) -> None:
    trained = [line for line in lines(studied, "train.jsonl") if line["task"] == "chemprot"]
    loss = {rule: np.mean([line["nats_per_token"] for line in trained if line["rule"] == rule])
            for rule in ("got", "random")}
    assert loss["got"] < loss["random"] < trained[0]["base_nats_per_token"]


@pytest.mark.slow
@pytest.mark.heavy
def test_the_same_line_again_makes_nothing_but_the_tables(studied: Workdir) -> None:
    before = {name: (studied.path / name).stat().st_mtime_ns for name in studied.names() if ".jsonl" in name}
    assert studied.ok(LINE).out.splitlines()[-20:] == studied.read("out").splitlines()[-20:]
    assert before == {name: (studied.path / name).stat().st_mtime_ns for name in before}


@pytest.mark.slow
@pytest.mark.heavy
def test_its_probe_is_ds_probe(studied: Workdir) -> None:
    line = next(line for line in lines(studied, "probe.jsonl") if (line["task"], line["rule"]) == ("agnews", "got"))
    pool = studied.ok("zstdcat work/tiny/pool.jsonl.zst").out.splitlines(keepends=True)
    rankings = list((studied.path / "work/tiny/rankings/agnews").glob("got-*.npy"))
    said = []
    for ranking in rankings:
        studied.write("choice.jsonl", b"".join(pool[row] for row in np.load(ranking)))
        out = studied.ok(f"ds-probe --json --budget {line['words']} --target work/tiny/held-out/agnews.jsonl.zst "
                         "--source work/tiny/source.jsonl.zst --pool work/tiny/pool.jsonl.zst choice.jsonl").out
        said.append({row["kind"]: row["nats_per_token"]["value"] for row in json.loads(out)["rows"]})
    figures = [(row["none"], row["choice"]) for row in said]
    wanted = (line["base_nats_per_word"], line["nats_per_word"])
    assert any(found == pytest.approx(wanted, rel=1e-9) for found in figures), (wanted, figures)


def test_a_correlation_within_targets_is_not_the_one_over_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(STUDY))
    tables = SimpleNamespace(**runpy.run_path(str(STUDY / "tables.py")))

    def found(losses: dict[str, list[float]]) -> Any:
        return {rule: {(task, 500): tables.Judged({"": loss}, {"": 10.0}, None)
                       for task, loss in zip("ab", each, strict=True)} for rule, each in losses.items()}

    # Target b is the easier one by both; the probe orders the rules for a as training does, and for b backwards.
    said = tables.foretold(found({"one": [9.0, 2.0], "two": [8.0, 1.0]}), found({"one": [9.0, 1.0], "two": [8.0, 2.0]}))
    assert "rank correlation 0.80 over 4 " in said
    assert "0.00 on average, -1.00 the least (b, 500 chunks)" in said


def test_an_interval_is_of_paired_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(STUDY))
    tables = SimpleNamespace(**runpy.run_path(str(STUDY / "tables.py")))
    costs, lengths = np.random.default_rng(0).normal(100, 30, size=400), np.full(400, 10)
    cell, other = ("a task", 500), ("a task", 2000)
    # Every text costs 2 nats more: however texts are drawn, the difference is the same.
    found = {rule: {at: judged(tables, each, lengths) for at in (cell, other)}
             for rule, each in (("ours", costs), ("worse", costs + 2.0), ("noisy", costs[::-1]))}
    assert tables.interval(found, "worse", "ours", [cell, other], 200) == pytest.approx((0.2, 0.2, 0.2))
    more, low, high = tables.interval(found, "noisy", "ours", [cell, other], 2000)
    assert more == pytest.approx(0.0, abs=1e-12)
    # The standard error of a mean of 400 differences of standard deviation sqrt(2) 30, times 400 texts by 4000 units.
    error = np.std(costs[::-1] - costs) * np.sqrt(400) / 4000
    assert high == pytest.approx(1.96 * error, rel=0.15)
    assert low == pytest.approx(-1.96 * error, rel=0.15)
    assert tables.interval(found, "noisy", "ours", [cell], 2000, "_by_text") == pytest.approx((more, low, high))
    # Four copies of a hundred texts are a hundred texts.
    copied = {rule: {cell: judged(tables, each, lengths, np.arange(400) // 4)}
              for rule, each in (("ours", costs), ("noisy", costs + np.repeat(costs[:100] - 100.0, 4)))}
    _, low, high = tables.interval(copied, "noisy", "ours", [cell], 2000)
    assert (high - low) / 2 == pytest.approx(1.96 * np.std(costs[:100]) / np.sqrt(100) / 10, rel=0.15)


def test_an_average_by_the_text_counts_short_texts_as_long_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(STUDY))
    tables = SimpleNamespace(**runpy.run_path(str(STUDY / "tables.py")))
    # One long text of which a rule knows more, and three short ones of which it knows less; one has no words.
    lengths, cell = np.array([97, 1, 1, 1, 0]), ("a task", 500)
    found = {"ours": {cell: judged(tables, 5.0 * lengths, lengths)},
             "other": {cell: judged(tables, np.array([97 * 4.0, 6.0, 6.0, 6.0, 0.0]), lengths)}}
    assert tables.interval(found, "other", "ours", [cell], 100)[0] == pytest.approx(-0.94)
    assert tables.interval(found, "other", "ours", [cell], 100, "_by_text")[0] == pytest.approx(0.5)


def judged(tables: Any, costs: np.ndarray, lengths: np.ndarray, units: np.ndarray | None = None) -> Any:
    """Of texts, of which those of a unit are resampled together."""
    kept = module("costs")
    held_out = kept.HeldOut(lengths, np.arange(len(costs)) if units is None else units)
    return tables.Judged({}, {}, kept.Costs(costs, held_out))


def test_the_texts_of_the_mixed_target_are_drawn_with_those_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(STUDY))
    tables = SimpleNamespace(**runpy.run_path(str(STUDY / "tables.py")))
    more = {task: np.random.default_rng(seed).normal(0, 30, size=1000) for seed, task in enumerate(TASKS)}
    more["mixed"] = np.concatenate([more[task][:250] for task in TASKS])
    ones = np.ones(1000, dtype=np.int64)
    found = {"ours": {(task, 500): judged(tables, np.zeros(1000), ones) for task in more},
             "noisy": {(task, 500): judged(tables, costs, ones) for task, costs in more.items()}}
    mean, low, high = tables.interval(found, "noisy", "ours", list(found["ours"]), 4000)
    assert mean == pytest.approx(np.mean([costs.mean() for costs in more.values()]))
    # Of a task's texts 750 count once and 250, in the mixed target too, twice: 1,750 units of variance, where targets
    # that had nothing in common would have 1,250. A mean over 5 targets of 1,000 units.
    error = 30 * np.sqrt(4 * (750 + 250 * 2**2)) / 5000
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.06)
