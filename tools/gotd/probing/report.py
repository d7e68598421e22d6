"""A comparison as JSON and as tables for people."""

from collections.abc import Sequence

from gotd.probing.comparison import Comparison, Row
from gotd.probing.figures import Figures
from gotd.probing.judgement import Estimate
from gotd.probing.tables import AVERAGES, FIGURES_HEAD, bare, figure_cells, interval, titled_lines, wrapped
from gotd.types import JSON

#: Entropic distances to the target, of the source and of the source with each choice, in the order of the rows.
Distances = Sequence[float | None] | None

_RANKS = {"none": 0, "random": 1, "choice": 2}


def as_json(found: Comparison, distances: Distances, digests: Sequence[str | None] = ()) -> dict[str, JSON]:
    """Everything there is to say. digests : of the choices' texts, where they are known"""
    rows: list[JSON] = []
    texts = iter(digests)
    for row, distance in zip(found.rows, distances or [None] * len(found.rows), strict=True):
        entry: dict[str, JSON] = {"name": row.name, "kind": row.kind, "documents": row.documents, "tokens": row.tokens,
                                 **_named(row.by_word, ""), "bits_per_byte": _estimate(row.bits_per_byte),
                                 **_named(row.by_text, "_by_text")}
        if digests and row.kind == "choice":
            entry["texts"] = next(texts)
        rows.append(entry | ({} if distances is None else {"distance": distance}))
    return {"kind": "choices", **found.facts.as_json(), "warnings": found.warnings, "rows": rows}


def _named(figures: Figures, ending: str) -> dict[str, JSON]:
    named: dict[str, JSON] = {"nats_per_token": _estimate(figures.nats), "to_random": _estimate(figures.to_random),
                             "to_best": _estimate(figures.to_best)}
    if figures.draws:
        named["draws"] = figures.draws
    return {f"{name}{ending}": value for name, value in named.items()}


def _estimate(found: Estimate | None) -> dict[str, float] | None:
    return None if found is None else found._asdict()


def as_table(found: Comparison, distances: Distances) -> str:
    """What was compared, and for each average a line for no choice, for random, and for each choice, best first."""
    largest = max(row.tokens for row in found.rows if row.kind == "random")
    shown = [place for place, row in enumerate(found.rows) if row.kind != "random" or row.tokens == largest]
    rows = [found.rows[place] for place in shown]
    names = bare(rows)
    cells = [[*_size(row), *([_distance(distances[place])] if distances else [])]
             for place, row in zip(shown, rows, strict=True)]
    heads = ["choice", "texts", "words", "bits/byte", "95 %", *(["distance"] if distances else [])]
    blocks = [titled_lines(heads, names, cells)]
    for measure, title in AVERAGES.items():
        figures: list[Figures] = [getattr(row, measure) for row in rows]
        order = sorted(range(len(rows)), key=lambda i: (_RANKS[rows[i].kind], figures[i].nats.value))
        lines = titled_lines(["choice", *FIGURES_HEAD], names, [figure_cells(each) for each in figures])
        blocks.append([f"{title}:", lines[0], *(lines[1 + i] for i in order)])
    return "\n".join([*heading(found), *(line for block in blocks for line in ["", *block]), "", *_footing(found)])


def _size(row: Row) -> list[str]:
    counts = [f"{row.documents:,}", f"{row.tokens:,}"] if row.tokens else ["-", "-"]
    bits = row.bits_per_byte
    return [*counts, f"{bits.value:.4f}", interval(bits, ".3f")]


def _distance(distance: float | None) -> str:
    return "-" if distance is None else f"{distance:.4f}"


def heading(found: Comparison) -> list[str]:
    """Return what was compared."""
    facts = found.facts
    left_out = f"; {facts.target_left_out:,} more stand in a choice, left out" if facts.target_left_out else ""
    units = "" if facts.target_units == facts.target_documents else f" in {facts.target_units:,} units"
    sizes = {row.tokens for row in found.rows if row.kind == "choice"}
    budget = (f"{min(sizes):,} words of each choice" if len(sizes) == 1 else
              f"choices of {min(sizes):,} to {max(sizes):,} words, each against random ones of its own size "
              "(give --budget for equal ones)")
    return wrapped(
        f"held out: {facts.target_documents:,} texts{units}, {facts.target_tokens:,} words, "
        f"{facts.target_bytes:,} bytes{left_out}",
        f"source: {facts.source_documents:,} texts, {facts.source_tokens:,} words; "
        f"{1 - facts.share:g} source + {facts.share:g} choice, {facts.order}-grams",
        budget,
    )


def _footing(found: Comparison) -> list[str]:
    said = [f"random: the mean of {found.facts.draws} draws of as many words; intervals know how draws differ."]
    if any(row.by_word.to_best for row in found.rows):
        said.append("best: the lowest of the choices; intervals hold for all rows at once, whichever is the best.")
    return wrapped(*said)
