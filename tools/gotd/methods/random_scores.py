"""A pseudo-random score: what any rule must beat.

    score(x) = -u(x),  u between 0 and 1, uniform over rows, from the row's bytes and the seed

So a row has the same score in whatever shard it stands, and equal rows have equal scores. Near 0, where the choice is
made, float32 tells rows apart best.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from gotd.methods.content_keys import content_keys, uniform
from gotd.methods.protocol import LOWEST, Fitted
from gotd.methods.settings import Settings
from gotd.ot.blocks import Workers, has_content
from gotd.ot.source import Part


def fit(target: np.ndarray, weights: np.ndarray, parts: Sequence[Part], source_is_pool: bool, settings: Settings,
        workers: Workers, device: torch.device, ranked: Part | None = None) -> Fitted:
    """Look at the source, whose files must hold vectors like the target's; they are not read (registry.py, looks).

    Scores depend on the seed and the dimension alone. Arrays: dimension int64 (1,).
    """
    for part in parts:
        for _ in part.blocks():  # says what is wrong with them
            pass
    summary = {"method": "random", "converged": True, "warnings": [], "target_rows": len(target), "seed": settings.seed}
    return Fitted({"dimension": np.array([target.shape[1]])}, summary)


class Scorer:
    """Scores any rows."""

    def __init__(self, arrays: dict[str, np.ndarray], summary: dict[str, Any], workers: Workers,
                 device: torch.device) -> None:
        self.dimension = int(arrays["dimension"][0])
        self._seed = int(summary["seed"])

    def stream(self, arrays: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Scores of rows in order, an array for each."""
        return map(self.scores, arrays)

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Shapes: rows float16 or float32 (n, d) -> float32 (n,)."""
        scores = -uniform(content_keys(rows, self._seed)).astype(np.float32)
        return np.where(has_content(rows), scores, LOWEST)
