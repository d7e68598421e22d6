"""model2vec's static models: every token has a fixed vector, a text's is the mean of its tokens'.

Needs neither torch nor model2vec, and gives the vectors of model2vec's own `encode`.
Source: model2vec 0.10, model.py (`StaticModel`) and persistence/persistence.py.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gotd.embedders.model_folder import EXTRA_REMEDY, digest, read_json
from gotd.embedders.protocol import Counts, Embedded, Embedder, Vectors
from gotd.embedders.word_tokens import WordTokens
from gotd.errors import DataError, GotdError, UsageError
from gotd.types import JSON

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: What model2vec reads of a text where the model does not say.
_DEFAULT_MAX_TOKENS = 512
#: Texts that a thread works on at a time.
_BLOCK_TEXTS = 128
#: Tokens whose vectors are summed at a time.
_BLOCK_TOKENS = 1 << 14


def is_static(folder: Path) -> bool:
    """Whether a folder holds a model2vec model."""
    weights = folder / "model.safetensors"
    files = (weights, folder / "tokenizer.json", folder / "config.json")
    return all(file.is_file() for file in files) and "embeddings" in _tensor_names(weights)


class StaticEmbedder(Embedder):
    """A model2vec folder; the same bytes for any batches and threads.

    max_tokens : how much of a text is read; None leaves it to the model
    threads : how many blocks of texts are worked on at once
    """

    def __init__(self, folder: Path, max_tokens: int | None = None, threads: int = 1) -> None:
        super().__init__()
        if max_tokens is not None and max_tokens < 1:
            raise UsageError(f"{max_tokens} tokens of a text: at least 1")
        config = read_json(folder / "config.json")
        tensors = _read_tensors(folder / "model.safetensors")
        # float32 whatever is stored (float64, float16, int8): sums are made in it.
        self._table = tensors["embeddings"].astype(np.float32)
        self._weights = tensors.get("weights")
        self._mapping = tensors.get("mapping")
        self._normalise = bool(config.get("normalize", False))
        self._max_tokens = max_tokens or _optional_int(config.get("max_length", _DEFAULT_MAX_TOKENS))
        tokenizer = _read_tokenizer(folder / "tokenizer.json")
        self._check_rows(folder, tokenizer)
        self._unknown = _unknown_id(tokenizer)
        # model2vec cuts texts by characters first, and so decides what the last tokens are: it must be done alike.
        self._characters_per_token = int(np.median([len(token) for token in tokenizer.get_vocab()]))
        self._tokens = WordTokens(tokenizer)
        self.dimension = int(self._table.shape[1])
        self._pool = ThreadPoolExecutor(threads, "static")
        self.identity: dict[str, JSON] = {
            "name": "model2vec",
            "revision": digest(folder),
            "pooling": "mean",
            "max_tokens": self._max_tokens,
            "normalised": self._normalise,
            "dimension": self.dimension,
        }

    def _begin(self, texts: Sequence[str]) -> Callable[[], Embedded]:
        """Vectors of the texts; zero for one without tokens that the model knows."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        # The results go straight into `vectors`, only counts come back.
        work = [
            self._pool.submit(self._embed_block, texts[begin : begin + _BLOCK_TEXTS], vectors[begin:])
            for begin in range(0, len(texts), _BLOCK_TEXTS)
        ]
        return lambda: Embedded(vectors, sum((block.result() for block in work), Counts()))

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _embed_block(self, texts: Sequence[str], out: Vectors) -> Counts:
        """Vectors of the texts into the first rows of `out`."""
        cut = texts
        if self._max_tokens is not None:
            limit = self._max_tokens * self._characters_per_token
            cut = [text[:limit] for text in texts]
        tokens = self._tokens.encode(cut)
        counts = Counts(documents=len(texts))
        for row, (text, read, ids) in enumerate(zip(texts, cut, tokens.of_texts(), strict=True)):
            kept = ids[: self._max_tokens]
            known = kept if self._unknown is None else kept[kept != self._unknown]
            counts.truncated += len(read) < len(text) or len(kept) < len(ids)
            counts.truncated_tokens += len(ids) - len(kept)
            counts.unread_characters += len(text) - len(read)
            counts.tokens += len(known)
            counts.empty += not len(known)
            if len(known):
                out[row] = self._sum(known) / np.float32(len(known))
        if self._normalise:
            out[: len(texts)] /= np.linalg.norm(out[: len(texts)], axis=1, keepdims=True) + np.float32(1e-32)
        return counts

    def _sum(self, ids: npt.NDArray[np.int64]) -> Vectors:
        """float32 (dimension,): one text at a time, its tokens in their order, so that neighbours cannot change it."""
        parts = [self._rows(ids[begin : begin + _BLOCK_TOKENS]) for begin in range(0, len(ids), _BLOCK_TOKENS)]
        whole: Vectors = sum((part.sum(axis=0) for part in parts[1:]), parts[0].sum(axis=0))
        return whole

    def _rows(self, ids: npt.NDArray[np.int64]) -> Vectors:
        """Vectors of tokens, float32 (tokens, dimension)."""
        rows = self._table.take(ids if self._mapping is None else self._mapping[ids], axis=0)
        if self._weights is not None:
            rows *= self._weights[ids].astype(np.float32)[:, np.newaxis]
        return rows

    def _check_rows(self, folder: Path, tokenizer: "Tokenizer") -> None:
        """Every token must have a vector, else a later text would fail where this folder is to blame."""
        size = max(tokenizer.get_vocab().values(), default=-1) + 1
        per_token = [array for array in (self._mapping, self._weights) if array is not None]
        indices = self._mapping is None or np.issubdtype(self._mapping.dtype, np.integer)
        if not indices or self._table.ndim != 2 or any(array.ndim != 1 for array in per_token):
            what = "its vectors, weights or mapping are not those of model2vec in dtype or shape"
            raise DataError(str(folder / "model.safetensors"), what, "fetch the model again")
        known = min(len(array) for array in per_token) if per_token else len(self._table)
        rows = np.arange(1) if self._mapping is None else self._mapping
        outside = rows.min(initial=0) < 0 or rows.max(initial=0) >= len(self._table)
        if size > known or outside:
            what = f"its tokenizer has {size} tokens, its vectors are {self._table.shape}"
            raise DataError(str(folder / "model.safetensors"), what, "the files belong to different models")
        if not all(np.isfinite(array).all() for array in (self._table, self._weights) if array is not None):
            raise DataError(str(folder / "model.safetensors"), "NaN or infinite values", "fetch the model again")


def _tensor_names(weights: Path) -> set[str]:
    """Names in the header of a safetensors file: eight bytes of length, then JSON."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(min(length, weights.stat().st_size)))
        except ValueError as error:
            raise DataError(str(weights), "not a safetensors file", "fetch the model again") from error
    return set(header)


def _read_tensors(weights: Path) -> dict[str, np.ndarray]:
    """All arrays of a safetensors file."""
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise GotdError(f"{weights}: cannot be read without safetensors; {EXTRA_REMEDY}") from error
    try:
        tensors: dict[str, np.ndarray] = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise DataError(str(weights), f"not readable ({error})", "fetch the model again") from error
    except (TypeError, AttributeError, KeyError) as error:  # of bfloat16 and float8
        what = f"numbers in a dtype that numpy lacks ({error})"
        raise DataError(str(weights), what, "save the model in float32 or float16") from error
    return tensors


def _read_tokenizer(path: Path) -> "Tokenizer":
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise GotdError(f"{path}: cannot be read without tokenizers; {EXTRA_REMEDY}") from error
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing more precise
        raise DataError(str(path), f"not a tokenizer ({error})", "fetch the model again") from error


def _unknown_id(tokenizer: "Tokenizer") -> int | None:
    """The token that stands for what the vocabulary lacks; it says nothing and is left out."""
    model = json.loads(tokenizer.to_str())["model"]
    if model["type"] == "Unigram":
        return _optional_int(model.get("unk_id"))
    unknown = model.get("unk_token")
    return None if unknown is None else tokenizer.token_to_id(unknown)


def _optional_int(value: JSON) -> int | None:
    return int(value) if isinstance(value, int) else None
