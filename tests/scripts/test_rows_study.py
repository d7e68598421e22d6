"""The study by the number of rows: which rows there are, its two averages, its ridge, and all steps on few texts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workdir import Workdir, records, texts

from .conftest import STUDY, module

pytestmark = [pytest.mark.usefixtures("study_modules"), pytest.mark.xdist_group("experiments")]  # they share one study

TASKS = ("chemprot", "rct_ei", "agnews", "amazon_helpfulness")
RULES = ("random", "got:ridge=1", "classifier")
LINE = (f"python {STUDY}/rows_study.py . work --rules rules.txt --rows 100 400 --draws 2 1 --reference got:ridge=1")


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """A pool of six domains, of which two know the targets' subjects, and the study of it."""
    made = Workdir(tmp_path_factory.mktemp("rows"))
    for folder in ("pool", *(f"tasks/{task}" for task in TASKS)):
        (made.path / folder).mkdir(parents=True)
    for number, domain in enumerate(("books", "news", "webtext", "wikipedia", "amazon", "pubmed")):
        known = [text for i, text in enumerate(texts(300, seed=number, words=80)) if (i % 5 > 2) == (number > 3)]
        made.write(f"pool/{domain}.jsonl", records(known))
    for number, task in enumerate(TASKS):
        for seed, split in enumerate(("train", "test")):
            made.write(f"tasks/{task}/{split}.jsonl", records(texts(100, seed=10 * number + seed)[number % 2 + 3 :: 5]))
    made.ok("zstd -q --rm pool/*.jsonl tasks/*/*.jsonl")
    small = "import data; from pathlib import Path; data.SCALES['tiny'] = data.Scale(300, 0)"
    made.ok(f'python -c "{small}; data.lay_out(Path(), Path(\'work\'), \'tiny\')"', PYTHONPATH=str(STUDY))
    made.write("rules.txt", "\n".join(RULES).encode())
    made.write("out", made.ok(LINE).out)
    return made


def lines(work: Workdir) -> list[dict[str, Any]]:
    return [json.loads(line) for line in work.read("work/tiny/rows.jsonl").splitlines()]


@pytest.mark.slow
def test_every_rule_is_judged_on_every_number_of_rows(studied: Workdir) -> None:
    wanted = {(task, *pool, rule) for task in (*TASKS, "mixed") for pool in ((100, 0, 5), (100, 1, 5), (400, 0, 20))
              for rule in RULES}
    assert {(x["task"], x["rows"], x["draw"], x["chunks"], x["rule"]) for x in lines(studied)} == wanted
    assert len(lines(studied)) == len(wanted)
    out = studied.read("out").decode()
    for rows, column in ((100, 2), (400, 3)):
        for name, title in (("nats_per_word", "By the word"), ("nats_per_word_by_text", "By the text")):
            mean = np.mean([x[name] for x in lines(studied) if x["rows"] == rows and x["rule"] == "classifier"])
            table = out.split(f"{title}, nats a word:")[1].split("\n\n")[1]
            line = next(line for line in table.splitlines() if "classifier" in line)
            assert line.split("|")[column].split(",")[0].strip() == f"{mean:.4f}"


@pytest.mark.slow
def test_a_choice_of_the_targets_subject_is_better_than_any(studied: Workdir) -> None:
    nats = {rule: np.mean([x["nats_per_word"] for x in lines(studied) if x["rule"] == rule and x["rows"] == 400])
            for rule in RULES}
    assert nats["got:ridge=1"] < nats["random"]


@pytest.mark.slow
def test_nothing_twice_and_the_same_tables(studied: Workdir) -> None:
    before = studied.read("work/tiny/rows.jsonl")
    assert studied.ok(LINE).out.split(b"By the word")[1] == studied.read("out").split(b"By the word")[1]
    assert studied.read("work/tiny/rows.jsonl") == before


@pytest.mark.slow
def test_a_ranking_has_the_drawn_rows_and_a_smaller_draw_is_part_of_a_larger(studied: Workdir) -> None:
    rules, study = module("rules"), module("data").Study(studied.path / "work/tiny")
    few, many, other = (rules.Rule.parse(f"{rule}:rows={rows}:draw={draw}")
                        for rule, rows, draw in (("classifier", 100, 0), ("got", 400, 0), ("classifier", 100, 1)))
    some = rules.pool_rows(study, few)
    assert set(some) < set(rules.pool_rows(study, many))
    assert set(some) != set(rules.pool_rows(study, other))
    assert sorted(rules.ranked(study, "agnews", few, 5)) == sorted(some)
    words = rules.Rule.parse("dsir:min_words=10:rows=100")
    assert sorted(rules.ranked(study, "agnews", words, 5)) == sorted(some)
    with pytest.raises(SystemExit, match="the pool has"):
        rules.pool_rows(study, rules.Rule.parse("got:rows=1000000"))


def test_the_draws_of_a_rule_are_one_cell_and_a_cell_without_all_targets_is_empty() -> None:
    study = module("rows_table")
    some = [{"task": task, "rows": 100, "draw": draw, "rule": "got", "chunks": 5, "order": 3, "lambda": 0.3,
             "nats_per_word": nats, "base_nats_per_word": 9.0} for task, draw, nats in
            (("a", 0, 6.0), ("a", 1, 7.0), ("b", 0, 8.0))]
    more = {**some[0], "rule": "random", "nats_per_word": 9.0}
    table = study.table(study.read([*some, more], None), "got", "")
    assert "| `got` | 7.2500 |" in table
    assert "| `random` |  |" in table


def test_a_ridge_and_an_eps_that_follow_the_rows(tmp_path: Path) -> None:
    rules, study = module("rules"), module("data").Study(tmp_path)
    rng = np.random.default_rng(0)
    (tmp_path / "vectors/hash/targets").mkdir(parents=True)
    spread = np.linspace(3.0, 0.1, 16)
    np.save(tmp_path / "vectors/hash/pool.npy", (rng.normal(size=(400, 16)) * spread).astype(np.float16))
    np.save(tmp_path / "vectors/hash/targets/a.npy", (rng.normal(size=(60, 16)) * spread + 1).astype(np.float16))
    order = {written: rules.ranked(study, "a", rules.Rule.parse(f"got:{written}"), 40)
             for written in ("ridge=2s:epsilon=0.6s", "ridge=0.4:epsilon=0.5", "ridge=0.2:epsilon=0.5",
                             "ridge=0.4:epsilon=0.6")}
    # s is sqrt(16 / 400) = 0.2.
    np.testing.assert_array_equal(order["ridge=2s:epsilon=0.6s"], order["ridge=0.4:epsilon=0.5"])
    assert all((order[other] != order["ridge=0.4:epsilon=0.5"]).any()
               for other in ("ridge=0.2:epsilon=0.5", "ridge=0.4:epsilon=0.6"))
