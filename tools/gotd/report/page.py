"""The report as a page, as JSON, and as a table of MultiQC."""

import math
from dataclasses import asdict
from importlib.resources import files

import orjson

from gotd.errors import GotdError
from gotd.report.distance import Distance
from gotd.report.figures import Report, without_nan
from gotd.report.plots import NEEDED, plots
from gotd.report.probe_file import Interval
from gotd.report.visible import visible
from gotd.streams.locations import escaped_names
from gotd.types import JSON

_TEMPLATE = "page.html"


def as_html(report: Report) -> bytes:
    """Return one page that needs nothing but itself. Raises: GotdError where what draws and fills it is missing.

    jinja2, which torch brings with it, escapes whatever is filled in unless the template says otherwise, as it does for
    our own plots alone.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise GotdError(NEEDED) from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"visible": visible, "number": number, "percent": percent, "json": _json,
                            "interval": _interval, "difference": _difference}
    template = environment.from_string(files(__package__).joinpath(_TEMPLATE).read_text(encoding="utf-8"))
    return template.render(report=report, plots=plots(report)).encode("utf-8", "backslashreplace")


def as_json(report: Report) -> bytes:
    """Return all figures and texts of the report."""
    return orjson.dumps(_plain(asdict(report)), option=orjson.OPT_INDENT_2) + b"\n"


def as_multiqc(report: Report) -> bytes:
    """Return a table of one row, as MultiQC reads it from a file that is called *_mqc.json."""
    row = _columns(report)
    headers = {name: {"title": title, "description": title, "format": form}
               for name, (title, form, _) in row.items()}
    return orjson.dumps(_plain({
        "id": "gotd_choice", "section_name": "GOT-D choice", "plot_type": "table",
        "description": "Documents chosen by ds-topk: how many, how good, and how much of the target they serve.",
        "pconfig": {"id": "gotd_choice_table", "title": "GOT-D choice"}, "headers": headers,
        "data": {report.choice: {name: value for name, (_, _, value) in row.items()}},
    }), option=orjson.OPT_INDENT_2) + b"\n"


def _columns(report: Report) -> dict[str, tuple[str, str, float]]:
    """Return the columns: title, format and value; of what is not known none."""
    scores, coverage, hygiene, distance = report.scores, report.coverage, report.hygiene, report.distance
    probe = next((row for table in report.probes for row in table.rows if row.is_this), None)
    found: dict[str, tuple[str, str, float | None]] = {
        "documents": ("Documents chosen", "{:,.0f}", report.documents),
        "pool_documents": ("Documents of the pool", "{:,.0f}", report.pool_documents),
        "share": ("Share of the pool", "{:.4f}", report.share),
        "median_characters": ("Median characters", "{:,.0f}", report.lengths.median),
        "threshold": ("Lowest score", "{:.4f}", scores.threshold if scores else None),
        "overlap": ("Target served as it weighs", "{:.3f}", coverage.overlap if coverage else None),
        "hardly": ("Target hardly served", "{:.3f}", coverage.hardly if coverage else None),
        "copies": ("Copies", "{:,.0f}", hygiene.copies),
        "without_content": ("Texts without content", "{:,.0f}", hygiene.without_content),
        "distance_before": ("Distance of the pool", "{:.4f}", distance.before.distance if distance else None),
        "distance_after": ("Distance of the choice", "{:.4f}", distance.after.distance if distance else None),
        "nats_by_word": ("Held-out nats a word", "{:.4f}", probe.by_word.nats.value if probe else None),
        "nats_by_text": ("Held-out nats a word, by the text", "{:.4f}", probe.by_text.nats.value if probe else None),
        "sharing": ("Documents sharing words with the target", "{:,.0f}", hygiene.sharing),
    }
    return {name: (title, form, value) for name, (title, form, value) in found.items() if value is not None}


def number(value: float | None, digits: int = 4) -> str:
    """Return a number for people: whole ones with commas, others with some digits that count."""
    if value is None:
        return "-"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 1000):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def percent(value: float | None) -> str:
    """Return a share in per cent, with one digit, or with more where it is small."""
    if value is None:
        return "-"
    return f"{value:.1%}" if value == 0.0 or abs(value) >= 0.001 else f"{100.0 * value:.2g}%"


def _interval(found: Interval | Distance) -> str:
    """Return an interval in words; unknown where one unit says nothing of how units differ."""
    if found.low is None or found.high is None or not math.isfinite(found.low):
        return "unknown"
    return f"{found.low:.3f} to {found.high:.3f}"


def _difference(found: Interval | None) -> str:
    return "-" if found is None else f"{found.value:+.4f}" + ("" if found.low is None or found.high is None else
                                                             f" ({found.low:+.3f} to {found.high:+.3f})")


def _json(value: JSON) -> str:
    return orjson.dumps(_plain(value)).decode()


def _plain(value: JSON) -> JSON:
    """Return a value that JSON can hold: no NaN, no half of a surrogate pair."""
    return escaped_names(without_nan(value))
