"""Rows scored in blocks by all workers: what the rules that read vectors have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from gotd.methods.base import LOWEST

if TYPE_CHECKING:
    import numpy as np
    import torch

    from gotd.ot.blocks import Workers


class BlockScorer(ABC):
    """Scores any rows, a block at a time; the same bits for a row wherever it stands.

    A row without content, all zero, has no place in the space; it ranks last.
    """

    def __init__(self, workers: "Workers", device: "torch.device") -> None:
        from gotd.ot.blocks import block_rows

        self._workers, self._device, self._rows = workers, device, block_rows(device)

    def stream(self, arrays: "Iterable[np.ndarray]") -> "Iterator[np.ndarray]":
        """Scores of rows in order, float32, however they are cut; reads a few blocks ahead, so that no worker waits."""
        from gotd.ot.blocks import rechunked

        return self._workers.map(self._scored, rechunked(arrays, self._rows))

    def scores(self, rows: "np.ndarray") -> "np.ndarray":
        """Shapes: rows float16 or float32 (n, d) -> float32 (n,)."""
        import numpy as np

        pieces = list(self.stream([rows]))
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.float32)

    def _scored(self, rows: "np.ndarray") -> "np.ndarray":
        """Shapes: rows (n, d), n at most a block's -> float32 (n,), LOWEST for a row without content."""
        import numpy as np

        from gotd.ot.blocks import has_content

        return np.where(has_content(rows), self._block(rows), np.float32(LOWEST))

    @abstractmethod
    def _block(self, rows: "np.ndarray") -> "np.ndarray":
        """Shapes: rows (n, d), n at most a block's -> float32 (n,)."""
