"""What every selection rule offers: `ds-target-stats` fits it, `ds-score` applies it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np


class Fitted(NamedTuple):
    """What `ds-score` needs, and what a person wants to read.

    arrays  : the fitted numbers, by name; they make up the target file.
    summary : for JSON: "method" first, then whatever the method has to say; "converged" and "warnings" always.
    """

    arrays: dict[str, np.ndarray]
    summary: dict[str, Any]


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
