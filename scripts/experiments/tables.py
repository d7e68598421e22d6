"""Tables of what the studies found, in Markdown, made from their JSON lines and from the costs of every held-out text.

    python tables.py WORK [--scale tiny] [--reference RULE] [--resamples 2000] [--probe FILE]

For each judge, the probe and training: the mean held-out loss of every rule over targets and budgets, and how much
worse it is than the reference, with a 95 % interval by resampling the held-out texts of every target (the same ones for
both rules: the difference is paired; the texts of `mixed`, which are some of the others', go with them). Only cells
that all rules have are used. How many words are drawn is taken for fixed, where ds-probe resamples it as well. Then how
well the probe foretells training: Spearman's correlation of the gains over no choice, over all (target, rule, budget),
and among the rules for one target and budget, which is what is compared in use.
"""

import argparse
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from data import DOMAIN_TASKS, HELD_OUT_TEXTS, MIXED, SCALES, Study
from results import lines_of
from scipy.stats import spearmanr

from gotd.cli._frame import run_script

#: A target and a budget in chunks.
Cell = tuple[str, int]


class Judged(NamedTuple):
    """What a judge says of a rule in a cell.

    costs : nats of each held-out text, float64 (n,), the mean over seeds
    units : words or tokens of all of them
    base : nats of all of them with no choice
    """

    costs: np.ndarray
    units: int
    base: float

    @property
    def loss(self) -> float:
        """Nats a unit."""
        return float(self.costs.sum() / self.units)


Found = dict[str, dict[Cell, Judged]]


def read(study: Study, judge: str, file: Path) -> Found:
    """What was found by "probe" or "train", the seeds of a rule as one."""
    lines = lines_of(file)
    runs: dict[tuple[str, Cell], list[dict[str, object]]] = defaultdict(list)
    for line in lines:
        rule = "random" if line["rule"].startswith("random:") else line["rule"]
        runs[rule, (line["task"], line["chunks"])].append(line)
    found: Found = defaultdict(dict)
    for (rule, cell), some in runs.items():
        costs = np.mean([np.load(_cost_file(study, judge, line)) for line in some], axis=0)
        unit = "word" if judge == "probe" else "token"
        units = int(some[0][f"held_out_{unit}s"])  # type: ignore[call-overload]
        found[rule][cell] = Judged(costs, units, float(some[0][f"base_nats_per_{unit}"]) * units)  # type: ignore[arg-type]
    return found


def _cost_file(study: Study, judge: str, line: dict[str, object]) -> Path:
    ending = f"{line['order']}-{line['lambda']:g}" if judge == "probe" else f"train-{line['seed']}"
    return study.folder / "costs" / str(line["task"]) / f"{line['rule']}@{line['chunks']}-{ending}.npy"


def common_cells(found: Found) -> list[Cell]:
    """Those that every rule has."""
    return sorted(set.intersection(*(set(cells) for cells in found.values())))


def interval(found: Found, rule: str, reference: str, cells: list[Cell], resamples: int) -> tuple[float, float, float]:
    """How much more a rule's loss is than the reference's, the mean over cells, and its 95 % interval."""
    weights = _weights({task: len(found[rule][task, budget].costs) for task, budget in cells}, resamples)
    differences, sums = [], np.zeros(resamples)
    for task, budget in cells:
        mine, theirs = found[rule][task, budget], found[reference][task, budget]
        each = (mine.costs - theirs.costs) / mine.units
        differences.append(each.sum())
        sums += weights[task] @ each
    low, high = np.percentile(sums / len(cells), [2.5, 97.5])
    return float(np.mean(differences)), float(low), float(high)


def _weights(texts: dict[str, int], resamples: int) -> dict[str, np.ndarray]:
    """How often each text of a target is drawn; all of them, on average once. Shapes: -> float64 (resamples, n) each.

    texts : how many each target has
    """
    random = np.random.default_rng(0)
    weights = {task: random.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)
               for task, count in sorted(texts.items())}
    if MIXED in texts and weights.keys() >= set(DOMAIN_TASKS):
        share = HELD_OUT_TEXTS // len(DOMAIN_TASKS)  # as data.py puts it together
        drawn = np.hstack([weights[task][:, :share] for task in DOMAIN_TASKS])
        weights[MIXED] = drawn * (drawn.shape[1] / drawn.sum(axis=1, keepdims=True))
    return weights


def table(found: Found, reference: str, resamples: int, unit: str) -> str:
    """Markdown, best rule first."""
    cells = common_cells(found)
    tasks, budgets = sorted({task for task, _ in cells}), sorted({budget for _, budget in cells})
    base = np.mean([found[reference][cell].base / found[reference][cell].units for cell in cells])
    rows = [f"| rule | nats a {unit} | more than the reference, 95 % |" + "".join(f" {task} |" for task in tasks),
            "|---|---|---|" + "---|" * len(tasks), f"| no choice | {base:.4f} | |" + " |" * len(tasks)]
    means = {rule: float(np.mean([cells_of[cell].loss for cell in cells])) for rule, cells_of in found.items()}
    for rule in sorted(means, key=means.__getitem__):
        more, low, high = interval(found, rule, reference, cells, resamples)
        per_task = [np.mean([found[rule][cell].loss for cell in cells if cell[0] == task]) for task in tasks]
        paired = "reference" if rule == reference else f"{more:+.4f} ({low:+.4f} to {high:+.4f})"
        rows.append(f"| `{rule}` | {means[rule]:.4f} | {paired} |" + "".join(f" {loss:.4f} |" for loss in per_task))
    said = ", ".join(f"{budget:,}" for budget in budgets)
    return "\n".join([f"{len(tasks)} targets, budgets of {said} chunks; differences from `{reference}`:", "", *rows])


def foretold(probe: Found, train: Found) -> str:
    """How well the gains over no choice by the probe agree with those by training, in words."""
    gains = defaultdict(list)
    for rule in probe.keys() & train.keys():
        for cell in probe[rule].keys() & train[rule].keys():
            both = probe[rule][cell], train[rule][cell]
            gains[cell].append([judged.base / judged.units - judged.loss for judged in both])
    over_all, count = correlation([pair for pairs in gains.values() for pair in pairs]), sum(map(len, gains.values()))
    within = {cell: correlation(pairs) for cell, pairs in gains.items()}
    task, budget = least = min(within, key=within.__getitem__)
    return (f"The probe foretells training: rank correlation {over_all:.2f} over {count} (target, rule, budget);\n"
            f"among the rules for one target and budget {np.mean(list(within.values())):.2f} on average, "
            f"{within[least]:.2f} the least ({task}, {budget:,} chunks).")


def correlation(pairs: list[list[float]]) -> float:
    """Spearman's, of pairs of numbers."""
    return float(spearmanr(*np.array(pairs).T).statistic)


def main() -> None:
    """Print what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--scale", choices=list(SCALES), default="tiny")
    parser.add_argument("--reference", metavar="RULE", help="default: the `got` that is written shortest")
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--probe", type=Path, help="lines of probe_study.py --results: a table of these alone")
    given = parser.parse_args()
    study = Study(given.work / given.scale)
    files = {judge: study.folder / f"{judge}.jsonl" for judge in ("probe", "train")}
    if given.probe:
        files = {"probe": given.probe}
    found = {judge: read(study, judge, file) for judge, file in files.items() if file.exists()}
    for judge, by in found.items():
        # Not the first: several processes write lines in an order of their own.
        reference = given.reference or min((rule for rule in by if rule.split(":")[0] == "got"), key=len, default=None)
        if reference not in by:
            raise SystemExit(f"tables: error: {judge}.jsonl has no rule {reference or 'got'}; give --reference")
        print(f"By {'the probe' if judge == 'probe' else 'training'}: "
              f"{table(by, reference, given.resamples, 'word' if judge == 'probe' else 'token')}\n")
    if len(found) == 2:
        print(foretold(found["probe"], found["train"]))


if __name__ == "__main__":
    run_script(main)
