"""From what `--model` names to an embedder. Imports what a model needs, when it needs it."""

from collections.abc import Collection, Mapping, Sequence

from gotd.embedders.hashing import DEFAULT_DIMENSION, HashEmbedder
from gotd.embedders.model_folder import EXTRA_REMEDY, find_folder
from gotd.embedders.protocol import Embedder
from gotd.embedders.side_by_side import SideBySide
from gotd.embedders.static import StaticEmbedder, is_static
from gotd.errors import GotdError, UsageError

HASH = "hash"


def load(
    models: Sequence[str],
    *,
    device: str = "auto",
    threads: int = 1,
    max_tokens: int | None = None,
    dimension: int | None = None,
    batch_tokens: int | None = None,
    precision: str = "auto",
    pooling: str | None = None,
    half: bool = False,
    passed_over: Collection[str] = (),
) -> Embedder:
    """The embedder of one model, or of several side by side.

    models : each `hash`, a folder (model2vec's, transformers', sentence-transformers'), or a name on a hub
    device, batch_tokens, precision, pooling : for transformers, see `TransformerEmbedder`
    threads : of the CPU
    max_tokens : how much of a text the models read; None leaves it to them
    dimension : of `hash`
    half : float16 will do: an embedder that has it for nothing may give it
    passed_over : options that are no error where none of the models has them

    Raises:
        UsageError: options that fit none of the models.
        GotdError: a model that is not there or cannot be read.
    """
    if not models:
        raise UsageError("no model: name a folder, a hub name, or hash")
    if "dimension" in passed_over and HASH not in models:
        dimension = None
    if "max_tokens" in passed_over and set(models) == {HASH}:
        max_tokens = None
    if dimension is not None and HASH not in models:
        raise UsageError(f"a dimension of {dimension} can only be chosen for hash; {models[0]} has its own")
    if max_tokens is not None and set(models) == {HASH}:
        raise UsageError(f"at most {max_tokens} tokens: hash has no tokens and reads every word; leave the limit out")
    if threads < 1:
        raise UsageError(f"{threads} threads: at least 1")
    folders = {model: find_folder(model) for model in models if model != HASH}
    if all(map(is_static, folders.values())):
        # What those models do anyway may be said.
        given = {"pooling": pooling, "batch_tokens": batch_tokens,
                 "device": None if device in ("auto", "cpu") else device,
                 "precision": None if precision in ("auto", "float32") else precision}
        _refuse(models, {name: value for name, value in given.items() if name not in passed_over})

    def load_one(model: str) -> Embedder:
        if model == HASH:
            wide = DEFAULT_DIMENSION if dimension is None else dimension
            return HashEmbedder(wide, threads, half and len(models) == 1)
        folder = folders[model]
        if is_static(folder):
            return StaticEmbedder(folder, max_tokens, threads)
        try:
            from gotd.embedders.transformer import TransformerEmbedder
        except ImportError as error:
            raise GotdError(f"{model}: {error}; {EXTRA_REMEDY}") from error
        return TransformerEmbedder(folder, device=device, threads=threads, max_tokens=max_tokens,
                                   batch_tokens=batch_tokens, precision=precision, pooling=pooling)

    embedders = [load_one(model) for model in models]
    return embedders[0] if len(embedders) == 1 else SideBySide(embedders)


def _refuse(models: Sequence[str], given: Mapping[str, object]) -> None:
    """Raises: UsageError for an option of transformers that has a value."""
    for name, value in given.items():
        if value is not None:
            others = " and ".join(models)
            option = "--" + name.replace("_", "-")
            raise UsageError(f"{option} {value} can only be chosen for transformers, not for {others}")
