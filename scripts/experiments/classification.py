"""Does a warm-up on the choice make a better classifier? Scores after fine-tuning, with and without.

    python classification.py DATA WORK [--scale tiny] [--rules FILE] [--budgets 2000] [--seeds 3]
                             [--labelled 250 --draws 1 --epochs 20 --rate 3e-3] [--precision bfloat16] [--part 0/2]

The base model makes a light pass on each rule's choice for the task, as in the domain study, or none; then it is given
a linear layer over the mean of its hidden states, and all of it is tuned on LABELLED texts of the task's training
split, alike for every rule; anew for each of DRAWS such samples, since much depends on which few texts have labels.
Texts longer than the model's positions are read in windows. For every (task, rule, budget, seed) one JSON line: macro
and micro F1 on the first held-out texts of the test split, the mean over the draws. Lines that are there already are
not made again; classification_table.py makes the table of them. The tasks are those of the domain study; glue.py is the
same for GLUE, where stsb is graded and its score is Spearman's correlation. Several processes (--part I/N) may share
the runs out once base.py has made the base.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from arguments import add_training, of_a_study, part_of, run_study
from base import Bench
from classification_table import GRADED, points, table
from data import DOMAIN_TASKS, Study, lines, shuffled
from deadline import Deadline
from domain import with_vectors
from machine import Machine
from probe_study import read_rules
from results import NO_WARM_UP, add_all, lines_of
from train_study import Run, light_pass
from tuning import Classifier, Labelled, Tuning, guesses, scores, tune

_HERE = Path(__file__).parent
#: A text is read up to this many windows of the model's positions.
_WINDOWS = 4
TEST_TEXTS = 2000
#: More than any study has; draws have seeds of their own.
_SEEDS = 100
#: Of a graded task.
_HIGHEST_GRADE = 5.0
#: By scale, of the studies' own models. Rates are those that did best on dev without a warm-up.
TUNINGS = {
    "tiny": Tuning(labelled=250, draws=1, epochs=20, rate=3e-3, split="test"),
    "mini": Tuning(labelled=250, draws=4, epochs=10, rate=1e-3, split="test"),
    "small": Tuning(labelled=250, draws=1, epochs=20, rate=1e-4, split="test"),
}
#: Chunks that a model of the scale is warmed up on.
BUDGETS = {"tiny": 2000, "mini": 20000, "small": 10000}


def drawn(file: Path, draw: int) -> list[bytes]:
    """Records of a split, in an order of each draw's own."""
    return shuffled(lines(file), " ".join([file.parent.name, file.name.split(".")[0], *([str(draw)] if draw else [])]))


def seed_of(run: Run, draw: int) -> int:
    """A draw's own."""
    return run.seed + draw * _SEEDS


def labelled(bench: Bench, file: Path, count: int, names: list[str], draw: int = 0) -> Labelled:
    """The first texts of a split. names : of the labels, none of a graded task"""
    records = [orjson.loads(line) for line in drawn(file, draw)[:count]]
    length = bench.shape.length
    windows = np.full((len(records), _WINDOWS, length), -1, dtype=np.int64)
    for row, ids in zip(windows, bench.tokenizer([record["text"] for record in records])["input_ids"], strict=True):
        held = np.array(ids[: _WINDOWS * length])
        row.reshape(-1)[: len(held)] = held
    given = [record["label"] for record in records]
    labels = [names.index(str(label)) for label in given] if names else np.array(given, np.float32) / _HIGHEST_GRADE
    return Labelled(windows, np.asarray(labels))


def label_names(task: str, file: Path) -> list[str]:
    """Labels of a split; none where the task is graded."""
    return [] if task in GRADED else sorted({str(orjson.loads(line)["label"]) for line in lines(file)})


def carry_out(bench: Bench, study: Study, data: Path, run: Run, how: Tuning) -> dict[str, Any]:
    """Warm up; tune and measure for each draw."""
    start = time.perf_counter()
    folder = data / "tasks" / run.task
    names = label_names(run.task, folder / "train.jsonl.zst")
    judged = labelled(bench, folder / f"{how.split}.jsonl.zst", TEST_TEXTS, names)
    warm = (bench.base() if run.rule == NO_WARM_UP else light_pass(bench, study, run)[0]).transformer
    found = []
    for draw in range(how.draws):
        train = labelled(bench, folder / "train.jsonl.zst", how.labelled, names, draw)
        torch.manual_seed(seed_of(run, draw))
        model = Classifier(deepcopy(warm), bench.shape.width, max(1, len(names))).to(bench.machine.device)
        tune(model, train, how, seed_of(run, draw), bench.machine)
        found.append(scores(judged.labels, guesses(model, judged, bench.machine)))
    means = {score: float(np.mean([each[score] for each in found])) for score in found[0]}
    return {**run._asdict(), **how._asdict(), **bench.machine._asdict(), "texts": len(judged.labels), **means,
            "seconds": round(time.perf_counter() - start, 1)}


def wanted(rules: list[str], tasks: list[str], budgets: list[int], seeds: int) -> Iterator[Run]:
    """All runs; no warm-up once for each task and seed, with a budget of 0."""
    for seed in range(seeds):
        for task in tasks:
            yield Run(task, NO_WARM_UP, 0, seed)
            for chunks in budgets:
                for rule in rules:
                    yield Run(task, rule, chunks, seed)


def of_labels(said: str | None, tasks: tuple[str, ...], tunings: Mapping[str, Tuning]) -> argparse.Namespace:
    """The arguments of a study whose end is a classifier. tunings : by scale, for what is not given"""
    parser = of_a_study(said)
    parser.add_argument("--rules", type=Path, default=_HERE / "rules" / "classification.txt")
    parser.add_argument("--budgets", type=int, nargs="+", help="in chunks; by default what suits the scale, as these:")
    parser.add_argument("--tasks", nargs="+", choices=tasks, default=list(tasks))
    parser.add_argument("--labelled", type=int, help="texts that are tuned on")
    parser.add_argument("--draws", type=int, help="samples of them, each for every warm-up")
    parser.add_argument("--epochs", type=int, help="of tuning, and")
    parser.add_argument("--rate", type=float, help="its highest learning rate")
    parser.add_argument("--split", choices=["dev", "test"], help="what is judged by")
    add_training(parser)
    given = parser.parse_args()
    given.budgets = given.budgets or [BUDGETS[given.scale]]
    for name, value in tunings[given.scale]._asdict().items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    return given


def go_on(given: argparse.Namespace, results: Path, deadline: Deadline,
          one: Callable[[Run, Tuning], dict[str, Any]]) -> None:
    """All that is missing, and the table. one : warms up, tunes and measures"""
    how = Tuning(*(getattr(given, name) for name in Tuning._fields))

    def there() -> list[dict[str, Any]]:
        return [line for line in lines_of(results) if how._asdict().items() <= line.items()]

    before = {Run(*(line[name] for name in Run._fields)) for line in there()}
    rules = [rule.written for rule in read_rules(given.rules)]
    every = list(wanted(rules, given.tasks, given.budgets, given.seeds))
    add_all(results, (one(run, how) for run in part_of(every, given.part) if run not in before),
            lambda run: f"{run['task']:20} {run['chunks']:6} {run['seed']} {points(run):.2f} {run['rule']}",
            deadline)
    print(table(there()))


def main(tasks: tuple[str, ...] = DOMAIN_TASKS, name: str = "classification", said: str | None = __doc__) -> None:
    """Lines go to WORK/SCALE/NAME.jsonl."""
    given = of_labels(said, tasks, TUNINGS)
    torch.set_num_threads(given.threads)
    deadline = Deadline(given.minutes)
    study = with_vectors(given.data, given.work, given.scale, given.rules, given.encoder)
    bench = Bench(study, given.scale, Machine.of(given), deadline)
    go_on(given, study.folder / f"{name}.jsonl", deadline,
          lambda run, how: carry_out(bench, study, given.data, run, how))


if __name__ == "__main__":
    run_study(main)
