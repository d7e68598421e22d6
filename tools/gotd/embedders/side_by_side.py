"""Several embedders' vectors of a text, one after the other in one vector."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gotd.embedders.protocol import Counts, Embedded, Embedder, Vectors
from gotd.types import JSON


class SideBySide(Embedder):
    """Each embedder's vector scaled to unit length, all of them in a row, the whole scaled to unit length.

    So each has the same say: the inner product of two texts is the mean of their cosines. Where a text is empty for one
    embedder, the others have all of the length.
    """

    def __init__(self, embedders: Sequence[Embedder]) -> None:
        super().__init__()
        self._embedders = list(embedders)
        self.dimension = sum(embedder.dimension for embedder in embedders)
        self.window = min(embedder.window for embedder in embedders)
        precisions = {embedder.precision for embedder in embedders} - {None}
        self.precision = precisions.pop() if precisions else None  # one device and one option: one precision
        self.identity: dict[str, JSON] = {
            "name": "side by side",
            "models": [embedder.identity for embedder in embedders],
            "normalised": True,
            "dimension": self.dimension,
        }

    def _begin(self, texts: Sequence[str]) -> Callable[[], Embedded]:
        """Vectors of unit length; zero for a text that is empty for every model.

        Texts are counted once, and empty where they are so for all; the other counts are sums over the models.
        """
        waiting = [embedder.begin(texts) for embedder in self._embedders]

        def finish() -> Embedded:
            parts = [wait() for wait in waiting]
            vectors = _unit(np.hstack([_unit(part.vectors) for part in parts]))
            counts = sum((part.counts for part in parts), Counts())
            empty = int(np.count_nonzero(~vectors.any(axis=1)))
            return Embedded(vectors, replace(counts, documents=len(texts), empty=empty))

        return finish

    def close(self) -> None:
        """Ends the threads of all."""
        for embedder in self._embedders:
            embedder.close()


def _unit(vectors: Vectors) -> Vectors:
    """Rows of unit length, float32 (n, d); zero rows stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit
