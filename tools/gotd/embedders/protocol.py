"""What every embedder offers, whatever turns its texts into vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"
Vectors: TypeAlias = npt.NDArray[np.float32]


@dataclass
class Counts:
    """What an embedder has seen so far.

    documents : texts embedded
    empty : texts without a single token; their vectors are zero
    truncated : texts longer than the model reads
    tokens : tokens (words for `hash`) that entered the vectors
    truncated_tokens : tokens of the truncated texts that were left out
    unread_characters : what of very long texts was not even tokenised, so that its tokens are in neither number
    """

    documents: int = 0
    empty: int = 0
    truncated: int = 0
    tokens: int = 0
    truncated_tokens: int = 0
    unread_characters: int = 0


class Embedder(Protocol):
    """Texts in, vectors out.

    A text's vector depends on the text and on `identity`, never on its neighbours (transformers: within a cosine of
    0.9999, since matrix products round by shape).
    """

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def identity(self) -> dict[str, JSON]:
        """All that the vectors depend on: pool and target must have been embedded with equal identities."""

    @property
    def counts(self) -> Counts:
        """Running counts over all calls of `embed`."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, dimension), never NaN; zero for a text without tokens."""
