"""What every selection rule offers: `ds-target-stats` fits it, `ds-score` applies it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

#: The score of what has no content: below every other.
LOWEST = np.finfo(np.float32).min


class SourceCounts(NamedTuple):
    """What a reading of the source met.

    rows     : all; blank : of nothing but zeros, which take no part.
    distinct : rows with content that differ; estimated where there are more than the sample holds.
    sampled, copies : of the rows in the sample, how often they stood in the source, and how often once more than once.
    watched  : of the rows that were asked for, how many stand in the source.
    """

    rows: int
    blank: int
    distinct: int
    sampled: int
    copies: int
    watched: int


class Read(NamedTuple):
    """What was met. source : where the rule is fitted; pool : what will be ranked, None where it was not read.

    target_blank : texts of the target without content, where the rule reads them itself.
    """

    source: SourceCounts
    pool: SourceCounts | None
    target_blank: int = 0


class Fitted(NamedTuple):
    """What `ds-score` needs, and what a person wants to read.

    arrays  : the fitted numbers, by name; they make up the target file.
    summary : for JSON: "method" first, then whatever the method has to say; "converged" and "warnings" always.
    read    : what was met in the source and in the pool. It is printed and not in the file: a target file depends on
        distinct rows with content alone, whatever else stood among them.
    """

    arrays: dict[str, np.ndarray]
    summary: dict[str, Any]
    read: Read | None = None


class RowScorer(Protocol):
    """Scores vectors, each on its own: the same number wherever the row stands, higher is better."""

    dimension: int

    def stream(self, arrays: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Scores of the rows of all arrays in order, float32, cut anyhow. Shapes: float16 or float32 (n, dimension)."""

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Shapes: rows float16 or float32 (n, dimension) -> float32 (n,), never NaN."""


class TextScorer(Protocol):
    """Scores texts, each on its own, as `RowScorer` scores vectors."""

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Shapes: n texts -> float32 (n,), never NaN."""
