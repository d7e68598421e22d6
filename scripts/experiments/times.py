"""What it takes to choose and to train, of the runs that are stored, as their lines say it.

    python times.py RESULTS...

RESULTS are JSON lines of any of the studies. A row is a rule: the median over targets and seeds of the seconds to
choose out of the study's pool, whose vectors are there, and of a run of training, with its judge, for each budget: of
processors where a line says them, else on the clock. A ranking is made once for all budgets: of a target's lines the
one that made it counts. Machines and their loads differ between files, and a file may be of several days: orders of
magnitude can be told apart, and no more. Energy is in no line: no machine that these were made on has a counter for it.
"""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from arguments import run_study
from results import stored

#: What lines call the seconds to choose, and those to train, best first.
_CHOOSING = ("choose_cpu_seconds", "rank_seconds")
_TRAINING = ("train_cpu_seconds", "seconds")


def seconds(line: dict[str, Any], names: Iterable[str]) -> float | None:
    """Return the first of some fields that a line has."""
    return next((float(line[name]) for name in names if line.get(name) is not None), None)


def choosing(lines: Iterable[dict[str, Any]]) -> float | None:
    """Return the median over targets of the seconds to choose."""
    longest: dict[tuple[str, int], float] = defaultdict(float)
    for line in lines:
        if (spent := seconds(line, _CHOOSING)) is not None:
            key = line.get("task", ""), line.get("seed", 0)
            longest[key] = max(longest[key], spent)
    return statistics.median(longest.values()) if longest else None


def training(lines: Iterable[dict[str, Any]]) -> dict[int, float]:
    """Return the median seconds of a run of each budget."""
    spent: dict[int, list[float]] = defaultdict(list)
    for line in lines:
        if (took := seconds(line, _TRAINING)) is not None:
            spent[line["chunks"]].append(took)
    return {budget: statistics.median(each) for budget, each in sorted(spent.items())}


def table(lines: list[dict[str, Any]]) -> str:
    """Markdown: a row for each rule."""
    of_rule: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        of_rule[line["rule"].split(":seed=")[0]].append(line)
    trained = {rule: training(some) for rule, some in of_rule.items()}
    budgets = sorted({budget for each in trained.values() for budget in each})
    rows = [f"| rule | runs | seconds to choose |{''.join(f' to train, {budget:,} chunks |' for budget in budgets)}",
            "|---|---|---|" + "---|" * len(budgets)]
    for rule, some in of_rule.items():
        cells = [choosing(some), *(trained[rule].get(budget) for budget in budgets)]
        said = ["-" if cell is None else f"{cell:.1f}" for cell in cells]
        rows.append(f"| `{rule}` | {len(some)} | {' | '.join(said)} |")
    return "\n".join(rows)


def main() -> None:
    """Print a table for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    for file in parser.parse_args().results:
        print(f"{file.name}:\n\n{table(stored(file))}\n")


if __name__ == "__main__":
    run_study(main)
