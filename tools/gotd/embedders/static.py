"""model2vec's static models: every token has a fixed vector, a text's is the mean of its tokens'.

Needs neither torch nor model2vec, and gives the vectors of model2vec's own `encode`.
Source: model2vec 0.10, model.py (`StaticModel`) and persistence/persistence.py.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gotd.embedders.model_folder import EXTRA_REMEDY, digest, read_json
from gotd.embedders.protocol import JSON, Counts, Vectors
from gotd.embedders.word_tokens import WordTokens
from gotd.errors import DataError, GotdError, UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: What model2vec reads of a text where the model does not say.
_DEFAULT_MAX_TOKENS = 512
#: Texts tokenised at a time: the tokens of so many are held.
_BLOCK_TEXTS = 1024


def is_static(folder: Path) -> bool:
    """Whether a folder holds a model2vec model."""
    weights = folder / "model.safetensors"
    files = (weights, folder / "tokenizer.json", folder / "config.json")
    return all(file.is_file() for file in files) and "embeddings" in _tensor_names(weights)


class StaticEmbedder:
    """A model2vec folder; the same bytes for any batches and threads.

    max_tokens : how much of a text is read; None leaves it to the model
    """

    def __init__(self, folder: Path, max_tokens: int | None = None) -> None:
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
        self.counts = Counts()
        self.identity: dict[str, JSON] = {
            "name": "model2vec",
            "revision": digest(folder),
            "pooling": "mean",
            "max_tokens": self._max_tokens,
            "normalised": self._normalise,
            "dimension": self.dimension,
        }

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, dimension); zero for a text without tokens that the model knows."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for begin in range(0, len(texts), _BLOCK_TEXTS):
            block = texts[begin : begin + _BLOCK_TEXTS]
            for row, ids in enumerate(self._token_ids(block), start=begin):
                if len(ids):
                    # One text at a time, its tokens in their order: neighbours cannot change its sum.
                    vectors[row] = self._rows(ids).sum(axis=0) / np.float32(len(ids))
        if self._normalise:
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + np.float32(1e-32)
        return vectors

    def _token_ids(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """Known tokens of each text, cut and counted."""
        cut = texts
        if self._max_tokens is not None:
            limit = self._max_tokens * self._characters_per_token
            cut = [text[:limit] for text in texts]
        known = []
        for text, read, ids in zip(texts, cut, self._tokens.encode(cut), strict=True):
            kept = ids[: self._max_tokens]
            self.counts.truncated += len(read) < len(text) or len(kept) < len(ids)
            self.counts.truncated_tokens += len(ids) - len(kept)
            self.counts.unread_characters += len(text) - len(read)
            array = np.array(kept, dtype=np.int64)
            known.append(array if self._unknown is None else array[array != self._unknown])
        self.counts.documents += len(texts)
        self.counts.empty += sum(not len(ids) for ids in known)
        self.counts.tokens += sum(len(ids) for ids in known)
        return known

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
        known = min(len(array) for array in per_token) if per_token else len(self._table)
        rows = np.arange(1) if self._mapping is None else self._mapping
        outside = rows.min(initial=0) < 0 or rows.max(initial=0) >= len(self._table)
        if size > known or outside or self._table.ndim != 2:
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


def _read_tensors(weights: Path) -> dict[str, npt.NDArray[Any]]:
    """All arrays of a safetensors file."""
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise GotdError(f"{weights}: cannot be read without safetensors; {EXTRA_REMEDY}") from error
    try:
        tensors: dict[str, npt.NDArray[Any]] = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise DataError(str(weights), f"not readable ({error})", "fetch the model again") from error
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
