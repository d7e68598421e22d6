"""A comparison as JSON and as tables for people."""

import math
from collections.abc import Sequence

from gotd.probing.comparing import Comparison, Row
from gotd.probing.figures import Figures
from gotd.probing.judgement import Estimate
from gotd.types import JSON

#: Entropic distances to the target, of the source and of the source with each choice, in the order of the rows.
Distances = Sequence[float | None] | None

#: Characters of a line, and of the shortest name that is cut for it.
_LINE, _NAME = 100, 12
_HEAD = ["nats", "95 %", "to random", "95 %", "to best", "95 %"]
_RANKS = {"none": 0, "random": 1, "choice": 2}
_MEASURES = (("nats a word, by the word (all words count alike, so that long texts count more)", "by_word"),
             ("nats a word, by the text (all texts count alike: got gives them the same mass)", "by_text"))


def as_json(found: Comparison, distances: Distances) -> dict[str, JSON]:
    """Everything there is to say."""
    rows: list[JSON] = []
    for row, distance in zip(found.rows, distances or [None] * len(found.rows), strict=True):
        entry: dict[str, JSON] = {"name": row.name, "kind": row.kind, "documents": row.documents, "tokens": row.tokens,
                                 **_named(row.by_word, ""), "bits_per_byte": _estimate(row.bits_per_byte),
                                 **_named(row.by_text, "_by_text")}
        rows.append(entry | ({} if distances is None else {"distance": distance}))
    return {**found.facts.as_json(), "warnings": found.warnings, "rows": rows}


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
    names = _bare(rows)
    sizes = [["choice", "texts", "words", "bits/byte", "95 %", *(["distance"] if distances else [])]]
    for place, row in enumerate(rows):
        sizes.append([names[place], *_size(row), *([_distance(distances[shown[place]])] if distances else [])])
    blocks = [_aligned(sizes)]
    for title, measure in _MEASURES:
        figures: list[Figures] = [getattr(row, measure) for row in rows]
        cells = [_cells(each) for each in figures]
        short = _short(names, _LINE - len(_aligned([["", *line] for line in [_HEAD, *cells]])[0]))
        order = sorted(range(len(rows)), key=lambda i: (_RANKS[rows[i].kind], figures[i].nats.value))
        blocks.append([f"{title}:", *_aligned([["choice", *_HEAD], *([short[i], *cells[i]] for i in order)])])
    return "\n".join([*_heading(found), *(line for block in blocks for line in ["", *block]), "", *_footing(found)])


def _bare(rows: Sequence[Row]) -> list[str]:
    """Names without the folder that all choices lie in."""
    folders = {row.name[: row.name.rfind("/") + 1] for row in rows if row.kind == "choice"}
    folder = folders.pop() if len(folders) == 1 else ""
    return [row.name.removeprefix(folder) if row.kind == "choice" else row.name for row in rows]


def _short(names: Sequence[str], characters: int) -> list[str]:
    """Names of at most so many characters, cut in the middle; with their places where they then are the same."""
    most = max(_NAME, characters)
    head, tail = (most - 3) // 2, most - 3 - (most - 3) // 2
    short = [name if len(name) <= most else f"{name[:head]}...{name[-tail:]}" for name in names]
    if len(set(short)) == len(set(names)):
        return short
    return [name if len(name) <= most else f"{place}...{name[len(str(place)) + 3 - most:]}"
            for place, name in enumerate(names, start=1)]


def _aligned(lines: list[list[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in
                                                   zip(line[1:], widths[1:], strict=True))]) for line in lines]


def _size(row: Row) -> list[str]:
    counts = [f"{row.documents:,}", f"{row.tokens:,}"] if row.tokens else ["-", "-"]
    bits = row.bits_per_byte
    return [*counts, f"{bits.value:.4f}", _interval(bits, ".3f")]


def _distance(distance: float | None) -> str:
    return "-" if distance is None else f"{distance:.4f}"


def _cells(figures: Figures) -> list[str]:
    cells = [f"{figures.nats.value:.4f}", _interval(figures.nats, ".3f")]
    for difference in (figures.to_random, figures.to_best):
        cells += ["-", "-"] if difference is None else [f"{difference.value:+.4f}", _interval(difference, "+.3f")]
    return cells


def _interval(found: Estimate, form: str) -> str:
    return f"{found.low:{form}} to {found.high:{form}}" if math.isfinite(found.high) else "unknown"


def _heading(found: Comparison) -> list[str]:
    facts = found.facts
    left_out = f"; {facts.target_left_out:,} more stand in a choice, left out" if facts.target_left_out else ""
    units = "" if facts.target_units == facts.target_documents else f" in {facts.target_units:,} units"
    sizes = {row.tokens for row in found.rows if row.kind == "choice"}
    budget = (f"{min(sizes):,} words of each choice" if len(sizes) == 1 else
              f"choices of {min(sizes):,} to {max(sizes):,} words, each against random ones of its own size "
              "(give --budget for equal ones)")
    return [
        f"held out: {facts.target_documents:,} texts{units}, {facts.target_tokens:,} words, "
        f"{facts.target_bytes:,} bytes{left_out}",
        f"source: {facts.source_documents:,} texts, {facts.source_tokens:,} words; "
        f"{1 - facts.share:g} source + {facts.share:g} choice, {facts.order}-grams",
        budget,
    ]


def _footing(found: Comparison) -> list[str]:
    said = [f"random: the mean of {found.facts.draws} draws of as many words; intervals know how draws differ."]
    if any(row.by_word.to_best for row in found.rows):
        said.append("best: the lowest of the choices; intervals hold for all rows at once, whichever is the best.")
    return said
