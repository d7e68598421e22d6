"""The domain study on a real pre-trained model: a light pass of any causal model's folder on what each rule chooses.

    python pretrained.py DATA WORK --model FOLDER [--scale tiny] [--rules FILE] [--tasks scicite ...]
                         [--budgets 60 240] [--seeds 1] [--length 128] [--rate 1e-4] [--held-out 250]

Targets are confirm.py's and the five of domain.py, choices are made as there; smollm2.py makes a FOLDER. Of a chosen
chunk only the first `--length` tokens are read, and a budget counts chunks of their mean length: every choice has the
same tokens. All weights are trained, once over them, as ds-train's recipe got-d-clm has it (batch, decay, clipping,
schedule), at a rate that suits so few steps. One JSON line a run in WORK/SCALE/pretrained/NAME/train.jsonl, NAME being
the folder's: both averages over every k-th held-out text, before and after, seconds to choose and to train, of the
clock and of processors. Lines are added only by the same weights, machine and settings. Stopped, the same command goes
on.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from arguments import add_training, of_a_study, part_of, run_study
from averages import averages, units_of
from base import Bench, Shape, Tokens
from confirm import MIXTURES, TASKS, lay_out_targets
from data import TARGETS, Study, lay_out
from deadline import Deadline
from domain import embed, model_of
from machine import Machine
from probe_study import read_rules
from results import add_all, lines_of, whole
from rules import Rule, ranked, ranking_file
from train_study import Run, done, wanted

from gotd.errors import DataError, UsageError
from gotd.pretrained import load_config, load_fast_tokenizer
from gotd.training.recipes import RECIPES

#: Most interesting first: two kept apart, a mixture of a long and a short kind, then the five.
_TASKS = ("scicite", "mixed-two", "sst2", "toxicity_davidson", "chemprot")
_RECIPE = RECIPES["got-d-clm"]
#: Blocks that go through the model at a time: with a vocabulary of 50,000 the logits of one are 25 MB.
_AT_ONCE = 2
#: Tokens are kept as uint16.
_VOCABULARY = 1 << 16


class Settings(NamedTuple):
    """What lines of results must have in common.

    model, weights : name of the folder and the beginning of the SHA-256 of its weights
    """

    model: str
    weights: str
    device: str
    precision: str
    length: int
    rate: float
    held_out: int


class Clock:
    """Seconds since it was made, of the clock and of all processors."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def seconds(self, name: str) -> dict[str, float]:
        """name : what they were for"""
        return {f"{name}_seconds": round(time.perf_counter() - self._start[0], 1),
                f"{name}_cpu_seconds": round(time.process_time() - self._start[1], 1)}


class Pretrained(Bench):
    """Tokens of a study in the words of a model that is there, and passes on top of it."""

    def __init__(self, study: Study, model: Path, settings: Settings, machine: Machine, deadline: Deadline) -> None:
        from transformers.utils import logging

        logging.disable_progress_bar()
        config = load_config(model)
        if config.vocab_size > _VOCABULARY:
            raise UsageError(f"{model}: a vocabulary of {config.vocab_size:,}, over {_VOCABULARY:,}")
        self.study, self.machine, self.deadline = study, machine, deadline
        self.settings, self.tokenizer = settings, load_fast_tokenizer(model)
        self.shape = Shape(config.vocab_size, settings.length, config.hidden_size, config.num_hidden_layers,
                           config.num_attention_heads, _RECIPE.batch, settings.rate, settings.rate, _AT_ONCE,
                           _RECIPE.warmup, _RECIPE.weight_decay)
        self._folder, self._base, self._start = study.folder / "pretrained" / settings.model, model, None

    @property
    def results(self) -> Path:
        """A line for each run."""
        return self._folder / "train.jsonl"

    def held_out(self, task: str) -> tuple[Tokens, np.ndarray]:
        """Every k-th of a task's held-out texts, of each kind of a mixture as many, and their units."""
        tokens = self.tokens(self.study.held_out(task))
        rows = rows_of(len(tokens.lengths), self.settings.held_out)
        return Tokens(tokens.of(rows).astype(np.uint16), tokens.lengths[rows]), units_of(self.study, task)[rows]

    def costs_before(self, task: str) -> np.ndarray:
        """Nats of each held-out text under the model as it is, measured once. Shapes: -> float64 (n,)."""
        key = hashlib.sha256(json.dumps(self.settings).encode()).hexdigest()[:16]
        file = self._folder / "costs" / task / f"none-{key}.npy"
        if not file.exists():
            self._keep(file, self.costs(self.base(), self.held_out(task)[0]))
        return np.asarray(np.load(file))

    def carry_out(self, run: Run) -> dict[str, Any]:
        """Choose, train and measure."""
        (held_out, units), before = self.held_out(run.task), self.costs_before(run.task)
        pool = self.tokens(self.study.pool).cut(self.settings.length)
        rule = Rule.parse(f"random:seed={run.seed}" if run.rule == "random" else run.rule)
        chosen, choosing = self._ranked(run, rule)
        budget = round(run.chunks * float(pool.lengths.mean()))
        flat = pool.first(chosen, budget)
        if len(flat) < budget:
            raise DataError(run.rule, f"ranks {len(flat):,} tokens, fewer than {budget:,}", "take a smaller budget")
        clock, model = Clock(), self.base()
        self.train(model, flat, self.settings.rate, run.seed)
        training = clock.seconds("train")
        costs = self.costs(model, held_out)
        self._keep(self._folder / "costs" / run.task / f"{run.rule}@{run.chunks}-train-{run.seed}.npy", costs)
        return {**run._asdict(), "tokens": budget, "held_out_tokens": int(held_out.lengths.sum()),
                "held_out_texts": len(held_out.lengths),
                **averages("nats_per_token", costs, held_out.lengths, units),
                **averages("base_nats_per_token", before, held_out.lengths, units),
                **self.settings._asdict(), **choosing, **training}

    def _ranked(self, run: Run, rule: Rule) -> tuple[np.ndarray, dict[str, float]]:
        """The rule's ranking, and what it took when it was made: vectors were there, and are read."""
        file = ranking_file(self.study, run.task, rule, run.chunks)
        took = file.with_suffix(".json")
        if file.exists():
            seconds = json.loads(took.read_text(encoding="utf-8")) if took.exists() else {}
            return ranked(self.study, run.task, rule, run.chunks), seconds
        clock = Clock()
        chosen = ranked(self.study, run.task, rule, run.chunks)
        seconds = clock.seconds("choose")
        with whole(took) as draft:
            draft.write_text(json.dumps(seconds), encoding="utf-8")
        return chosen, seconds

    @staticmethod
    def _keep(file: Path, costs: np.ndarray) -> None:
        with whole(file) as draft, draft.open("wb") as out:
            np.save(out, costs)


def rows_of(texts: int, most: int) -> np.ndarray:
    """Every k-th of the held-out texts, so that there are at most so many. Shapes: -> int64 (n,)."""
    return np.arange(texts)[:: -(-texts // most)]


def settings_of(given: argparse.Namespace, machine: Machine) -> Settings:
    """What was asked for. Raises: DataError where the folder has no weights"""
    digest, files = hashlib.sha256(), sorted(given.model.glob("*.safetensors"))
    if not files:
        raise DataError(str(given.model), "no *.safetensors there", "make a folder with smollm2.py, or name another")
    for file in files:
        with file.open("rb") as weights:
            digest.update(hashlib.file_digest(weights, "sha256").digest())
    return Settings(given.model.resolve().name, digest.hexdigest()[:16], machine.device, machine.precision,
                    given.length, given.rate, given.held_out)


def refuse_others(results: Path, settings: Settings) -> None:
    """Raises: UsageError where lines are there that were made with other settings"""
    for number, line in enumerate(lines_of(results), 1):
        for name, value in settings._asdict().items():
            if line[name] != value:
                raise UsageError(f"{results}:{number}: made with {name} {line[name]}, and now {value} is asked for; "
                                 f"ask for {line[name]}, or give another WORK")


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
    parser.add_argument("--model", type=Path, required=True, help="a causal model's folder with its tokenizer")
    parser.add_argument("--rules", type=Path, default=Path(__file__).parent / "rules" / "pretrained.txt")
    parser.add_argument("--tasks", nargs="+", default=list(_TASKS), choices=[*TASKS, *MIXTURES, *TARGETS])
    parser.add_argument("--budgets", type=int, nargs="+", default=[60, 240], help="in chunks")
    parser.add_argument("--length", type=int, default=128, help="tokens of a chunk that are read, and of a block")
    parser.add_argument("--rate", type=float, default=1e-4, help="the highest learning rate")
    parser.add_argument("--held-out", type=int, default=250, help="at most so many texts of a target")
    add_training(parser)
    parser.set_defaults(seeds=1)
    return parser.parse_args()


def main() -> None:
    """All that is missing."""
    given = arguments()
    torch.set_num_threads(given.threads)
    machine, deadline = Machine.of(given), Deadline(given.minutes)
    settings = settings_of(given, machine)
    bench = Pretrained(laid_out(given), given.model, settings, machine, deadline)
    refuse_others(bench.results, settings)
    before = done(bench.results)
    bench.results.parent.mkdir(parents=True, exist_ok=True)
    every = list(wanted(read_rules(given.rules), given.tasks, given.budgets, given.seeds))
    add_all(bench.results, (bench.carry_out(run) for run in part_of(every, given.part) if run not in before),
            lambda run: f"{run['task']:20} {run['chunks']:6} {run['seed']} {run['nats_per_token']:.4f} "
                        f"{run['nats_per_token_by_text']:.4f} {run['rule']}", deadline)


if __name__ == "__main__":
    run_study(main)
