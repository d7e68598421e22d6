"""How long should the pieces be that one chooses from? By the n-gram probe.

    python chunk_length.py DATA WORK [--scale tiny] [--chars 125 250 500 1000] [--tasks agnews ...] [--budgets 500 2000]

The pool of data.py, in pieces of at most 1,000 characters, is cut again into shorter ones, each length in a WORK of its
own, WORK/chars-N, which has the same source and targets: every other study runs there, too. A choice has as many words
at every length, those of the budget's chunks of 1,000 characters. One JSON line for every length, target, rule and
budget in WORK/SCALE/chunk_length.jsonl, both averages; then the table. Stopped, the same command goes on.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from arguments import of_a_study, run_study
from averages import averages, units_of
from chunk_length_table import tables
from confirm import MIXTURES, TASKS, lay_out_targets
from data import TARGETS, Study, lay_out, texts
from deadline import Deadline
from domain import embed, model_of
from judge import Judge
from probe_study import BUDGETS, read_rules
from results import add_all, lines_of
from rules import Rule, ranked

_HERE = Path(__file__).parent
#: Of the pool as it is.
_LONGEST = 1000
#: As probe_study.py has them.
_ORDER, _LAMBDA = 3, 0.3
#: Those whose texts differ most in length first; the five's four kinds, and four kept apart.
_TASKS = ("sst2", "amazon_helpfulness", "agnews", "scicite", "toxicity_davidson", "chemprot", "rct_ei", "mixed-two")


def cut(study: Study, work: Path, chars: int) -> Study:
    """The study with shorter pieces, made where it is missing: the pool as it is, where that is its own length."""
    if chars == _LONGEST:
        return study
    shorter = Study(work / f"chars-{chars}" / study.folder.name)
    shorter.folder.mkdir(parents=True, exist_ok=True)
    same = {shorter.folder / name: study.folder / name for name in (study.source.name, "targets", "held-out")}
    for here, there in {**same, shorter.folder.parent / "models": work / "models"}.items():
        if not here.is_symlink():
            here.symlink_to(there.resolve())
    if not shorter.pool.exists():
        subprocess.run([Path(sys.executable).parent / "ds-chunk", "-q", "--chars", str(chars), "--join", "never",
                        study.pool, "-o", shorter.pool], check=True)
    return shorter


def runs(study: Study, chars: int, task: str, rules: list[Rule], words: dict[int, int]) -> Iterator[dict[str, Any]]:
    """One result after the other. words : of each budget in chunks of the longest"""
    judge = Judge(study, task, _ORDER, _LAMBDA)
    lengths, units = judge.target.numbered.lengths, units_of(study, task)
    base = averages("base_nats_per_word", judge.base_costs, lengths, units)
    of_target = float(np.mean([len(text) for text in texts(study.target(task))]))
    for rule in rules:
        for chunks, budget in words.items():
            pieces = round(budget / float(judge.words.mean()))
            costs = judge.costs(ranked(study, task, rule, pieces), budget)
            yield {"task": task, "target_chars": round(of_target, 1), "chars": chars, "rule": rule.written,
                   "chunks": chunks, "words": budget, "pool_rows": len(judge.words),
                   "held_out_words": int(lengths.sum()), "held_out_texts": int((lengths > 0).sum()),
                   **averages("nats_per_word", costs, lengths, units), **base}


def missing(lines: list[dict[str, Any]], chars: int, task: str, rules: list[Rule], budgets: list[int]) -> list[Rule]:
    """The rules that have not all budgets yet."""
    before = {(line["chars"], line["task"], line["rule"], line["chunks"]) for line in lines}
    return [rule for rule in rules if any((chars, task, rule.written, chunks) not in before for chunks in budgets)]


def main() -> None:
    """All that is missing, and the table."""
    parser = of_a_study(__doc__)
    parser.add_argument("--rules", type=Path, default=_HERE / "rules" / "chunk_length.txt")
    parser.add_argument("--chars", type=int, nargs="+", default=[125, 250, 500, _LONGEST])
    parser.add_argument("--tasks", nargs="+", default=list(_TASKS), choices=[*TASKS, *MIXTURES, *TARGETS])
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS[:2]), help="in chunks")
    parser.add_argument("--minutes", type=float, help="stop after so many, with status 75; the same command goes on")
    given = parser.parse_args()
    study, rules = lay_out(given.data, given.work, given.scale), read_rules(given.rules)
    if set(given.tasks) & {*TASKS, *MIXTURES}:
        lay_out_targets(given.data, study)
    results, deadline = study.folder / "chunk_length.jsonl", Deadline(given.minutes)
    words = {chunks: round(chunks * float(Judge(study, given.tasks[0], _ORDER, _LAMBDA).words.mean()))
             for chunks in given.budgets}
    for chars in sorted(given.chars, reverse=True):
        shorter = cut(study, given.work, chars)
        for name in sorted({name for rule in rules for name in rule["vectors"].split("+")}):
            embed(shorter, name, model_of(name, study, given.work, given.encoder))
        for task in given.tasks:
            if some := missing(lines_of(results), chars, task, rules, given.budgets):
                add_all(results, runs(shorter, chars, task, some, words), shown, deadline)
    print(tables(lines_of(results)))


def shown(line: dict[str, Any]) -> str:
    """What is printed of a run."""
    return (f"{line['chars']:5} {line['task']:20} {line['chunks']:6} {line['nats_per_word']:.4f} "
            f"{line['nats_per_word_by_text']:.4f} {line['rule']}")


if __name__ == "__main__":
    run_study(main)
