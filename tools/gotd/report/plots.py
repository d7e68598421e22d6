"""Plots as SVG that takes its colours from the page: ink is currentColor, the rest are variables of the style sheet."""

import io
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gotd.errors import GotdError
from gotd.report.coverage import Coverage
from gotd.report.fields import Field
from gotd.report.figures import Histogram, Report, Scores
from gotd.report.probe_file import ProbeTable
from gotd.report.visible import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours as matplotlib writes them, and what the page has in their place.
_INK, _POOL, _CHOICE, _MARK = "#010203", "#010204", "#010205", "#010206"
_COLOURS = {_INK: "currentColor", _POOL: "var(--pool)", _CHOICE: "var(--choice)", _MARK: "var(--mark)"}
#: Inches. At 96 pixels an inch it is as wide as a phone held upright, nearly: text stays readable there.
_WIDTH, _HEIGHT, _ROW_HEIGHT = 4.6, 2.5, 0.24
_STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "gotd", "font.family": "sans-serif", "font.size": 9.0,
    "text.color": _INK, "axes.edgecolor": _INK, "axes.labelcolor": _INK, "xtick.color": _INK, "ytick.color": _INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "text.parse_math": False,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "legend.frameon": False, "axes.formatter.useoffset": False,
}
#: Characters of a value's name beside its bar.
_NAME_CHARACTERS = 24
#: Of more prefixes only every second one's size is written.
_FEW_TICKS = 6
_AVERAGES = {"by_word": "by the word", "by_text": "by the text"}
NEEDED = "a page needs matplotlib and jinja2: pip install 'gotd[report]', or write .json"


def plots(report: Report) -> dict[str, str]:
    """Return SVG by name, for what the report has. Raises: GotdError where matplotlib is not installed."""
    made: dict[str, str] = {}
    if report.scores is not None:
        made["scores"] = _of_scores(report.scores)
        for number, field in enumerate(report.fields):
            if any(value.scores for value in field.values):
                made[f"field-{number}"] = _of_field(field, report.scores, f"field-{number}")
    if report.length_histogram is not None:
        made["lengths"] = _of_lengths(report.length_histogram)
    if report.coverage is not None:
        made["coverage"] = _of_coverage(report.coverage)
    for number, probe in enumerate(report.probes):
        for measure in _AVERAGES if probe.curve else ():
            made[f"curve-{number}-{measure}"] = _of_curve(probe, measure, f"curve-{number}-{measure}")
    return made


@contextmanager
def _figure(height: float) -> "Iterator[tuple[Figure, Axes]]":
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise GotdError(NEEDED) from error
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # letters that the font for measuring lacks: browsers have others
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure, figure.add_subplot()


def _svg(figure: "Figure", name: str, title: str) -> str:
    """Return the element alone, with ids of its own and the page's colours."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", text)
    for colour, variable in _COLOURS.items():
        text = text.replace(colour, variable)
    return text.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


def _bars(axes: "Axes", histogram: Histogram, label: str) -> None:
    """Draw both as densities: the areas are 1, whatever the sizes."""
    edges, widths = histogram.edges, histogram.edges[1] - histogram.edges[0]
    both = [(histogram.pool, _POOL, "pool"), (histogram.chosen or [], _CHOICE, "choice")]
    for counts, colour, name in both:
        if total := sum(counts):
            heights = [count / total / widths for count in counts]
            axes.stairs(heights, edges, fill=True, color=colour, alpha=0.55, label=name)
    axes.set_xlabel(label)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.legend(loc="best")


def _of_scores(scores: Scores) -> str:
    with _figure(_HEIGHT) as (figure, axes):
        _bars(axes, scores.histogram, "score (areas are 1; higher is better)")
        if scores.threshold is not None:
            _draw_threshold(axes, scores.threshold)
            axes.legend(loc="best")
        return _svg(figure, "scores", "Histogram of the scores of pool and choice")


def _draw_threshold(axes: "Axes", threshold: float) -> None:
    axes.axvline(threshold, color=_MARK, linewidth=1.2, linestyle="--", label="lowest chosen")


def _of_lengths(histogram: Histogram) -> str:
    with _figure(_HEIGHT) as (figure, axes):
        _bars(axes, histogram, "characters of a text (areas are 1)")
        ticks = _length_ticks(histogram.edges[0], histogram.edges[-1])
        axes.set_xticks([math.log10(tick) for tick in ticks], [f"{tick:,}" for tick in ticks])
        return _svg(figure, "lengths", "Histogram of the lengths of texts of pool and choice")


def _length_ticks(low: float, high: float) -> list[int]:
    """Return round lengths between two logarithms: powers of ten, or 1, 2 and 5 times these where that is few."""
    for steps in ((1,), (1, 2, 5), range(1, 10)):
        ticks = [step * 10**power for power in range(10) for step in steps
                 if low <= math.log10(step * 10**power) <= high]
        if len(ticks) > 1:
            return ticks
    return [max(1, round(10**low)), max(2, round(10**high))]


def _of_field(field: Field, scores: Scores, name: str) -> str:
    """Draw the quartiles of each value's scores in the pool."""
    rows = [value for value in field.values if value.scores]
    with _figure(0.85 + _ROW_HEIGHT * len(rows)) as (figure, axes):
        for place, value in enumerate(reversed(rows)):
            low, middle, high = value.scores or (0.0, 0.0, 0.0)
            colour = _CHOICE if value.chosen else _POOL
            axes.plot([low, high], [place, place], color=colour, linewidth=5, alpha=0.55, solid_capstyle="butt")
            axes.plot([middle], [place], color=colour, marker="|", markersize=9, markeredgewidth=2)
        axes.set_yticks(range(len(rows)), [_name(value.value) for value in reversed(rows)])
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.set_xlabel("score in the pool: quartiles, median\n(dashed: lowest chosen)")
        if scores.threshold is not None:
            _draw_threshold(axes, scores.threshold)
        return _svg(figure, name, "Scores of the pool by value of the field")


def _name(value: str) -> str:
    shown = visible(value).replace("\n", " ")
    return shown if len(shown) <= _NAME_CHARACTERS else shown[: _NAME_CHARACTERS - 1] + "…"


def _of_coverage(coverage: Coverage) -> str:
    with _figure(_HEIGHT) as (figure, axes):
        x, y = _columns(coverage.curve)
        axes.plot([0, 1], [0, 1], color=_POOL, linewidth=1, label="as the target weighs")
        axes.plot(x, y, color=_CHOICE, linewidth=1.8, label="the choice")
        axes.fill_between(x, y, color=_CHOICE, alpha=0.2, linewidth=0)
        ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
        names = [f"{tick:.0%}" for tick in ticks]
        axes.set_xticks(ticks, names)
        axes.set_yticks(ticks, names)
        axes.set_xlabel("mass of the target, least served first")
        axes.set_ylabel("mass of the choice")
        axes.legend(loc="upper left")
        return _svg(figure, "coverage", "Mass of the choice over the mass of the target that it serves")


def _of_curve(probe: ProbeTable, measure: str, name: str) -> str:
    """Draw what prefixes of a ranking would do, whole and by as many words of each, and random choices as large."""
    curve, rows = probe.curve, [row for row in probe.rows if row.kind == "choice"]
    if curve is None:
        raise ValueError("no curve")
    random = {row.tokens: getattr(row, measure).nats.value for row in probe.rows if row.kind == "random"}
    whole, equal = ([getattr(row, measure).nats for row in some] for some in
                    (rows, [row for row in curve.equal if row.kind == "choice"]))
    with _figure(_HEIGHT) as (figure, axes):
        x = curve.documents
        axes.plot(x, [random[row.tokens] for row in rows], color=_POOL, linewidth=1, label="random")
        axes.plot(x, [each.value for each in equal], color=_MARK, linewidth=1.2, linestyle="--",
                  label="as many words of each")
        axes.plot(x, [each.value for each in whole], color=_CHOICE, linewidth=1.8, marker="o", markersize=3,
                  label="whole prefixes")
        low, high = ([each.value if bound is None else bound for each in whole for bound in [getattr(each, side)]]
                     for side in ("low", "high"))
        axes.fill_between(x, low, high, color=_CHOICE, alpha=0.2, linewidth=0)
        axes.set_xscale("log")
        axes.set_xticks([], minor=True)
        axes.set_xticks(x, [f"{size:,}" if place % 2 == 0 or len(x) < _FEW_TICKS else ""
                            for place, size in zip(range(len(x) - 1, -1, -1), x, strict=True)])
        axes.set_xlabel("documents of the prefix")
        axes.set_ylabel(f"nats a word, {_AVERAGES[measure]}")
        axes.legend(loc="best")
        return _svg(figure, name, f"Held-out nats a word {_AVERAGES[measure]} over documents of the prefix")


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in pairs], [y for _, y in pairs]
