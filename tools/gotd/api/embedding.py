"""gotd.embed: texts to vectors."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from gotd.api.inputs import Embeddings, TextSource, read_documents, record_text
from gotd.embedders.loading import load
from gotd.embedders.protocol import Counts, Embedder
from gotd.errors import UsageError
from gotd.runtime import thread_count
from gotd.streams.finite import rounded

_DTYPES: dict[str, np.dtype[np.float16] | np.dtype[np.float32]] = {
    "float16": np.dtype("<f2"), "float32": np.dtype("<f4")}


def embed(texts: TextSource, model: str | Sequence[str] = "hash", *, text_key: str | None = None,
          text_template: str | None = None, message_template: str | None = None, dtype: str = "float16",
          threads: int | None = None, device: str = "auto", dimension: int | None = None, max_tokens: int | None = None,
          pooling: str | None = None, precision: str = "auto", batch_tokens: int | None = None) -> Embeddings:
    """Return the vectors of texts, as ds-embed makes them.

    Args:
        texts: strings, records, a data set or its column, or files of records.
        model: hash, a folder (model2vec's, transformers', sentence-transformers'), or a name on a hub; several give
            unit vectors side by side.
        text_key, text_template, message_template: how records become texts, as of ds-embed; default the field "text".
        dtype: of the vectors, float16 or float32.
        dimension: of hash. The rest is of transformers, as of ds-embed.

    Raises:
        UsageError: options that do not fit the model.
        GotdError: a model that is not there, texts that are none.
    """
    if dtype not in _DTYPES:
        raise UsageError(f"dtype {dtype!r}: wanted float16 or float32")
    found = read_documents(texts, record_text(text_key, text_template, message_template), "texts").texts
    models = [model] if isinstance(model, str) else list(model)
    with load(models, device=device, threads=thread_count(threads), max_tokens=max_tokens, dimension=dimension,
              batch_tokens=batch_tokens, precision=precision, pooling=pooling, half=dtype == "float16") as embedder:
        counts, blocks = Counts(), [np.empty((0, embedder.dimension), _DTYPES[dtype])]
        for vectors, seen in windows_of(found, embedder, dtype):
            counts += seen
            blocks.append(vectors)
        return Embeddings(np.concatenate(blocks), embedder.identity, counts.empty, counts.truncated)


def windows_of(texts: Sequence[str], embedder: Embedder, dtype: str = "float16"
               ) -> Iterator[tuple[np.ndarray, Counts]]:
    """Yield vectors of texts, a window at a time, and what the embedder has seen of them."""
    for first, embedded in embedder.windows(texts):
        yield rounded(embedded.vectors, _DTYPES[dtype], partial(_place, first)), embedded.counts


def _place(first: int, row: int) -> str:
    return f"texts[{first + row}]"
