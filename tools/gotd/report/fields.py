"""How many records have each value of their short fields: source, domain, language and the like."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gotd.errors import DataError
from gotd.methods.base import LOWEST
from gotd.report.sketch import Sketch
from gotd.streams.embedded_records import EMBEDDING, SCORE
from gotd.streams.record_text import RecordText
from gotd.types import JSON, Fields

#: A field that has more different values than this, or longer ones, tells records apart rather than kinds of them.
MOST_VALUES, MOST_CHARACTERS = 256, 80
#: Of a field that was asked for by its name.
_MOST_OF_ASKED = 10_000
#: Values of a field that are shown one by one.
SHOWN = 20
_BINS_OF_A_VALUE = 512
#: Never a kind of records.
_PASSED_OVER = frozenset({"id", EMBEDDING, SCORE})


@dataclass(frozen=True)
class Value:
    """A value of a field: records that have it. lift : its share of the choice over its share of the pool

    scores : lower quartile, median and upper quartile in the pool; None where there are none
    """

    value: str
    chosen: int
    chosen_share: float
    pool: int | None = None
    pool_share: float | None = None
    lift: float | None = None
    scores: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Field:
    """A field: its values, those chosen most first. others : of how many more values the last row is the sum"""

    name: str
    values: list[Value]
    others: int


class FieldCounts:
    """Counts records by the values of fields.

    asked : fields to count; none takes all that have few and short values, as the records show
    left_out : fields that were not counted, and why
    """

    def __init__(self, text: RecordText, asked: Sequence[str] = ()) -> None:
        self.rows, self.left_out = 0, dict[str, str]()
        self._passed_over, self._asked = _PASSED_OVER | set(text.paths), list(asked)
        self.counts: dict[str, dict[str, int]] = {name: {} for name in asked}
        self._sketches: dict[tuple[str, str], Sketch] = {}

    def add(self, records: Sequence[Fields], scores: np.ndarray | None = None) -> None:
        """Take in the fields of records. Shapes: scores float32 (n,)."""
        groups: dict[tuple[str, str], list[int]] = {}
        for row, fields in enumerate(records):
            for name in self._asked or fields:
                if name in self.left_out or name in self._passed_over or name not in fields:
                    continue
                label = _label(fields[name])
                if label is None:
                    self._refuse(name, "not a short text or a whole number")
                    continue
                values = self.counts.setdefault(name, {})
                values[label] = values.get(label, 0) + 1
                if len(values) > (_MOST_OF_ASKED if self._asked else MOST_VALUES):
                    self._refuse(name, f"more than {len(values) - 1:,} values")
                elif scores is not None and scores[row] > LOWEST:  # without content: counted, and in no quartile
                    groups.setdefault((name, label), []).append(row)
        self.rows += len(records)
        for key, rows in groups.items():
            if scores is not None and key[0] not in self.left_out:
                self._sketches.setdefault(key, Sketch(_BINS_OF_A_VALUE)).add(scores[rows])

    def _refuse(self, name: str, why: str) -> None:
        if self._asked:
            raise DataError(f"--field {name}", why, "ask for a field with few short values")
        self.left_out[name] = why
        self.counts.pop(name, None)
        for key in [key for key in self._sketches if key[0] == name]:
            del self._sketches[key]

    def require_asked(self) -> None:
        """Raise DataError for a field that was asked for and that no record has."""
        for name in self._asked:
            if self.rows and not self.counts[name]:
                raise DataError(f"--field {name}", f"none of the {self.rows:,} records has it", "mend the name")

    @property
    def names(self) -> list[str]:
        """The fields that tell kinds of records apart: all that were asked for, else those with two values or more."""
        if self._asked:
            return self._asked
        return [name for name, values in self.counts.items()
                if len(values) > 1 or sum(values.values()) < self.rows]

    def quartiles(self, name: str, value: str) -> tuple[float, float, float] | None:
        """Return those of the scores of the records with a value."""
        sketch = self._sketches.get((name, value))
        if sketch is None or not sketch.count:
            return None
        low, middle, high = (sketch.quantile(share) or 0.0 for share in (0.25, 0.5, 0.75))
        return low, middle, high


def _label(value: JSON) -> str | None:
    """Return a value as text; None for one that is no kind of records."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) and len(value) <= MOST_CHARACTERS else None


WITHOUT = "(none)"


def compare(chosen: FieldCounts, pool: FieldCounts | None) -> list[Field]:
    """Return the fields of both. chosen : counted by the pool's names, where there is a pool."""
    return [_field(name, chosen, pool) for name in chosen.names]


def _with_missing(counts: FieldCounts, name: str) -> dict[str, int]:
    found = counts.counts.get(name, {})
    missing = counts.rows - sum(found.values())
    return {**found, **({WITHOUT: found.get(WITHOUT, 0) + missing} if missing else {})}


def _field(name: str, chosen: FieldCounts, pool: FieldCounts | None) -> Field:
    ours, theirs = _with_missing(chosen, name), _with_missing(pool, name) if pool else {}
    order = sorted({**theirs, **ours}, key=lambda value: (-ours.get(value, 0), -theirs.get(value, 0), value))
    shown = order if len(order) <= SHOWN + 1 else order[:SHOWN]
    rows = [_value(value, ours.get(value, 0), theirs.get(value, 0), chosen, pool,
                   pool.quartiles(name, value) if pool else None) for value in shown]
    rest = order[len(shown):]
    if rest:
        rows.append(_value(f"({len(rest):,} others)", sum(ours.get(value, 0) for value in rest),
                           sum(theirs.get(value, 0) for value in rest), chosen, pool, None))
    return Field(name, rows, len(rest))


def _value(value: str, ours: int, theirs: int, chosen: FieldCounts, pool: FieldCounts | None,
           scores: tuple[float, float, float] | None) -> Value:
    share = ours / max(chosen.rows, 1)
    if pool is None:
        return Value(value, ours, share)
    of_pool = theirs / max(pool.rows, 1)
    return Value(value, ours, share, theirs, of_pool, share / of_pool if of_pool else None, scores)
