"""The domain study on a real pre-trained model: a light pass of any causal model's folder on what each rule chooses.

    python pretrained.py DATA WORK --model FOLDER [--scale tiny] [--rules FILE] [--tasks scicite ...]
                         [--budgets 60 240] [--seeds 1] [--length 128] [--rate 1e-4] [--held-out 250] [--epochs 1]

Targets are confirm.py's and the five of domain.py, choices are made as there; smollm2.py makes a FOLDER, and how it is
trained stands in pretrained_bench.py. One JSON line a run in WORK/SCALE/pretrained/NAME/train.jsonl, NAME being the
folder's (NAME-4-epochs with --epochs 4): both averages over every k-th held-out text, before and after, seconds to
choose and to train, of the clock and of processors. Lines are added only by the same weights, machine and settings.
Stopped, the same command goes on.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arguments import of_a_study, part_of, run_study
from averages import averages, units_of
from confirm import MIXTURES, TASKS, lay_out_targets
from costs import keep
from data import TARGETS, Study, lay_out
from deadline import Deadline
from domain import embed, model_of
from machine import Machine
from pretrained_bench import Pretrained, add_pretrained, settings_of
from probe_study import read_rules
from results import add_all, whole
from rules import Rule, ranked, ranking_file
from train_study import Run, done, light_pass, wanted

#: Most interesting first: two kept apart, a mixture of a long and a short kind, then the five.
_TASKS = ("scicite", "mixed-two", "sst2", "toxicity_davidson", "chemprot")


class Clock:
    """Seconds since it was made, of the clock and of all processors."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def seconds(self, name: str) -> dict[str, float]:
        """name : what they were for"""
        return {f"{name}_seconds": round(time.perf_counter() - self._start[0], 1),
                f"{name}_cpu_seconds": round(time.process_time() - self._start[1], 1)}


def costs_before(bench: Pretrained, task: str) -> np.ndarray:
    """Nats of each held-out text under the model as it is, measured once. Shapes: -> float64 (n,)."""
    key = hashlib.sha256(json.dumps(bench.asked).encode()).hexdigest()[:16]
    file = bench.folder / "costs" / task / f"none-{key}.npy"
    if not file.exists():
        with whole(file) as draft, draft.open("wb") as out:
            np.save(out, bench.costs(bench.base(), bench.held_out(task)))
    return np.asarray(np.load(file))


def carry_out(bench: Pretrained, run: Run) -> dict[str, Any]:
    """Choose, train and measure."""
    held_out, before = bench.held_out(run.task), costs_before(bench, run.task)
    every = units_of(bench.study, run.task)
    units = every[bench.judged(len(every))]
    choosing, clock = _seconds_to_choose(bench.study, run), Clock()
    model, budget = light_pass(bench, bench.study, run)
    training = clock.seconds("train")
    costs = bench.costs(model, held_out)
    line = {**run._asdict(), "tokens": budget, "held_out_tokens": int(held_out.lengths.sum()),
            "held_out_texts": len(held_out.lengths),
            **averages("nats_per_token", costs, held_out.lengths, units),
            **averages("base_nats_per_token", before, held_out.lengths, units),
            **bench.settings, **choosing, **training}
    keep(bench.folder, line, costs)
    return line


def _seconds_to_choose(study: Study, run: Run) -> dict[str, float]:
    """What the rule's ranking took when it was made, now if it is not there: vectors were there, and are read."""
    rule = Rule.parse(f"random:seed={run.seed}" if run.rule == "random" else run.rule)
    file = ranking_file(study, run.task, rule, run.chunks)
    took = file.with_suffix(".json")
    if file.exists():
        return dict(json.loads(took.read_text(encoding="utf-8"))) if took.exists() else {}
    clock = Clock()
    ranked(study, run.task, rule, run.chunks)
    seconds = clock.seconds("choose")
    with whole(took) as draft:
        draft.write_text(json.dumps(seconds), encoding="utf-8")
    return seconds


def laid_out(given: argparse.Namespace) -> Study:
    """The study, with the targets that are asked for and the vectors that the rules name."""
    study = lay_out(given.data, given.work, given.scale)
    if set(given.tasks) & {*TASKS, *MIXTURES}:
        lay_out_targets(given.data, study)
    for name in sorted({name for rule in read_rules(given.rules) for name in rule["vectors"].split("+")}):
        embed(study, name, model_of(name, study, given.work, given.encoder))
    return study


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = of_a_study(__doc__)
    parser.add_argument("--rules", type=Path, default=Path(__file__).parent / "rules" / "pretrained.txt")
    parser.add_argument("--tasks", nargs="+", default=list(_TASKS), choices=[*TASKS, *MIXTURES, *TARGETS])
    parser.add_argument("--budgets", type=int, nargs="+", default=[60, 240], help="in chunks")
    parser.add_argument("--epochs", type=int, default=1, help="times that a choice is read (default 1)")
    add_pretrained(parser, is_needed=True)
    parser.set_defaults(seeds=1)
    given = parser.parse_args()
    if given.epochs < 1:
        parser.error(f"--epochs {given.epochs}: a choice is read once or more")
    return given


def main() -> None:
    """All that is missing."""
    given = arguments()
    torch.set_num_threads(given.threads)
    deadline = Deadline(given.minutes)
    bench = Pretrained(laid_out(given), given.model, settings_of(given), Machine.of(given), deadline)
    results = bench.results("train.jsonl")
    before = done(results)
    every = list(wanted(read_rules(given.rules), given.tasks, given.budgets, given.seeds))
    add_all(results, (carry_out(bench, run) for run in part_of(every, given.part) if run not in before),
            lambda run: f"{run['task']:20} {run['chunks']:6} {run['seed']} {run['nats_per_token']:.4f} "
                        f"{run['nats_per_token_by_text']:.4f} {run['rule']}", deadline)


if __name__ == "__main__":
    run_study(main)
