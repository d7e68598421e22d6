"""Rules judged by the n-gram probe, without training: what sets the defaults.

    python probe_study.py WORK [--scale tiny] [--rules FILE] [--results FILE]

For every target, rule and budget one JSON line: the cross-entropy of held-out target text under (1 - lambda) P + lambda
U, U being the first words of the rule's ranking of the pool, by the word and by the text (averages.py). Lines that are
there already are not made again. FILE has a rule a line (rules.py); the default is rules/defaults.txt. Costs of every
held-out text stay in WORK, for intervals.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from arguments import run_study
from averages import averages, units_of
from costs import keep
from data import SCALES, TARGETS, Study
from deadline import Deadline
from judge import Judge
from results import add_all, lines_of
from rules import Rule, ranked

BUDGETS = (500, 2_000, 10_000)
_HERE = Path(__file__).parent


def read_rules(path: Path) -> list[Rule]:
    """Rules of a file, a line each; # begins a comment."""
    stripped = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [Rule.parse(line) for line in stripped if line]


def done(results: Path) -> set[tuple[object, ...]]:
    """The runs that a results file holds already."""
    return {(run["task"], run["rule"], run["chunks"], run["order"], run["lambda"]) for run in lines_of(results)}


def runs(study: Study, rules: list[Rule], order: int, share: float, before: set[tuple[object, ...]],
         tasks: list[str], budgets: list[int]) -> Iterator[dict[str, object]]:
    """One result after the other."""
    for task in tasks:
        missing = [rule for rule in rules
                   if any((task, rule.written, chunks, order, share) not in before for chunks in budgets)]
        if not missing:
            continue
        judge = Judge(study, task, order, share)
        lengths, units = judge.target.numbered.lengths, units_of(study, task)
        base = averages("base_nats_per_word", judge.base_costs, lengths, units)
        for rule in missing:
            for chunks in budgets:
                if (task, rule.written, chunks, order, share) in before:
                    continue
                start = time.perf_counter()
                best = ranked(study, task, rule, chunks)
                seconds = time.perf_counter() - start
                words = round(chunks * float(judge.words.mean()))
                costs = judge.costs(best, words)
                line = {"task": task, "rule": rule.written, "chunks": chunks, "order": order, "lambda": share,
                        "words": words, "held_out_words": int(lengths.sum()),
                        "held_out_texts": int((lengths > 0).sum()),
                        **averages("nats_per_word", costs, lengths, units), **base, "rank_seconds": round(seconds, 1)}
                keep(study.folder, line, costs)
                yield line


def main() -> None:
    """All that is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--scale", choices=list(SCALES), default="tiny")
    parser.add_argument("--rules", type=Path, default=_HERE / "rules" / "defaults.txt")
    parser.add_argument("--results", type=Path)
    parser.add_argument("--tasks", nargs="+", default=list(TARGETS))
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS), help="in chunks")
    parser.add_argument("--order", type=int, default=3)
    parser.add_argument("--minutes", type=float, help="stop after so many, with status 75; the same command goes on")
    parser.add_argument("--lambda", type=float, default=0.3, dest="share")
    given = parser.parse_args()
    study = Study(given.work / given.scale)
    results = given.results or study.folder / "probe.jsonl"
    found = runs(study, read_rules(given.rules), given.order, given.share, done(results), given.tasks, given.budgets)
    add_all(results, found, lambda run: f"{run['task']:20} {run['chunks']:6} {run['nats_per_word']:.4f} "
                                    f"{run['nats_per_word_by_text']:.4f} {run['rule']}", Deadline(given.minutes))


if __name__ == "__main__":
    run_study(main)
