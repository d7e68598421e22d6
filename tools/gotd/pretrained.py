"""Configurations, tokenizers and models of transformers, from a folder on disk.

The one place that loads any of them: transformers is never allowed to run code that a folder brings or names, never
asks on the terminal whether it may, and never reaches for the network.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from gotd.errors import DataError, GotdError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

_SAFE = {"local_files_only": True, "trust_remote_code": False}
#: In transformers' message where it would need the code.
_ITS_OPTION = "trust_remote_code"
_REMEDY = "choose a model whose architecture transformers itself has"


class LoadingInfo(TypedDict):
    """What transformers says of the loading: names of tensors, of those of another shape with both shapes."""

    missing_keys: Sequence[str]
    mismatched_keys: Sequence[tuple[str, Sequence[int], Sequence[int]]]


class CodeRefusedError(DataError):
    """A model that cannot be loaded without code of others."""

    def __init__(self, place: Path, what: str = "needs code from its folder, which is never run") -> None:
        super().__init__(str(place), what, _REMEDY)


def load_config(path: Path) -> "PretrainedConfig":
    """Return the configuration in a folder, or in a JSON file of any name.

    Raises: CodeRefusedError; whatever transformers raises where there is none.
    """
    from transformers import AutoConfig

    with _refusing(path):
        config = AutoConfig.from_pretrained(path, **_SAFE)
    # Such a name is of a repository whose code transformers would fetch and run for a layer.
    if names := [name for name in _implementations(config) if "/" in name]:
        raise CodeRefusedError(path, f"names layers of {names[0]}, whose code is never run")
    return config


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerFast":
    """Return the tokenizer in a folder.

    Raises: CodeRefusedError; whatever transformers raises where there is none.
    """
    from transformers import AutoTokenizer

    with _refusing(folder):
        return AutoTokenizer.from_pretrained(folder, **_SAFE)


def load_fast_tokenizer(folder: Path) -> "PreTrainedTokenizerFast":
    """Return the tokenizer in a folder, a fast one. Raises: GotdError where there is none."""
    try:
        tokenizer = load_tokenizer(folder)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GotdError(f"{folder}: no tokenizer there ({reason}); give --tokenizer FOLDER") from error
    if not tokenizer.is_fast:
        raise GotdError(f"{folder}: only a slow tokenizer; save it with a tokenizer.json")
    return tokenizer


def load_model(head: str, folder: Path, config: "PretrainedConfig", **options: object
               ) -> "tuple[PreTrainedModel, LoadingInfo]":
    """Return the model of a folder, and what transformers says of its loading (missing_keys, mismatched_keys, ...).

    head : the name of one of transformers' classes AutoModel...
    Raises: CodeRefusedError; whatever transformers raises where there is none.
    """
    import transformers

    with _refusing(folder):
        model, info = getattr(transformers, head).from_pretrained(
            folder, config=config, use_safetensors=True, output_loading_info=True, **_SAFE, **options)
    return model, info


def load_gguf(file: Path) -> "tuple[PreTrainedModel, PreTrainedTokenizerFast]":
    """Return the causal model of a GGUF file, its weights float32, and the tokenizer.

    Raises: CodeRefusedError; whatever transformers raises of a file that it cannot read.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with _refusing(file):
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, **_SAFE)
        model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32, **_SAFE)
    return model, tokenizer


def new_model(head: str, config: "PretrainedConfig", place: Path, **options: object) -> "PreTrainedModel":
    """Return a model at random, drawn from torch's global generator.

    head : the name of one of transformers' classes AutoModel...; place : where the configuration is from
    Raises: CodeRefusedError; whatever transformers raises of a configuration that cannot be.
    """
    import transformers

    with _refusing(place):
        return getattr(transformers, head).from_config(config, trust_remote_code=False, **options)


@contextlib.contextmanager
def _refusing(place: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if _ITS_OPTION in str(error):
            raise CodeRefusedError(place) from error
        raise


def _implementations(config: "PretrainedConfig") -> list[str]:
    """Return the names of the layers' implementations that a configuration asks for, and those in it."""
    own = (getattr(config, name, None) for name in ("_attn_implementation", "_experts_implementation"))
    inner = (getattr(config, name, None) for name in getattr(config, "sub_configs", {}))
    return [str(name) for name in own if name] + [name for each in inner if each is not None
                                                  for name in _implementations(each)]
