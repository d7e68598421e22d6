"""Which rule is best on targets that no default was set on? By the n-gram probe.

    python confirm.py DATA WORK [--scale tiny] [--rules FILE] [--budgets 500 2000]

The defaults were found on the five targets of domain.py. Here are seven others, and mixtures of two and of four of
them whose texts differ most in length, each kind with as many texts. Everything else is as domain.py has it. One JSON
line a run in WORK/SCALE/confirm.jsonl, both averages; then the table of confirmed.py. Stopped, the same command goes
on.
"""

from pathlib import Path

from arguments import of_a_study, run_study
from confirmed import table
from costs import InWork
from data import HELD_OUT_TEXTS, TARGET_TEXTS, Study, lay_out, lines, shuffled, write
from deadline import Deadline
from domain import embed, model_of
from probe_study import BUDGETS, done, read_rules, runs
from results import add_all, lines_of

_RULES = Path(__file__).parent / "rules" / "confirm.txt"
TASKS = ("scicite", "toxicity_davidson", "cola", "mrpc", "rte", "sst2", "stsb")
#: Mean words of a held-out text: cola 9, rte 61; sst2 21, toxicity_davidson 19, scicite 44, mrpc 47.
MIXTURES = {"mixed-two": ("cola", "rte"), "mixed-four": ("sst2", "toxicity_davidson", "scicite", "mrpc")}
#: As probe_study.py has them.
_ORDER, _LAMBDA = 3, 0.3


def lay_out_targets(data: Path, study: Study) -> None:
    """Write the targets and the held-out texts that are not there yet."""
    for split, most, path in (("train", TARGET_TEXTS, study.target), ("test", HELD_OUT_TEXTS, study.held_out)):
        found = {task: shuffled(lines(data / "tasks" / task / f"{split}.jsonl.zst"), f"{task} {split}")[:most]
                 for task in TASKS}
        for name, tasks in MIXTURES.items():
            share = min(most // len(tasks), *(len(found[task]) for task in tasks))
            found[name] = [line for task in tasks for line in found[task][:share]]
        for task, records in found.items():
            if not path(task).exists():
                write(path(task), records)


def main() -> None:
    """All steps."""
    parser = of_a_study(__doc__)
    parser.add_argument("--rules", type=Path, default=_RULES)
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS[:2]), help="in chunks")
    parser.add_argument("--minutes", type=float, help="stop after so many, with status 75; the same command goes on")
    given = parser.parse_args()
    study, rules = lay_out(given.data, given.work, given.scale), read_rules(given.rules)
    lay_out_targets(given.data, study)
    for name in sorted({name for rule in rules for name in rule["vectors"].split("+")}):
        embed(study, name, model_of(name, study, given.work, given.encoder))
    results, tasks = study.folder / "confirm.jsonl", [*TASKS, *MIXTURES]
    deadline = Deadline(given.minutes)
    for rule in rules:  # all targets by one rule after the other: what there is can be compared at any moment
        add_all(results, runs(study, [rule], _ORDER, _LAMBDA, done(results), tasks, given.budgets),
                lambda run: f"{run['task']:20} {run['chunks']:6} {run['nats_per_word']:.4f} "
                            f"{run['nats_per_word_by_text']:.4f} {run['rule']}", deadline)
    print(table(lines_of(results), InWork(study)))


if __name__ == "__main__":
    run_study(main)
