"""What every embedder offers, whatever turns its texts into vectors."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from typing import NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from gotd.content import with_content
from gotd.types import JSON

#: Windows that are begun before the oldest is waited for: one is tokenised while another is embedded.
WINDOWS_AHEAD = 2

Vectors: TypeAlias = npt.NDArray[np.float32 | np.float16]


@dataclass
class Counts:
    """What an embedder has seen.

    documents : texts embedded
    empty : texts without a letter or digit of any script, or without a token; their vectors are zero
    truncated : texts longer than the model reads
    tokens : tokens (words for `hash`) that entered the vectors
    truncated_tokens : tokens of the truncated texts that were left out
    unread_characters : what of very long texts was not even tokenised, so that its tokens are in neither number
    padding : places in batches that no token took; it depends on the batches, all else on the texts alone
    """

    documents: int = 0
    empty: int = 0
    truncated: int = 0
    tokens: int = 0
    truncated_tokens: int = 0
    unread_characters: int = 0
    padding: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(one + another for one, another in zip(astuple(self), astuple(other), strict=True)))


class Embedded(NamedTuple):
    """Texts as vectors.

    vectors : float32, or float16 where asked for, (n, dimension), never NaN; zero for a text without content
    counts : of these n texts
    """

    vectors: Vectors
    counts: Counts


class Embedder(ABC):
    """Texts in, vectors out. A context: leaving it ends its threads.

    A text's vector depends on the text and on `identity`, never on its neighbours (transformers: within a cosine of
    0.9999, since matrix products round by shape).

    dimension : length of a vector
    identity : all that the vectors depend on: pool and target must have been embedded with equal identities
    precision : of a network's weights ("float32", ...); None where there is no choice
    window : how many texts are best given at once; memory grows with it
    counts : over all calls of `embed`
    """

    dimension: int
    identity: dict[str, JSON]
    precision: str | None = None
    window: int = 2048

    def __init__(self) -> None:
        self.counts = Counts()

    def begin(self, texts: Sequence[str]) -> Callable[[], Embedded]:
        """Start on the texts and return at once; what is returned waits for the vectors.

        The caller reads the next texts meanwhile, and may begin on them, too: they are worked on in order.
        """
        blank, wait = np.flatnonzero(~with_content(texts)), self._begin(texts)

        def finish() -> Embedded:
            embedded = wait()
            if not len(blank):
                return embedded
            empty = embedded.counts.empty + int(np.count_nonzero(embedded.vectors[blank].any(axis=1)))
            embedded.vectors[blank] = 0
            return Embedded(embedded.vectors, replace(embedded.counts, empty=empty))

        return finish

    @abstractmethod
    def _begin(self, texts: Sequence[str]) -> Callable[[], Embedded]:
        """Start on the texts as `begin` does; what comes of a text without content is made zero."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return vectors float32 (n, dimension), never NaN; zero for a text without content."""
        embedded = self.begin(texts)()
        self.counts += embedded.counts
        return embedded.vectors

    def windows(self, texts: Sequence[str]) -> Iterator[tuple[int, Embedded]]:
        """Yield the number of the first text of each window, and its vectors; later windows are worked on meanwhile."""
        begun: deque[tuple[int, Callable[[], Embedded]]] = deque()
        for first in range(0, len(texts), self.window):
            begun.append((first, self.begin(texts[first : first + self.window])))
            if len(begun) > WINDOWS_AHEAD:
                start, wait = begun.popleft()
                yield start, wait()
        for start, wait in begun:
            yield start, wait()

    def close(self) -> None:  # noqa: B027 - not all have threads
        """Ends the threads; what was begun and not waited for is dropped."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
