"""Tables of what the studies found, in Markdown, made from their JSON lines and from the costs of every held-out text.

    python tables.py RESULTS [RESULTS] [--work WORK --scale tiny] [--reference RULE] [--resamples 2000]

RESULTS is JSON lines of probe_study.py or of train_study.py. For each of these judges, and for both averages, by the
word (or token) and by the text (averages.py): the mean held-out loss of every rule over targets and budgets, and how
much worse it is than the reference, with a 95 % interval by resampling the units of held-out texts of every target (the
same ones for both rules: the difference is paired; the texts of `mixed`, which are some of the others', go with them).
Only cells that all rules have are used. Of lines whose costs are neither in WORK nor beside them (costs.py) only the
means are known, and how far apart they are, by the text where a line has it: otherwise -. Of two judges then how well
the probe foretells training: Spearman's correlation of the gains over no choice, over all (target, rule, budget), and
among the rules for one target and budget, which is what is compared in use.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from arguments import run_study
from averages import BY_TEXT
from costs import Costs, Kept, costs_of, judge_of, kept, of_lines, study_of
from data import DOMAIN_TASKS, HELD_OUT_TEXTS, MIXED
from results import stored
from scipy.stats import spearmanr

from gotd.errors import UsageError

#: A target and a budget in chunks.
Cell = tuple[str, int]
#: By the word or token, and by the text.
_MEASURES = ("", BY_TEXT)


class Judged(NamedTuple):
    """What a judge says of a rule in a cell, by each of _MEASURES.

    loss, base : nats a word or token with and without the choice; None where a line does not say
    costs : None where they are not kept
    """

    loss: dict[str, float | None]
    base: dict[str, float | None]
    costs: Costs | None


Found = dict[str, dict[Cell, Judged]]


def read(file: Path, where: Kept | None) -> Found:
    """What was found, the seeds of a rule as one. where : costs are, if they are anywhere"""
    runs: dict[tuple[str, Cell], list[dict[str, Any]]] = defaultdict(list)
    for line in stored(file):
        rule = "random" if line["rule"].startswith("random:") else line["rule"]
        runs[rule, (line["task"], line["chunks"])].append(line)
    found: Found = defaultdict(dict)
    for (rule, cell), some in runs.items():
        found[rule][cell] = judged(some, where)
    return found


def judged(lines: Sequence[dict[str, Any]], where: Kept | None) -> Judged:
    """The seeds of a rule as one. Costs say by the text what older lines do not."""
    unit = "token" if judge_of(lines[0]) == "train" else "word"
    loss, base = ({measure: _mean([line.get(f"{name}{measure}") for line in lines]) for measure in _MEASURES}
                  for name in (f"nats_per_{unit}", f"base_nats_per_{unit}"))
    if (costs := costs_of(where, lines)) is not None:
        for measure in _MEASURES:
            if loss[measure] is None:
                nats, weights = costs.sums(measure)
                loss[measure] = float(nats.sum() / weights.sum())
    return Judged(loss, base, costs)


def _mean(values: Sequence[float | None]) -> float | None:
    return None if None in values else float(np.mean(values))  # type: ignore[arg-type]


def common_cells(found: Found) -> list[Cell]:
    """Those that every rule has."""
    return sorted(set.intersection(*(set(cells) for cells in found.values())))


def interval(found: Found, rule: str, reference: str, cells: list[Cell], resamples: int,
             measure: str = "") -> tuple[float, float, float] | None:
    """How much more a rule's loss is than the reference's, the mean over cells, and its 95 % interval, where known."""
    pairs = [(cell[0], found[rule][cell].costs, found[reference][cell].costs) for cell in cells]
    known = [(task, mine, theirs) for task, mine, theirs in pairs if mine and theirs]
    if len(known) < len(pairs):
        return None
    weights = _weights({task: mine.held_out.units for task, mine, _ in known}, resamples)
    differences, sums = [], np.zeros(resamples)
    for task, mine, theirs in known:
        nats, lengths = mine.sums(measure)
        each = nats - theirs.sums(measure)[0]
        differences.append(each.sum() / lengths.sum())
        sums += (weights[task] @ each) / (weights[task] @ lengths)
    low, high = np.percentile(sums / len(cells), [2.5, 97.5])
    return float(np.mean(differences)), float(low), float(high)


def _weights(units: dict[str, np.ndarray], resamples: int) -> dict[str, np.ndarray]:
    """How often each text of a target is drawn, those of one unit together. Shapes: -> float64 (resamples, n) each.

    units : of each target's texts, int64 (n,)
    """
    random = np.random.default_rng(0)
    weights = {}
    for task, of in sorted(units.items()):
        count = int(of.max()) + 1
        weights[task] = random.multinomial(count, np.full(count, 1 / count), size=resamples)[:, of].astype(np.float64)
    if MIXED in units and weights.keys() >= set(DOMAIN_TASKS):
        share = HELD_OUT_TEXTS // len(DOMAIN_TASKS)  # as data.py puts it together
        weights[MIXED] = np.hstack([weights[task][:, :share] for task in DOMAIN_TASKS])
    return weights


def table(found: Found, reference: str, resamples: int, unit: str) -> str:
    """Markdown, best rule by the word or token first; of a target its losses by both averages."""
    cells = common_cells(found)
    tasks, budgets = sorted({task for task, _ in cells}), sorted({budget for _, budget in cells})
    heads = [f"nats a {unit}, by the {way} | more than the reference, 95 %" for way in (unit, "text")]
    base = [_mean([found[reference][cell].base[measure] for cell in cells]) for measure in _MEASURES]
    rows = [f"| rule | {' | '.join(heads)} |" + "".join(f" {task} |" for task in tasks),
            "|---|---|---|---|---|" + "---|" * len(tasks),
            f"| no choice | {_said(base[0])} | | {_said(base[1])} | |" + " |" * len(tasks)]

    def mean(rule: str, measure: str, some: Sequence[Cell]) -> float | None:
        return _mean([found[rule][cell].loss[measure] for cell in some])

    for rule in sorted(found, key=lambda rule: mean(rule, "", cells) or 0.0):
        row = [f"`{rule}`"]
        for measure in _MEASURES:
            loss, other = mean(rule, measure, cells), mean(reference, measure, cells)
            more = interval(found, rule, reference, cells, resamples, measure)
            row += [_said(loss), "reference" if rule == reference else _apart(loss, other, more)]
        for task in tasks:
            some = [cell for cell in cells if cell[0] == task]
            row.append(", ".join(_said(mean(rule, measure, some)) for measure in _MEASURES))
        rows.append(f"| {' | '.join(row)} |")
    said = ", ".join(f"{budget:,}" for budget in budgets)
    return "\n".join([f"{len(tasks)} targets, budgets of {said} chunks; differences from `{reference}`; of each target "
                      f"the loss by the {unit} and by the text:", "", *rows])


def _apart(loss: float | None, reference: float | None, more: tuple[float, float, float] | None) -> str:
    if more is not None:
        return f"{more[0]:+.4f} ({more[1]:+.4f} to {more[2]:+.4f})"
    return "-" if loss is None or reference is None else f"{loss - reference:+.4f}"


def _said(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def foretold(probe: Found, train: Found, measure: str = "") -> str:
    """How well gains over no choice by the probe agree with those by training, in words; nothing where not known."""
    gains = defaultdict(list)
    for rule in probe.keys() & train.keys():
        for cell in probe[rule].keys() & train[rule].keys():
            both = [(judged.base[measure], judged.loss[measure]) for judged in (probe[rule][cell], train[rule][cell])]
            gains[cell].append([base - loss for base, loss in both if base is not None and loss is not None])
    pairs = [pair for some in gains.values() for pair in some]
    if any(len(pair) < 2 for pair in pairs):
        return ""
    within = {cell: correlation(some) for cell, some in gains.items()}
    task, budget = least = min(within, key=within.__getitem__)
    return (f"The probe foretells training: rank correlation {correlation(pairs):.2f} over {len(pairs)} (target, rule, "
            f"budget);\namong the rules for one target and budget {np.mean(list(within.values())):.2f} on average, "
            f"{within[least]:.2f} the least ({task}, {budget:,} chunks).")


def correlation(pairs: list[list[float]]) -> float:
    """Spearman's, of pairs of numbers."""
    return float(spearmanr(*np.array(pairs).T).statistic)


def main() -> None:
    """Print what there is."""
    parser = of_lines(__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="lines of one judge, or of the probe and of training")
    parser.add_argument("--reference", metavar="RULE", help="default: the `got` that is written shortest")
    parser.add_argument("--resamples", type=int, default=2000)
    given = parser.parse_args()
    study = study_of(given)
    found: dict[str, Found] = {}
    for file in given.results:
        judge, by = judge_of(stored(file)[0]), read(file, kept(file, study))
        found[judge] = by
        # Not the first: several processes write lines in an order of their own.
        reference = given.reference or min((rule for rule in by if rule.split(":")[0] == "got"), key=len, default=None)
        if reference not in by:
            raise UsageError(f"{file} has no rule {reference or 'got'}; give --reference")
        print(f"By {'the probe' if judge == 'probe' else 'training'}: "
              f"{table(by, reference, given.resamples, 'word' if judge == 'probe' else 'token')}\n")
    for measure, way in zip(_MEASURES, ("word and token", "text"), strict=True):
        if len(found) == 2 and (said := foretold(found["probe"], found["train"], measure)):
            print(f"By the {way}: {said}")


if __name__ == "__main__":
    run_study(main)
