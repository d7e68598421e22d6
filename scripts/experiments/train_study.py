"""Rules judged by training: a light pass of the base model on each choice, and its loss on held-out target text.

    python train_study.py WORK [--scale tiny] [--rules FILE] [--budgets 500 2000] [--seeds 3] [--part 0/2]

For every target, rule, budget and seed one JSON line: nats by the token and by the text (averages.py). Every choice has
the same tokens, the first of the rule's ranking. Lines that are there already are not made again. A rule's ranking is
the one the probe judged (rules.py); `random` is drawn anew for each seed. Costs of every held-out text stay in WORK,
for intervals. Several processes share the runs out by --part I/N; all append to one file.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from arguments import add_training, part_of, run_study
from averages import averages, units_of
from base import Bench
from costs import keep
from data import SCALES, TARGETS, Study
from deadline import Deadline
from machine import Machine
from probe_study import BUDGETS, read_rules
from results import add_all, lines_of, whole
from rules import Rule, ranked

_HERE = Path(__file__).parent


class Run(NamedTuple):
    """One training. chunks : of the budget, in which a chunk counts as many tokens as the pool's mean"""

    task: str
    rule: str
    chunks: int
    seed: int


def done(results: Path) -> set[Run]:
    """The runs that a results file holds already."""
    return {Run(*(line[name] for name in Run._fields)) for line in lines_of(results)}


def wanted(rules: list[Rule], tasks: list[str], budgets: list[int], seeds: int) -> Iterator[Run]:
    """All runs, in an order in which every rule has been tried once before any is tried twice."""
    for chunks in budgets:
        for seed in range(seeds):
            for task in tasks:
                for rule in rules:
                    yield Run(task, rule.written, chunks, seed)


def base_costs(bench: Bench, study: Study, task: str) -> np.ndarray:
    """Nats of each held-out text under the base model, measured once. Shapes: -> float64 (n,)."""
    file = study.folder / "costs" / task / "base.npy"
    if not file.exists():
        costs = bench.costs(bench.base(), bench.tokens(study.held_out(task)))
        with whole(file) as draft:
            np.save(draft, costs)
    return np.asarray(np.load(file))


def light_pass(bench: Bench, study: Study, run: Run) -> tuple[Any, int]:
    """The base model after a pass on what the run chooses, and how many tokens that is."""
    pool = bench.trained_on(study.pool)
    budget = round(run.chunks * float(pool.lengths.mean()))
    written = f"random:seed={run.seed}" if run.rule == "random" else run.rule
    flat = pool.first(ranked(study, run.task, Rule.parse(written), run.chunks), budget)
    if len(flat) < budget:
        raise SystemExit(f"train_study: error: {run.rule} ranks {len(flat)} tokens, fewer than {budget}")
    model = bench.base()
    bench.train(model, flat, bench.shape.light_rate, run.seed)
    return model, budget


def carry_out(bench: Bench, study: Study, run: Run) -> dict[str, object]:
    """Train and measure."""
    start = time.perf_counter()
    held_out, base = bench.tokens(study.held_out(run.task)), base_costs(bench, study, run.task)
    model, budget = light_pass(bench, study, run)
    costs = bench.costs(model, held_out)
    units = units_of(study, run.task)
    line = {**run._asdict(), "tokens": budget, "held_out_tokens": int(held_out.lengths.sum()),
            "held_out_texts": len(held_out.lengths), **averages("nats_per_token", costs, held_out.lengths, units),
            **averages("base_nats_per_token", base, held_out.lengths, units), "rate": bench.shape.light_rate,
            **bench.machine._asdict(), "seconds": round(time.perf_counter() - start, 1)}
    keep(study.folder, line, costs)
    return line


def main() -> None:
    """All that is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--scale", choices=list(SCALES), default="tiny")
    parser.add_argument("--rules", type=Path, default=_HERE / "rules" / "domain.txt")
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS))
    parser.add_argument("--tasks", nargs="+", default=list(TARGETS))
    add_training(parser)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    study, deadline = Study(given.work / given.scale), Deadline(given.minutes)
    results = study.folder / "train.jsonl"
    bench, before = Bench(study, given.scale, Machine.of(given), deadline), done(results)
    every = list(wanted(read_rules(given.rules), given.tasks, given.budgets, given.seeds))
    add_all(results, (carry_out(bench, study, run) for run in part_of(every, given.part) if run not in before),
            lambda run: f"{run['task']:20} {run['chunks']:6} {run['seed']} {run['nats_per_token']:.4f} "
                        f"{run['nats_per_token_by_text']:.4f} {run['rule']}", deadline)


if __name__ == "__main__":
    run_study(main)
