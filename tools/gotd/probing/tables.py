"""Tables of at most a hundred columns: names, figures and intervals in columns, long lines wrapped."""

import math
import textwrap
from collections.abc import Sequence

from gotd.probing.comparison import Row
from gotd.probing.figures import Figures
from gotd.probing.judgement import Estimate

#: Characters of a line, and of the shortest name that is cut for it.
LINE, _NAME = 100, 12
#: What the columns of `figure_cells` are called.
FIGURES_HEAD = ("nats", "95 %", "to random", "95 %", "to best", "95 %")
#: Titles of the two averages, by the field of a row.
AVERAGES = {"by_word": "nats a word, by the word (all words count alike, so that long texts count more)",
            "by_text": "nats a word, by the text (all texts count alike: got gives them the same mass)"}
#: The same in two words or three.
BRIEFLY = {"by_word": "by the word", "by_text": "by the text"}


def wrapped(*lines: str) -> list[str]:
    """Return lines that are no longer than a table's."""
    return [part for line in lines for part in textwrap.wrap(line, LINE, subsequent_indent="  ",
                                                                 break_on_hyphens=False)]


def titled_lines(heads: Sequence[str], names: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """Return a table with a name before each line of cells, cut where the line would be too long.

    heads : of all columns
    """
    width = len(aligned([["", *line] for line in [heads[1:], *cells]])[0])
    shown = short(names, LINE - width)
    return aligned([list(heads), *([name, *line] for name, line in zip(shown, cells, strict=True))])


def bare(rows: Sequence[Row]) -> list[str]:
    """Return names without the folder that all choices lie in."""
    folders = {row.name[: row.name.rfind("/") + 1] for row in rows if row.kind == "choice"}
    folder = folders.pop() if len(folders) == 1 else ""
    return [row.name.removeprefix(folder) if row.kind == "choice" else row.name for row in rows]


def short(names: Sequence[str], characters: int) -> list[str]:
    """Return names of at most so many characters, cut in the middle; with their places where they are the same then."""
    most = max(_NAME, characters)
    head, tail = (most - 3) // 2, most - 3 - (most - 3) // 2
    found = [name if len(name) <= most else f"{name[:head]}...{name[-tail:]}" for name in names]
    if len(set(found)) == len(set(names)):
        return found
    return [name if len(name) <= most else f"{place}...{name[len(str(place)) + 3 - most:]}"
            for place, name in enumerate(names, start=1)]


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return lines in columns, the first to the left, the others to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in
                                                   zip(line[1:], widths[1:], strict=True))]) for line in lines]


def figure_cells(figures: Figures) -> list[str]:
    """Return the columns of an average."""
    cells = [f"{figures.nats.value:.4f}", interval(figures.nats, ".3f")]
    for difference in (figures.to_random, figures.to_best):
        cells += ["-", "-"] if difference is None else [f"{difference.value:+.4f}", interval(difference, "+.3f")]
    return cells


def interval(found: Estimate, form: str) -> str:
    """Return it in words. form : of a number, as format has it"""
    return f"{found.low:{form}} to {found.high:{form}}" if math.isfinite(found.high) else "unknown"
