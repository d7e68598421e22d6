"""Rows scored in blocks by all workers: what the rules that read vectors have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import numpy as np
import torch

from gotd.ot.blocks import Workers, block_rows, rechunked


class BlockScorer(ABC):
    """Scores any rows, a block at a time; the same bits for a row wherever it stands."""

    def __init__(self, workers: Workers, device: torch.device) -> None:
        self._workers, self._device, self._rows = workers, device, block_rows(device)

    def stream(self, arrays: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Scores of rows in order, float32, however they are cut; reads a few blocks ahead, so that no worker waits."""
        return self._workers.map(self._block, rechunked(arrays, self._rows))

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Shapes: rows float16 or float32 (n, d) -> float32 (n,)."""
        pieces = list(self.stream([rows]))
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.float32)

    @abstractmethod
    def _block(self, rows: np.ndarray) -> np.ndarray:
        """Shapes: rows (n, d), n at most a block's -> float32 (n,)."""
