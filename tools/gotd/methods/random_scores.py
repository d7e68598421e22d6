"""A pseudo-random score: what any rule must beat.

    score(x) = -u(x),  u between 0 and 1, uniform over rows, from the row's bytes and the seed

So a row has the same score in whatever shard it stands, and equal rows have equal scores. Near 0, where the choice is
made, float32 tells rows apart best.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gotd.methods.base import LOWEST, Arrays, Fitted, VectorProblem, VectorRule
from gotd.methods.options import SeededOptions
from gotd.methods.schema import ArrayField, Measured, Summary, Whole

if TYPE_CHECKING:
    import numpy as np
    import torch

    from gotd.ot.blocks import Workers


@dataclass(frozen=True, kw_only=True)
class RandomSummary(Summary):
    """What the fit says of itself."""

    target_rows: Measured = None
    seed: Whole


class RandomScores:
    """Scores any rows."""

    def __init__(self, arrays: Arrays, figures: RandomSummary, workers: "Workers", device: "torch.device") -> None:
        self.dimension, self._seed = int(arrays["dimension"][0]), figures.seed

    def stream(self, arrays: "Iterable[np.ndarray]") -> "Iterator[np.ndarray]":
        """Scores of rows in order, an array for each."""
        return map(self.scores, arrays)

    def scores(self, rows: "np.ndarray") -> "np.ndarray":
        """Shapes: rows float16 or float32 (n, d) -> float32 (n,)."""
        import numpy as np

        from gotd.methods.content_keys import content_keys, uniform
        from gotd.ot.blocks import has_content

        scores = -uniform(content_keys(rows, self._seed)).astype(np.float32)
        return np.where(has_content(rows), scores, np.float32(LOWEST))


class Random(VectorRule):
    """Scores depend on the seed and the dimension alone. Arrays: dimension int64 (1,)."""

    name = "random"
    inputs = frozenset()
    looks = True
    options_type = SeededOptions
    options: SeededOptions
    arrays: ClassVar = {"dimension": ArrayField("<i8", (1,), lambda dimension: bool(dimension[0] > 0))}
    summary_type = RandomSummary
    scorer_type = RandomScores

    def fit(self, problem: VectorProblem) -> Fitted:
        """Look at the source, whose files must hold vectors like the target's; they are not read (base.py, looks)."""
        import numpy as np

        for part in problem.parts:
            deque(part.blocks(), maxlen=0)  # says what is wrong with them
        dimension = np.array([problem.target.shape[1]])
        summary = RandomSummary(method=self.name, target_rows=len(problem.target), seed=self.options.seed)
        return Fitted({"dimension": dimension}, summary)
