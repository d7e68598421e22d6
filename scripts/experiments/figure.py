"""The figure of the README: how much more each rule costs than got, by the word and by the text, as SVG.

    python figure.py results/averages-tiny.md > results/averages-tiny.svg

Reads a table of tables.py: of each rule the mean held-out loss and the difference from the reference with its 95 %
interval, by both averages. Draws them all, best by the text first.
"""

import argparse
import re
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from gotd.cli._frame import run_script

#: What the rules are called in the figure; others by what they are written as.
LABELS = {
    "got:vectors=hash+static": "got",
    "got:vectors=hash+static:target_mass=sqrt-words": "got --target-mass sqrt-words",
    "got:vectors=hash+static:source=general": "got, the model's own source",
    "got:vectors=hash+static:rounds=4": "got in four rounds",
    "got:vectors=hash+static:target_mass=words": "got --target-mass words",
    "round-robin:vectors=hash+static": "round-robin",
    "round-robin:vectors=hash+static:whiten=1": "round-robin --whiten",
    "mean:vectors=hash+static:whiten=1": "mean --whiten",
    "classifier:vectors=hash+static": "classifier",
    "mean:vectors=hash+static": "mean",
    "got:vectors=hash+static:whiten=0": "got --no-whiten (the paper's cost)",
    "nearest:vectors=hash+static": "nearest",
    "dsir": "dsir",
    "random": "random",
}
#: In pixels.
_LEFT, _RIGHT, _TOP, _ROW, _WIDTH = 240, 30, 64, 25, 820
#: Of the axis, in nats a word; what is beyond it is written at its end.
_LEAST, _MOST, _STEP = -0.02, 0.22, 0.05
_COLOURS = ("#1b6ca8", "#d1702a")
_NUMBER = r"[+-]?\d+\.\d+"


class More(NamedTuple):
    """How much more a rule costs than the reference, and the ends of its interval, in nats a word."""

    value: float
    low: float
    high: float


def differences(table: str) -> dict[str, tuple[More, More]]:
    """Return what a table says of each rule: by the word, by the text. The reference's are 0."""
    found = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if line.startswith("| `") and len(cells) > 4:
            found[cells[0].strip("`")] = (_more(cells[2]), _more(cells[4]))
    return found


def _more(cell: str) -> More:
    numbers = [float(number) for number in re.findall(_NUMBER, cell)]
    return More(*numbers) if numbers else More(0.0, 0.0, 0.0)


def place(value: float) -> float:
    """Return where a value stands on the axis, in pixels."""
    return _LEFT + (value - _LEAST) / (_MOST - _LEAST) * (_WIDTH - _LEFT - _RIGHT)


def figure(rules: dict[str, tuple[More, More]]) -> str:
    """Return the drawing."""
    order = sorted(rules, key=lambda rule: rules[rule][1].value)
    bottom = _TOP + _ROW * len(order)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{bottom + 48}" '
             f'viewBox="0 0 {_WIDTH} {bottom + 48}" font-family="sans-serif" font-size="13">',
             f'<rect width="{_WIDTH}" height="{bottom + 48}" fill="white"/>',
             _text(12, 22, "Held-out loss of the target beyond that of got, nats a word (95 % intervals)", "start", 15),
             *(line for number, name in enumerate(("by the word", "by the text"))
               for line in (f'<circle cx="{18 + 120 * number}" cy="42" r="5" fill="{_COLOURS[number]}"/>',
                            _text(30 + 120 * number, 46, name, "start")))]
    for step in range(int(_MOST / _STEP) + 1):
        x = place(step * _STEP)
        colour = "#ddd" if step else "#888"
        lines += [f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}"/>',
                  _text(x, bottom + 18, f"{step * _STEP:+.2f}" if step else "0", "middle")]
    lines.append(_text(place(0), bottom + 36, "better to the left of this line", "start", 12))
    for row, rule in enumerate(order):
        middle = _TOP + _ROW * row + _ROW / 2
        lines.append(_text(_LEFT - 12, middle + 4, LABELS.get(rule, rule), "end"))
        if max(more.high for more in rules[rule]) > _MOST:
            said = ", ".join(f"{more.value:+.2f}" for more in rules[rule])
            lines.append(_text(_WIDTH - _RIGHT, middle + 4, f"{said} \N{RIGHTWARDS ARROW}", "end"))
            continue
        for more, colour, y in zip(rules[rule], _COLOURS, (middle - 4, middle + 4), strict=True):
            lines += [f'<line x1="{place(more.low):.1f}" y1="{y}" x2="{place(more.high):.1f}" y2="{y}" '
                      f'stroke="{colour}" stroke-width="2"/>',
                      f'<circle cx="{place(more.value):.1f}" cy="{y}" r="4" fill="{colour}">'
                      f"<title>{escape(LABELS.get(rule, rule))}: {more.value:+.4f}</title></circle>"]
    return "\n".join([*lines, "</svg>"])


def _text(x: float, y: float, words: str, anchor: str, size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'


def main() -> None:
    """Print the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    print(figure(differences(parser.parse_args().table.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    run_script(main)
