"""The tables of pretrained.py: every target and budget by itself, by the token and by the text.

    python pretrained_table.py RESULTS [--work WORK --scale tiny] [--probe FILE]

RESULTS is JSON lines of pretrained.py, of one model. A row is a target and a budget: the loss before and after each
rule's choice, the mean over seeds. Where the costs of every held-out text are, in WORK or beside RESULTS (costs.py),
how much more that is than got's, with the 95 % interval over units of texts: it knows nothing of other seeds, targets
or pools. FILE is lines of probe_study.py --results for the same rules and budgets: the rank correlation of both judges'
gains, over cells that have all rules.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from arguments import run_study
from averages import BY_TEXT
from costs import Kept, costs_of, kept, of_lines, study_of
from results import stored
from tables import Cell, Found, Judged, foretold, interval, read

_RESAMPLES = 2000
_TITLES = {"": "By the token", BY_TEXT: "By the text"}


def of_training(lines: Sequence[dict[str, Any]], where: Kept | None) -> Found:
    """What was found by training, the seeds of a rule as one. where : costs are, if they are anywhere"""
    runs: dict[tuple[str, Cell], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        runs[line["rule"], (line["task"], line["chunks"])].append(line)
    found: Found = defaultdict(dict)
    for (rule, cell), some in runs.items():
        loss, base = ({measure: float(np.mean([line[f"{name}{measure}"] for line in some])) for measure in _TITLES}
                      for name in ("nats_per_token", "base_nats_per_token"))
        found[rule][cell] = Judged(loss, base, costs_of(where, some))
    return found


def table(found: Found, measure: str, reference: str) -> str:
    """Markdown; * marks the rule with the least loss of a row that has all rules."""
    cells = sorted({cell for by in found.values() for cell in by}, key=lambda cell: (cell[1], cell[0]))
    rules = [reference, *sorted(found.keys() - {reference})]
    rows = [f"| target | chunks | before |{''.join(f' `{rule}` |' for rule in rules)}",
            "|---|---|---|" + "---|" * len(rules)]
    for cell in cells:
        before = next(by[cell].base[measure] for by in found.values() if cell in by)
        losses = {rule: found[rule][cell].loss[measure] for rule in rules if cell in found[rule]}
        least = min(losses, key=lambda rule: losses[rule] or 0.0) if len(losses) == len(rules) else None
        said = [said_of(found, rule, reference, cell, measure) + ("*" if rule == least else "") for rule in rules]
        rows.append(f"| {cell[0]} | {cell[1]:,} | {before:.4f} | {' | '.join(said)} |")
    return "\n".join([f"{_TITLES[measure]}, nats a token:", "", *rows])


def said_of(found: Found, rule: str, reference: str, cell: Cell, measure: str) -> str:
    """A loss, and how much more it is than the reference's where every text's is known."""
    if cell not in found[rule]:
        return "-"
    said = f"{found[rule][cell].loss[measure]:.4f}"
    if rule == reference or cell not in found[reference]:
        return said
    more = interval(found, rule, reference, [cell], _RESAMPLES, measure)
    return said if more is None else f"{said} ({more[0]:+.4f}, {more[1]:+.4f} to {more[2]:+.4f})"


def complete(found: Found) -> Found:
    """The cells that all rules have."""
    cells = set.intersection(*(set(by) for by in found.values()))
    return {rule: {cell: by[cell] for cell in cells} for rule, by in found.items()}


def main() -> None:
    """Print the tables."""
    parser = of_lines(__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--probe", type=Path, help="lines of probe_study.py")
    given = parser.parse_args()
    lines = stored(given.results)
    found = of_training(lines, kept(given.results, study_of(given)))
    reference = min((rule for rule in found if rule.split(":")[0] == "got"), key=len, default=None)
    if reference is None:
        raise SystemExit(f"pretrained_table.py: error: {given.results} has no run of got yet")
    whole = complete(found)
    print(f"{lines[0]['model']}: {len(lines)} runs, seeds {sorted({line['seed'] for line in lines})}; "
          f"{len(whole[reference])} (target, budget) with all {len(found)} rules\n")
    for measure in _TITLES:
        print(f"{table(found, measure, reference)}\n")
    if given.probe and whole[reference]:
        probed = read(given.probe, None)
        for measure, title in _TITLES.items():
            print(f"{title}: {foretold(probed, whole, measure)}")


if __name__ == "__main__":
    run_study(main)
