"""Answers without an example, from data to table: does a light pass on chosen text help a model name a text's subject?

    python zero_shot.py DATA WORK [--scale tiny] [--budgets 500 2000] [--seeds 3]
                        [--model FOLDER --rate 1e-4 --length 128 --held-out 1000]

DATA is as data.py reads it. Of each held-out text of agnews the model is asked for the subject by the loss of label
words after "TEXT This text is about" (answers.py), each compared with its usual loss: without a text ("pmi") and over
the texts of the target, whose labels nobody reads ("calibrated"). A model of 64 positions sees the beginning of a text.
The model of scale tiny is hardly better at it than chance, before a pass and after: too small to tell the rules apart.
That is done with the base model and after a light pass on what each rule of RULES chooses for the target, as in
train_study.py: the same choices, the same passes. With --model it is done with any causal model (pretrained_bench.py).

JSON lines go to WORK/SCALE/zero_shot.jsonl, with --model to WORK/SCALE/pretrained/NAME/. What is there is not made
again: stopped, the same command goes on. zero_shot_table.py makes the table of them.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import torch
from answers import answer_costs, contexts, likeliest
from arguments import of_a_study, part_of, run_study
from base import Bench
from data import Study, lay_out, lines, texts
from deadline import Deadline
from domain import embed, model_of
from packing import packed_bits
from pretrained_bench import add_pretrained, bench_of
from results import NO_WARM_UP, add_all
from train_study import Run, done, light_pass
from zero_shot_table import WAYS, table_of

TASK, CUE = "agnews", " This text is about"
#: Words of each label of the task; the loss of a label is the mean over its words.
WORDS = {
    "World": ("world", "war", "government", "president", "police", "country", "peace", "election"),
    "Sports": ("sports", "game", "team", "players", "win", "match", "season", "cup"),
    "Business": ("business", "money", "market", "company", "bank", "price", "shares", "oil"),
    "Sci/Tech": ("science", "technology", "computer", "internet", "software", "space", "phone", "web"),
}
#: What is compared, most interesting first; V stands for --vectors.
RULES = ("got:vectors=V", "random", "classifier:vectors=V", "dsir", "round-robin:vectors=V", "nearest:vectors=V")


class Question:
    """The question to a model, about every held-out text.

    right : int64 (n,), the place of each text's label in WORDS
    """

    def __init__(self, bench: Bench, study: Study) -> None:
        def tokenize(some: Any) -> Any:
            return bench.tokenizer(some)["input_ids"]

        every = [orjson.loads(line) for line in lines(study.held_out(TASK))]
        records = [every[row] for row in bench.judged(len(every))]
        self.right = np.array([list(WORDS).index(record["label"]) for record in records])
        self._answers = tokenize([f" {word}" for words in WORDS.values() for word in words])
        room, start = bench.shape.length - max(map(len, self._answers)), bench.tokenizer.eos_token_id
        asked = [tokenize([record["text"] for record in records]), tokenize(texts(study.target(TASK))), [[]]]
        self._held_out, self._target, self._nothing = (contexts(some, tokenize(CUE), start, room) for some in asked)

    def is_right(self, model: Any) -> dict[str, np.ndarray]:
        """Whether each text's answer is its label, by the way in which losses are compared. Shapes: bool (n,)."""
        asked, usual, blank = (self._costs(model, some) for some in (self._held_out, self._target, self._nothing))
        return {way: likeliest(asked, against.mean(axis=0)) == self.right
                for way, against in (("pmi", blank), ("calibrated", usual))}

    def _costs(self, model: Any, given: list[list[int]]) -> np.ndarray:
        """Nats of each label, the mean over its words. Shapes: -> (contexts, labels)."""
        costs = answer_costs(model, given, self._answers)
        return costs.reshape(len(given), len(WORDS), -1).mean(axis=2)


def wanted(budgets: list[int], seeds: int, vectors: str) -> Iterator[Run]:
    """All runs, in an order in which every rule has been tried once before any is tried twice."""
    yield Run(TASK, NO_WARM_UP, 0, 0)
    for chunks in budgets:
        for seed in range(seeds):
            for rule in RULES:
                yield Run(TASK, rule.replace("=V", f"={vectors}"), chunks, seed)


def carry_out(bench: Bench, study: Study, question: Question, run: Run) -> dict[str, object]:
    """Train and ask."""
    start = time.perf_counter()
    model, tokens = light_pass(bench, study, run) if run.chunks else (bench.base(), 0)
    is_right = question.is_right(model)
    rate = bench.shape.light_rate if tokens else 0.0
    return {**run._asdict(), "tokens": tokens, "rate": rate, **bench.settings, "cue": CUE,
            "texts": len(question.right), **{f"accuracy_{way}": float(is_right[way].mean()) for way in WAYS},
            **{f"right_{way}": packed_bits(is_right[way]) for way in WAYS},
            "seconds": round(time.perf_counter() - start, 1)}


def main() -> None:
    """All that is missing, and the table."""
    parser = of_a_study(__doc__)
    parser.add_argument("--vectors", default="hash+static", help="embedders, side by side (default hash+static)")
    parser.add_argument("--budgets", type=int, nargs="+", default=[500, 2000])
    add_pretrained(parser)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    study, deadline = lay_out(given.data, given.work, given.scale), Deadline(given.minutes)
    for name in given.vectors.split("+"):
        embed(study, name, model_of(name, study, given.work, given.encoder))
    bench = bench_of(given, study, deadline)
    results = bench.results("zero_shot.jsonl")
    question, before = Question(bench, study), done(results)
    every = part_of(list(wanted(given.budgets, given.seeds, given.vectors)), given.part)
    add_all(results, (carry_out(bench, study, question, run) for run in every if run not in before),
            lambda line: f"{line['chunks']:6} {line['seed']} "
                         f"{' '.join(format(line[f'accuracy_{way}'], '.4f') for way in WAYS)} {line['rule']}", deadline)
    print(f"{TASK}, {len(question.right):,} held-out texts, {len(WORDS)} labels; 95 % by resampling the texts.\n")
    print(table_of(results))


if __name__ == "__main__":
    run_study(main)
