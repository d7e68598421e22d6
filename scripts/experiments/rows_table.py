"""The tables of rows_study.py: a rule a line, a number of rows a column.

    python rows_table.py RESULTS [--work WORK --scale tiny] [--reference RULE]

RESULTS is JSON lines of rows_study.py. Means over targets and draws, by the word and by the text, and how much more
that is than the reference's, with the 95 % interval over units of texts where the costs of every held-out text are, in
WORK or beside RESULTS (costs.py).
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from arguments import run_study
from averages import BY_TEXT
from costs import Kept, kept, of_lines, study_of
from data import Study
from results import stored
from tables import Found, interval, judged

from gotd.errors import UsageError

#: The defaults of today.
REFERENCE = "got:vectors=hash+static:ridge=2s:epsilon=2s"


def read(lines: list[dict[str, Any]], where: Kept | None) -> Found:
    """What the probe says of each rule, the draws as one; a cell is a target and a number of rows."""
    by: dict[tuple[str, tuple[str, int]], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        by[line["rule"], (line["task"], line["rows"])].append(line)
    found: Found = defaultdict(dict)
    for (rule, cell), some in by.items():
        found[rule][cell] = judged(some, where)
    return found


def table(found: Found, reference: str, measure: str, resamples: int = 2000) -> str:
    """Markdown: a rule a line, a number of rows a column; means over targets, and differences to the reference.

    A cell that has not all targets is left empty.
    """
    sizes = sorted({rows for cells in found.values() for _, rows in cells})
    tasks = {task for cells in found.values() for task, _ in cells}
    lines = ["| rule |" + "".join(f" {rows:,} rows |" for rows in sizes), "|---|" + "---|" * len(sizes)]
    for rule, cells in found.items():
        row = [f"`{rule}`"]
        for rows in sizes:
            some = [(task, rows) for task in sorted(tasks)]
            if not cells.keys() >= set(some):
                row.append("")
                continue
            row.append(f"{np.mean([cells[cell].loss[measure] for cell in some]):.4f}")
            if rule != reference and found[reference].keys() >= set(some):
                more = interval(found, rule, reference, some, resamples, measure)
                row[-1] += f", {more[0]:+.4f} ({more[1]:+.4f} to {more[2]:+.4f})" if more else ""
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def tables(results: Path, study: Study | None, reference: str) -> str:
    """Both tables. Raises: UsageError where no line is of the reference"""
    found = read(stored(results), kept(results, study))
    if reference not in found:
        raise UsageError(f"--reference {reference}: no such rule in {results}")
    return "\n\n".join(f"{title}, nats a word:\n\n{table(found, reference, measure)}"
                       for title, measure in (("By the word", ""), ("By the text", BY_TEXT)))


def main() -> None:
    """Print the tables."""
    parser = of_lines(__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--reference", metavar="RULE", default=REFERENCE)
    given = parser.parse_args()
    print(tables(given.results, study_of(given), given.reference))


if __name__ == "__main__":
    run_study(main)
