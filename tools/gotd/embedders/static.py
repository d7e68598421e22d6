"""Static embeddings: every token has a fixed vector, a text's is the mean of its tokens'.

Reads what model2vec and sentence-transformers (StaticEmbedding) save, and gives the vectors of model2vec's own `encode`.
Source: model2vec 0.10, model.py and persistence/.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gotd.embedders.model_folder import EXTRA_REMEDY, digest, read_json
from gotd.embedders.protocol import JSON, Counts, Vectors
from gotd.errors import DataError, GotdError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: What model2vec reads of a text whose model says nothing.
_DEFAULT_MAX_TOKENS = 512
#: Texts tokenised at a time: the tokens of so many are held.
_BLOCK_TEXTS = 1024


class _Layout(NamedTuple):
    config: str
    subfolder: str
    table: str


_LAYOUTS = (
    _Layout("config.json", ".", "embeddings"),
    _Layout("config_sentence_transformers.json", ".", "embedding.weight"),
    _Layout("config_sentence_transformers.json", "0_StaticEmbedding", "embedding.weight"),
)


def static_layout(folder: Path) -> _Layout | None:
    """How a folder keeps a static model; None where it holds another kind of model."""
    for layout in _LAYOUTS:
        weights = folder / layout.subfolder / "model.safetensors"
        tokenizer = folder / layout.subfolder / "tokenizer.json"
        if weights.is_file() and tokenizer.is_file() and (folder / layout.config).is_file():
            if layout.table in _tensor_names(weights):
                return layout
    return None
