"""The table of classification.py, glue.py or encoder.py from its lines alone.

    python classification_table.py scripts/experiments/results/classification-mini.jsonl

Of every rule the mean score over the tasks and seeds that all rules have, and how much more that is than without a
warm-up, for each seed: the spread over seeds is what tells whether it would be so again.
"""

from collections import defaultdict
from typing import Any

import numpy as np
from arguments import print_table, run_study
from results import NO_WARM_UP, comparable

#: Tasks whose labels are grades.
GRADED = frozenset({"stsb"})


def points(run: dict[str, Any]) -> float:
    """A run's score: macro F1, or Spearman's correlation, of 100."""
    return 100 * float(run["spearman"] if run["task"] in GRADED else run["macro_f1"])


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown, best rule first: scores in points, the mean over the tasks and seeds that all rules have."""
    by: dict[tuple[str, int], dict[tuple[str, int], float]] = defaultdict(dict)
    for run in runs:
        by[run["rule"], run["chunks"]][run["task"], run["seed"]] = points(run)
    cells = sorted(set.intersection(*(set(found) for found in by.values())))
    tasks, seeds = sorted({task for task, _ in cells}), sorted({seed for _, seed in cells})
    base = by[NO_WARM_UP, 0]
    rows = ["| rule | chunks | score | more than no warm-up, by seed |" + "".join(f" {task} |" for task in tasks),
            "|---|---|---|---|" + "---|" * len(tasks)]
    means = {key: np.mean([found[cell] for cell in cells]) for key, found in by.items()}
    for key in sorted(means, key=means.__getitem__, reverse=True):
        found = by[key]
        more = [np.mean([found[cell] - base[cell] for cell in cells if cell[1] == seed]) for seed in seeds]
        per_task = "".join(f" {np.mean([found[cell] for cell in cells if cell[0] == task]):.1f} |" for task in tasks)
        said = ", ".join(f"{value:+.1f}" for value in more) if key != (NO_WARM_UP, 0) else ""
        rows.append(f"| `{key[0]}` | {key[1]:,} | {means[key]:.2f} | {said} |{per_task}")
    return "\n".join(rows)


def main() -> None:
    """Print it."""
    print_table(__doc__, lambda file: table(comparable(file, "the study")))


if __name__ == "__main__":
    run_study(main)
