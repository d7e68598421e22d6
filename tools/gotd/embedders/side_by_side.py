"""Several embedders' vectors of a text, one after the other in one vector."""

from collections.abc import Sequence

import numpy as np

from gotd.embedders.protocol import JSON, Counts, Embedder, Vectors


class SideBySide:
    """Each embedder's vector scaled to unit length, all of them in a row, the whole scaled to unit length.

    So each has the same say: the inner product of two texts is the mean of their cosines. Where a text is empty for one
    embedder, the others have all of the length.
    """

    def __init__(self, embedders: Sequence[Embedder]) -> None:
        self._embedders = list(embedders)
        self._documents = 0
        self._empty = 0
        self.dimension = sum(embedder.dimension for embedder in embedders)
        self.identity: dict[str, JSON] = {
            "name": "side by side",
            "models": [embedder.identity for embedder in embedders],
            "normalised": True,
            "dimension": self.dimension,
        }

    @property
    def counts(self) -> Counts:
        """Texts are counted once, and empty where they are so for all; the other numbers are sums over the models."""
        counts = [embedder.counts for embedder in self._embedders]
        return Counts(
            documents=self._documents,
            empty=self._empty,
            truncated=sum(each.truncated for each in counts),
            tokens=sum(each.tokens for each in counts),
            truncated_tokens=sum(each.truncated_tokens for each in counts),
            unread_characters=sum(each.unread_characters for each in counts),
        )

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, dimension) of unit length; zero for a text that is empty for every model."""
        vectors = _unit(np.hstack([_unit(embedder.embed(texts)) for embedder in self._embedders]))
        self._documents += len(texts)
        self._empty += int(np.count_nonzero(~vectors.any(axis=1)))
        return vectors


def _unit(vectors: Vectors) -> Vectors:
    """Rows of unit length, float32 (n, d); zero rows stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit
