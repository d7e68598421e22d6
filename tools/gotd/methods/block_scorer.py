"""Rows scored in blocks by all workers: what the rules that read vectors have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from gotd.methods.base import LOWEST, RowScorer

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from gotd.ot.blocks import Workers
    from gotd.ot.cost import Cost

#: Rows scored at a time where scorers do not work in blocks.
_PIECE_ROWS = 4096


class BlockScorer(ABC):
    """Scores any rows, a block at a time; the same bits for a row wherever it stands.

    A row without content, all zero, has no place in the space; it ranks last.
    cost : makes rows the points that are scored.
    """

    cost: "Cost"

    def __init__(self, workers: "Workers", device: "torch.device") -> None:
        from gotd.ot.blocks import block_rows

        self._workers, self._device, self._rows = workers, device, block_rows(device)

    def stream(self, arrays: "Iterable[np.ndarray]") -> "Iterator[np.ndarray]":
        """Scores of rows in order, float32, however they are cut; reads a few blocks ahead, so that no worker waits."""
        return (scores for scores, in self.stream_all([self], arrays))

    def scores(self, rows: "np.ndarray") -> "np.ndarray":
        """Shapes: rows float16 or float32 (n, d) -> float32 (n,)."""
        import numpy as np

        pieces = list(self.stream([rows]))
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.float32)

    def stream_all(self, scorers: "Sequence[BlockScorer]",
                   arrays: "Iterable[np.ndarray]") -> "Iterator[list[np.ndarray]]":
        """Scores of rows in order by each of several scorers of one device; scorers of equal costs share the points."""
        import numpy as np

        from gotd.ot.blocks import has_content, padded, rechunked
        from gotd.ot.cost import same_cost

        first = [next(i for i, other in enumerate(scorers) if same_cost(each.cost, other.cost)) for each in scorers]

        def work(rows: "np.ndarray") -> "list[np.ndarray]":
            content, block = has_content(rows), padded(rows, self._rows, self._device)
            points = {i: scorers[i].cost.points(block) for i in sorted(set(first))}
            return [np.where(content, scorer.of_points(points[i], rows), np.float32(LOWEST))
                    for scorer, i in zip(scorers, first, strict=True)]

        return self._workers.map(work, rechunked(arrays, self._rows))

    @abstractmethod
    def of_points(self, points: "Tensor", rows: "np.ndarray") -> "np.ndarray":
        """Shapes: points float32 (block, d), as from `cost`, of rows (n, d), n at most a block's -> float32 (n,)."""


def stream_together(scorers: Sequence[RowScorer], arrays: "Iterable[np.ndarray]") -> "Iterator[list[np.ndarray]]":
    """Scores of rows in order, cut anyhow, by each of several scorers, from one reading of the rows."""
    from gotd.ot.blocks import rechunked

    in_blocks = [each for each in scorers if isinstance(each, BlockScorer)]
    if len(in_blocks) == len(scorers):
        return in_blocks[0].stream_all(in_blocks, arrays)
    if len(scorers) == 1:
        return ([scores] for scores in scorers[0].stream(arrays))
    return ([each.scores(rows) for each in scorers] for rows in rechunked(arrays, _PIECE_ROWS))
