"""What differences between rules mean for a target that has not been tried: the table of confirm.py, and of others.

    python confirmed.py RESULTS [--work WORK --scale tiny]

RESULTS is JSON lines of confirm.py, or of domain.py or pretrained.py by either judge. A target is the unit: of every
rule the mean over targets, budgets and seeds of nats a word (a token, where it was trained), and how much more that is
than got's, with the t interval over targets and the p of a paired t test, corrected for the number of rules (Holm); by
the text where lines say it. Only rules with all targets and budgets, and their seeds, are in it. Where the costs of
every held-out text are, in WORK or beside RESULTS (costs.py), the interval of a bootstrap in two stages, too: targets
are drawn, then the units of texts within each.

Source: Holm, A simple sequentially rejective multiple test procedure (1979); the bootstrap in stages: Davison and
Hinkley, Bootstrap Methods and their Application (1997), section 3.8.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from arguments import run_study
from averages import BY_TEXT
from costs import Kept, judge_of, kept, of_lines, study_of
from results import stored
from scipy import stats
from tables import Cell, Found, judged

_REFERENCE = "got:vectors=hash+static"
_RESAMPLES = 2000


class Difference(NamedTuple):
    """How much more a rule's loss is than the reference's. p : corrected for the number of rules"""

    mean: float
    low: float
    high: float
    p: float
    worse: int


def differences(losses: dict[str, np.ndarray], reference: str) -> dict[str, Difference]:
    """Return the paired differences of every rule but the reference. losses : a number for each target, by the rule"""
    more = {rule: loss - losses[reference] for rule, loss in losses.items() if rule != reference}
    ps = {rule: float(stats.ttest_1samp(each, 0.0).pvalue) for rule, each in more.items()}
    corrected = dict(zip(ps, holm(list(ps.values())), strict=True))
    found = {}
    for rule, each in more.items():
        reach = float(stats.t.ppf(0.975, len(each) - 1) * stats.sem(each))
        mean = float(each.mean())
        found[rule] = Difference(mean, mean - reach, mean + reach, corrected[rule], int((each > 0.0).sum()))
    return found


def holm(ps: Sequence[float]) -> list[float]:
    """Return p values so that 0.05 is the chance of one false finding among all."""
    order = np.argsort(ps)
    stepped = np.maximum.accumulate(np.asarray(ps)[order] * np.arange(len(ps), 0, -1))
    found = np.empty(len(ps))
    found[order] = np.minimum(stepped, 1.0)
    return [float(p) for p in found]


def in_two_stages(found: Found, rule: str, reference: str, measure: str) -> tuple[float, float] | None:
    """Return the interval of the mean difference, targets drawn and texts within them; None without their costs."""
    random, tasks = np.random.default_rng(0), sorted({task for task, _ in found[reference]})
    drawn = np.zeros((_RESAMPLES, len(tasks)))
    for place, task in enumerate(tasks):
        cells = [cell for cell in found[reference] if cell[0] == task]
        for cell in cells:
            mine, theirs = found[rule][cell].costs, found[reference][cell].costs
            if mine is None or theirs is None:
                return None
            nats, weights = mine.sums(measure)
            units = mine.held_out.units
            count = int(units.max()) + 1
            sums = [np.bincount(units, each, count) for each in (nats - theirs.sums(measure)[0], weights)]
            chosen = _resamples(count, place)
            drawn[:, place] += (chosen @ sums[0]) / (chosen @ sums[1]) / len(cells)
    which = random.integers(0, len(tasks), (_RESAMPLES, len(tasks)))
    low, high = np.percentile(np.take_along_axis(drawn, which, axis=1).mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


@lru_cache
def _resamples(count: int, seed: int) -> np.ndarray:
    """Return how often each unit is drawn. Shapes: -> float64 (_RESAMPLES, count)."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=_RESAMPLES).astype(np.float64)


Runs = dict[str, dict[Cell, list[dict[str, Any]]]]


def complete(lines: Sequence[dict[str, Any]]) -> Runs:
    """Return the seeds of every rule, target and budget, of rules that have all of them."""
    by: Runs = defaultdict(lambda: defaultdict(list))
    for line in lines:
        by[line["rule"].split(":seed=")[0]][line["task"], line["chunks"]].append(line)
    cells = {cell for each in by.values() for cell in each}
    return {rule: dict(each) for rule, each in by.items() if set(each) == cells}


def table(lines: Sequence[dict[str, Any]], where: Kept | None) -> str:
    """Markdown, by the word (or token) and by the text, the best rule first."""
    unit = "token" if judge_of(lines[0]) == "train" else "word"
    runs = complete(lines)
    cells = sorted(next(iter(runs.values()), {}))
    tasks, budgets = sorted({task for task, _ in cells}), sorted({budget for _, budget in cells})
    found: Found = {rule: {cell: judged(some, where) for cell, some in each.items()} for rule, each in runs.items()}
    parts = [f"{len(tasks)} targets, budgets of {', '.join(f'{budget:,}' for budget in budgets)} chunks"]
    for title, measure in ((f"By the {unit}", ""), ("By the text", BY_TEXT)):
        name = f"nats_per_{unit}{measure}"
        if all(name in line for each in runs.values() for some in each.values() for line in some):
            losses = {rule: np.array([_mean_of(each, task, name) for task in tasks]) for rule, each in runs.items()}
            parts.append("\n".join([f"{title}, nats a {unit}:", "", *_rows(losses, tasks, found, measure)]))
    return "\n\n".join(parts)


def _mean_of(cells: dict[Cell, list[dict[str, Any]]], task: str, name: str) -> float:
    """Return the mean over a target's budgets of the mean over seeds."""
    return float(np.mean([np.mean([line[name] for line in some]) for cell, some in cells.items() if cell[0] == task]))


def _rows(losses: dict[str, np.ndarray], tasks: Sequence[str], found: Found, measure: str) -> list[str]:
    over_targets = differences(losses, _REFERENCE)
    rows = ["| rule | mean | more than `got`, t interval over targets | p, Holm | targets on which it is worse "
            "| targets and texts drawn |" + "".join(f" {task} |" for task in tasks),
            "|---|---|---|---|---|---|" + "---|" * len(tasks)]
    for rule in sorted(losses, key=lambda rule: losses[rule].mean()):
        said = "| | | |"
        if rule != _REFERENCE:
            more = over_targets[rule]
            staged = in_two_stages(found, rule, _REFERENCE, measure)
            said = (f"| {more.mean:+.4f} ({more.low:+.4f} to {more.high:+.4f}) | {more.p:.3g} "
                    f"| {more.worse} of {len(tasks)} | " + (f"{staged[0]:+.4f} to {staged[1]:+.4f}" if staged else ""))
        each = "".join(f" {loss:.4f} |" for loss in losses[rule])
        rows.append(f"| `{rule}` | {losses[rule].mean():.4f} {said} |{each}")
    return rows


def main() -> None:
    """Print the table."""
    parser = of_lines(__doc__)
    parser.add_argument("results", type=Path)
    given = parser.parse_args()
    print(table(stored(given.results), kept(given.results, study_of(given))))


if __name__ == "__main__":
    run_study(main)
