"""A comparison as JSON and as a table for people."""

from collections.abc import Sequence
from typing import Any

from gotd.probing.comparing import Comparison, Row
from gotd.probing.judgement import Estimate

#: Entropic distances to the target, of the source and of the source with each choice, in the order of the rows.
Distances = Sequence[float | None] | None


def as_json(found: Comparison, distances: Distances) -> dict[str, Any]:
    """Everything there is to say."""
    rows = []
    for row, distance in zip(found.rows, distances or [None] * len(found.rows), strict=True):
        entry: dict[str, Any] = {"name": row.name, "kind": row.kind, "documents": row.documents, "tokens": row.tokens,
                                 "nats_per_token": _estimate(row.nats_per_token),
                                 "bits_per_byte": _estimate(row.bits_per_byte)}
        entry |= {name: _estimate(value) for name, value in (("to_random", row.to_random), ("to_best", row.to_best))}
        rows.append(entry | ({} if distances is None else {"distance": distance}))
    return {**found.facts, "warnings": found.warnings, "rows": rows}


def _estimate(found: Estimate | None) -> dict[str, float] | None:
    return None if found is None else found._asdict()


def as_table(found: Comparison, distances: Distances) -> str:
    """A line for no choice, for random, and for each choice, the best first."""
    head = ["choice", "texts", "words", "nats/word", "95 %", "bits/byte", "to random", "95 %", "to the best", "95 %"]
    lines = [[*head, "distance"] if distances else head]
    whole = list(zip(found.rows, distances or [None] * len(found.rows), strict=True))
    largest = max(row.tokens for row in found.rows if row.kind == "random")
    for row, distance in sorted(whole, key=lambda each: (_RANKS[each[0].kind], each[0].nats_per_token.value)):
        if row.kind != "random" or row.tokens == largest:
            lines.append(_cells(row) + ([] if not distances else ["-" if distance is None else f"{distance:.4f}"]))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    table = ["  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in
                                                    zip(line[1:], widths[1:], strict=True))]) for line in lines]
    return "\n".join([*_heading(found), "", *table])


_RANKS = {"none": 0, "random": 1, "choice": 2}


def _cells(row: Row) -> list[str]:
    nats = row.nats_per_token
    return [row.name, f"{row.documents:,}" if row.tokens else "-", f"{row.tokens:,}" if row.tokens else "-",
            f"{nats.value:.4f}", f"{nats.low:.3f} to {nats.high:.3f}", f"{row.bits_per_byte.value:.4f}",
            *_difference(row.to_random), *_difference(row.to_best)]


def _difference(found: Estimate | None) -> list[str]:
    return ["-", "-"] if found is None else [f"{found.value:+.4f}", f"{found.low:+.4f} to {found.high:+.4f}"]


def _heading(found: Comparison) -> list[str]:
    facts = found.facts
    left_out = f"; {facts['target_left_out']:,} more stand in a choice, left out" if facts["target_left_out"] else ""
    sizes = {row.tokens for row in found.rows if row.kind == "choice"}
    budget = (f"{min(sizes):,} words of each choice" if len(sizes) == 1 else
              f"choices of {min(sizes):,} to {max(sizes):,} words, each against a random one of its own size "
              "(give --budget for equal ones)")
    return [
        f"held out: {facts['target_documents']:,} texts, {facts['target_tokens']:,} words, "
        f"{facts['target_bytes']:,} bytes{left_out}",
        f"source: {facts['source_documents']:,} texts, {facts['source_tokens']:,} words; "
        f"{1 - facts['lambda']:g} source + {facts['lambda']:g} choice, {facts['order']}-grams",
        budget,
    ]
