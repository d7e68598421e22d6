"""A curve as JSON and as a table for people."""

from gotd.probing.comparison import Comparison
from gotd.probing.curve import Curve
from gotd.probing.report import as_json, heading
from gotd.probing.tables import BRIEFLY, FIGURES_HEAD, aligned, figure_cells, interval, wrapped
from gotd.types import JSON


def curve_as_json(curve: Curve) -> dict[str, JSON]:
    """Return everything there is to say: rows of whole prefixes, and beside them those of as many words of each."""
    flat: dict[str, JSON] = {}
    for measure in BRIEFLY:
        found = curve.flat(measure)
        flat[measure] = {"lowest": found.lowest, "flat": found.flat, "as_good": curve.as_good(measure)}
    return as_json(curve.whole, None) | {"kind": "curve", "curve": {
        "name": curve.name, "documents": curve.sizes, "flat": flat, "equal": as_json(curve.equal, None)}}


def curve_as_table(curve: Curve) -> str:
    """Return a line for each prefix, shortest first, by either average, and where the curve flattens."""
    words = next(row.tokens for row in curve.equal.rows if row.kind == "choice")
    blocks = [heading(curve.whole)[:2] + wrapped(f"the first {', '.join(f'{size:,}' for size in curve.sizes)} of "
                                                 f"{curve.name}")]
    for title, comparison in (("whole prefixes", curve.whole), (f"{words:,} words of each prefix", curve.equal)):
        for measure, average in BRIEFLY.items():
            blocks.append([f"{title}, nats a word, {average}:", *_lines(curve, comparison, measure)])
    return "\n".join("\n".join(block) + "\n" for block in [*blocks, _footing(curve)]).rstrip()


def _lines(curve: Curve, comparison: Comparison, measure: str) -> list[str]:
    none = getattr(comparison.rows[0], measure)
    cells = [["none", "-", *figure_cells(none)]]
    for size, row in zip(curve.sizes, curve.rows(comparison), strict=True):
        cells.append([f"{size:,}", f"{row.tokens:,}", *figure_cells(getattr(row, measure))])
    return aligned([["first", "words", *FIGURES_HEAD], *cells])


def _footing(curve: Curve) -> list[str]:
    said = [f"random: the mean of {curve.whole.facts.draws} random choices of as many words; of as many words of each "
            "prefix, too, the figures are means of so many draws. best: the lowest of the prefixes; intervals hold for "
            "all at once, whichever is the best."]
    for measure, average in BRIEFLY.items():
        flat, rows = curve.flat(measure), curve.rows(curve.whole)
        lowest = getattr(rows[curve.sizes.index(flat.lowest)], measure)
        line = (f"{average}: lowest at {flat.lowest:,} documents ({lowest.nats.value:.4f}, "
                f"{interval(lowest.nats, '.3f')})")
        if flat.flat < flat.lowest:
            line += f"; flat from {flat.flat:,} on, of which it is not certain that any other is better"
        elif flat.lowest == curve.sizes[-1]:
            line += "; not flat yet: try a longer ranking"
        said.append(line + f". Word by word the text is as good as any down to {curve.as_good(measure):,}.")
    return wrapped(*said)
