"""What the defaults are chosen from: representations, whitening, eps, source, rounds and rules, by the probe alone.

    python defaults.py DATA WORK [--scale tiny] [--rules FILE] [--budgets 500 2000]

Lays the data out and embeds it as domain.py does, judges every rule of rules/defaults.txt by the n-gram probe into
WORK/SCALE/defaults.jsonl, and prints the table. Stopped, the same command goes on. What the probe puts first is
confirmed by training: domain.py.
"""

from pathlib import Path

from arguments import of_a_study
from domain import script, with_vectors

_RULES = Path(__file__).parent / "rules" / "defaults.txt"


def main() -> None:
    """All steps."""
    parser = of_a_study(__doc__)
    parser.add_argument("--rules", type=Path, default=_RULES)
    parser.add_argument("--budgets", nargs="+", default=["500", "2000"])
    given = parser.parse_args()
    study = with_vectors(given.data, given.work, given.scale, given.rules, given.encoder)
    results = study.folder / "defaults.jsonl"
    script("probe_study.py", given.work, "--scale", given.scale, "--rules", given.rules, "--results", results,
           "--budgets", *given.budgets)
    script("tables.py", results, "--work", given.work, "--scale", given.scale, "--reference", "got:vectors=hash+static")


if __name__ == "__main__":
    main()
