"""gotd.embed: texts to vectors."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from gotd.api.inputs import Embeddings, TextSource, read_documents
from gotd.embedders.loading import load
from gotd.embedders.protocol import Counts, Embedded, Embedder
from gotd.errors import UsageError
from gotd.runtime import thread_count
from gotd.streams.finite import rounded

_DTYPES: dict[str, np.dtype[np.floating[Any]]] = {"float16": np.dtype("<f2"), "float32": np.dtype("<f4")}
#: Windows that are begun before the oldest is waited for: one is tokenised while another is embedded.
_AHEAD = 2


def embed(texts: TextSource, model: str | Sequence[str] = "hash", *, text_key: str = "text", dtype: str = "float16",
          threads: int | None = None, device: str = "auto", dimension: int | None = None, max_tokens: int | None = None,
          pooling: str | None = None, precision: str = "auto", batch_tokens: int | None = None) -> Embeddings:
    """Return the vectors of texts, as ds-embed makes them.

    Args:
        texts: strings, records, a data set or its column, or files of records.
        model: hash, a folder (model2vec's, transformers', sentence-transformers'), or a name on a hub; several give
            unit vectors side by side.
        dtype: of the vectors, float16 or float32.
        dimension: of hash. The rest is of transformers, as of ds-embed.

    Raises:
        UsageError: options that do not fit the model.
        GotdError: a model that is not there, texts that are none.
    """
    if dtype not in _DTYPES:
        raise UsageError(f"dtype {dtype!r}: wanted float16 or float32")
    found = read_documents(texts, text_key, "texts").texts
    models = [model] if isinstance(model, str) else list(model)
    with load(models, device=device, threads=thread_count(threads), max_tokens=max_tokens, dimension=dimension,
              batch_tokens=batch_tokens, precision=precision, pooling=pooling, half=dtype == "float16") as embedder:
        counts, blocks = Counts(), [np.empty((0, embedder.dimension), _DTYPES[dtype])]
        for first, embedded in _windows(embedder, found):
            counts += embedded.counts
            blocks.append(rounded(embedded.vectors, _DTYPES[dtype], partial(_place, first)))
        return Embeddings(np.concatenate(blocks), embedder.identity, counts.empty, counts.truncated)


def _place(first: int, row: int) -> str:
    return f"texts[{first + row}]"


def _windows(embedder: Embedder, texts: Sequence[str]) -> Iterator[tuple[int, Embedded]]:
    """Yield the number of the first text of each window, and its vectors."""
    begun: deque[tuple[int, Callable[[], Embedded]]] = deque()
    for first in range(0, len(texts), embedder.window):
        begun.append((first, embedder.begin(texts[first : first + embedder.window])))
        if len(begun) > _AHEAD:
            start, wait = begun.popleft()
            yield start, wait()
    for start, wait in begun:
        yield start, wait()
