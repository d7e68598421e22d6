"""How few rows of a pool change what is best: the ridge of whitening, eps, and the rules, by the probe.

    python rows_study.py DATA WORK [--scale tiny] [--rules FILE] [--rows 1000 3000 10000 60000] [--draws 2 2 1 1]

Lays the data out and embeds it as domain.py does. For every number of rows, draw of them, target and rule of
rules/rows.txt one JSON line in WORK/SCALE/rows.jsonl: the probe's cross-entropy of held-out text, by the word and by
the text (the mean over texts of each text's nats a word), with a choice of 5 % of these rows, at most 2,000. Then
rows_table.py's tables. Stopped, the same command goes on.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from arguments import of_a_study, run_study
from averages import averages, units_of
from costs import keep
from data import TARGETS, Study
from deadline import Deadline
from domain import with_vectors
from judge import Judge
from probe_study import read_rules
from results import add_all, lines_of
from rows_table import REFERENCE, tables
from rules import Rule, ranked

_RULES = Path(__file__).parent / "rules" / "rows.txt"
_SHARE_CHOSEN, _MOST_CHOSEN = 0.05, 2_000
#: As probe_study.py has them.
_ORDER, _LAMBDA = 3, 0.3


class Pool(NamedTuple):
    """Which rows there are: how many, and the seed by which they are drawn."""

    rows: int
    draw: int

    def rule(self, rule: Rule) -> Rule:
        """The rule on these rows alone."""
        return Rule.parse(f"{rule.written}:rows={self.rows}:draw={self.draw}")

    @property
    def chunks(self) -> int:
        """How many are chosen."""
        return min(round(_SHARE_CHOSEN * self.rows), _MOST_CHOSEN)


def runs(study: Study, rules: list[Rule], pools: list[Pool], tasks: list[str],
         results: Path) -> Iterator[dict[str, Any]]:
    """One result after the other; those that the file holds already are not made again."""
    before = {(run["task"], run["rows"], run["draw"], run["rule"]) for run in lines_of(results)}
    for task in tasks:
        missing = [(pool, rule) for pool in pools for rule in rules if (task, *pool, rule.written) not in before]
        if not missing:
            continue
        judge = Judge(study, task, _ORDER, _LAMBDA)
        lengths, units = judge.target.numbered.lengths, units_of(study, task)
        base = averages("base_nats_per_word", judge.base_costs, lengths, units)
        for pool, rule in missing:
            words = round(pool.chunks * float(judge.words.mean()))
            costs = judge.costs(ranked(study, task, pool.rule(rule), pool.chunks), words)
            line = {"task": task, "rows": pool.rows, "draw": pool.draw, "rule": rule.written, "chunks": pool.chunks,
                    "order": _ORDER, "lambda": _LAMBDA, "words": words, "held_out_words": int(lengths.sum()),
                    "held_out_texts": int((lengths > 0).sum()), **averages("nats_per_word", costs, lengths, units),
                    **base}
            keep(study.folder, line, costs)
            yield line


def main() -> None:
    """All steps."""
    parser = of_a_study(__doc__)
    parser.add_argument("--rules", type=Path, default=_RULES)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 3_000, 10_000, 60_000])
    parser.add_argument("--draws", type=int, nargs="+", default=[2, 2, 1, 1], help="how often each number is drawn")
    parser.add_argument("--tasks", nargs="+", default=list(TARGETS))
    parser.add_argument("--reference", metavar="RULE", default=REFERENCE)
    parser.add_argument("--minutes", type=float, help="stop after so many, with status 75; the same command goes on")
    given = parser.parse_args()
    if len(given.draws) != len(given.rows):
        parser.error("--draws: give one number for each of --rows")
    study = with_vectors(given.data, given.work, given.scale, given.rules, given.encoder)
    pools = [Pool(rows, draw) for rows, draws in zip(given.rows, given.draws, strict=True) for draw in range(draws)]
    results = study.folder / "rows.jsonl"
    add_all(results, runs(study, read_rules(given.rules), pools, given.tasks, results),
            lambda run: f"{run['rows']:7,} {run['task']:20} {run['nats_per_word']:.4f} "
                        f"{run['nats_per_word_by_text']:.4f} {run['rule']}", Deadline(given.minutes))
    print(f"\n{tables(results, study, given.reference)}")


if __name__ == "__main__":
    run_study(main)
