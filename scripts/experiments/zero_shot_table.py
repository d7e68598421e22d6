"""The table of zero_shot.py from its lines alone.

    python zero_shot_table.py scripts/experiments/results/zero-shot-SmolLM2-135M.jsonl
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from arguments import print_table, run_study
from intervals import Interval, interval, shown
from packing import unpacked_bits
from results import NO_WARM_UP, comparable

#: What an answer's loss is compared with.
WAYS = ("pmi", "calibrated")


def right_answers(line: dict[str, Any], way: str) -> np.ndarray:
    """Whether each answer of a run was right. Shapes: -> bool (n,)."""
    return unpacked_bits(line[f"right_{way}"], line["texts"])


def table(results: list[dict[str, Any]]) -> str:
    """Markdown, in per cent, means over seeds: accuracies, and how far they are from the base model's."""
    found: dict[tuple[int, str], list[np.ndarray]] = defaultdict(list)
    for line in results:
        found[line["chunks"], line["rule"]].append(np.stack([right_answers(line, way) for way in WAYS]))
    right = {key: 100.0 * np.mean(runs, axis=0) for key, runs in found.items()}
    rows = ["| rule | chunks | seeds |" + "".join(f" {way}, % | more than no warm-up |" for way in WAYS),
            "|---" * (3 + 2 * len(WAYS)) + "|"]
    for chunks, rule in sorted(found):
        cells = []
        for mine, base in zip(right[chunks, rule], right[0, NO_WARM_UP], strict=True):
            cells += [shown(_mean(mine), signed=False), shown(_mean(mine - base)) if chunks else ""]
        rows.append(f"| `{rule}` | {chunks or ''} | {len(found[chunks, rule])} | {' | '.join(cells)} |")
    return "\n".join(rows)


def table_of(file: Path) -> str:
    """The table of a results file. Raises: DataError, as comparable"""
    return table(comparable(file, "zero_shot.py", f"right_{WAYS[0]}"))


def _mean(values: np.ndarray) -> Interval:
    return interval(lambda weights: weights @ values, len(values))


def main() -> None:
    """Print it."""
    print_table(__doc__, table_of)


if __name__ == "__main__":
    run_study(main)
