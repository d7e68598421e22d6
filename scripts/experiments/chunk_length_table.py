"""The tables of chunk_length.py from its lines alone.

    python chunk_length_table.py scripts/experiments/results/chunk-length-tiny.jsonl
"""

from collections import defaultdict
from typing import Any

import numpy as np
from arguments import print_table, run_study
from averages import BY_TEXT
from results import stored


def tables(lines: list[dict[str, Any]]) -> str:
    """Markdown, by the word and by the text."""
    return "\n\n".join(f"{title}, nats a word:\n\n{table(lines, measure)}"
                       for title, measure in (("By the word", ""), ("By the text", BY_TEXT)))


def table(lines: list[dict[str, Any]], measure: str) -> str:
    """Markdown: a target and rule a line, a length a column, means over budgets; the lowest of a line is bold."""
    sizes = sorted({line["chars"] for line in lines})
    found: dict[tuple[float, str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        found[line["target_chars"], line["task"], line["rule"]][line["chars"]].append(line[f"nats_per_word{measure}"])
    rows = ["| target | its texts | rule |" + "".join(f" {size:,} characters |" for size in sizes),
            "|---" * (3 + len(sizes)) + "|"]
    for (length, task, rule), by in sorted(found.items()):
        means = {size: f"{np.mean(by[size]):.3f}" for size in by}
        best = min(means.values())
        cells = ["" if size not in means else f"**{best}**" if means[size] == best else means[size] for size in sizes]
        rows.append(f"| {task} | {length:,.0f} characters | `{rule}` | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Print them."""
    print_table(__doc__, lambda file: tables(stored(file)))


if __name__ == "__main__":
    run_study(main)
