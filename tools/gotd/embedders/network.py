"""A transformer from a folder: its network, its tokenizer, and what stands after pooling. Never code from the folder."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from gotd.embedders.model_folder import EXTRA_REMEDY, read_json
from gotd.embedders.sentence_transformers_config import Step
from gotd.errors import DataError, GotdError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: Where neither tokenizer nor network has a limit (relative positions).
_DEFAULT_MAX_TOKENS = 512
#: Tokenizers without a limit say so by a number near 10^30.
_NO_LIMIT = 1 << 30
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
#: Parts that may lack weights: they stand after the hidden states that are pooled here.
_UNUSED_PARTS = ("pooler", "lm_head", "classifier", "cls.")
_ACTIVATIONS = ("Identity", "Tanh", "ReLU", "GELU", "SiLU", "Sigmoid")


class Network(NamedTuple):
    """A transformer ready to run.

    module : takes input_ids, attention_mask (and token_type_ids), gives last_hidden_state
    kind : its architecture's name
    tokenizer : the tokenizer's own engine
    pad : token id for padding; any will do, for it is masked, but positions may be counted from it
    takes_types : whether segment ids are among the inputs
    max_tokens : the most it can read
    """

    module: nn.Module
    kind: str
    tokenizer: "Tokenizer"
    pad: int
    takes_types: bool
    max_tokens: int


def load_network(folder: Path, device: torch.device, dtype: torch.dtype) -> Network:
    """The transformer in a folder, in evaluation mode.

    Raises:
        GotdError: what is missing in the folder, or what cannot be read.
    """
    _check_files(folder)
    transformers = _import_transformers(folder)
    here = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **here)
        config = transformers.AutoConfig.from_pretrained(folder, **here)
        module, info = transformers.AutoModel.from_pretrained(
            folder, config=config, use_safetensors=True, output_loading_info=True, **here
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise GotdError(f"{folder}: transformers cannot load it as a text model: {reason}") from error
    missing = sorted(key for key in info["missing_keys"] if not any(part in key for part in _UNUSED_PARTS))
    if missing:
        raise GotdError(f"{folder}: its weights lack {missing[0]} and {len(missing) - 1} more; fetch the model again")
    if not getattr(tokenizer, "is_fast", False):
        raise GotdError(f"{folder}: its tokenizer has no fast form (tokenizer.json); save it with one")
    if config.is_encoder_decoder:
        module = module.get_encoder()
    _check_vocabulary(folder, module, tokenizer)
    return Network(
        module=module.to(device=device, dtype=dtype).eval().requires_grad_(False),
        kind=str(config.model_type),
        tokenizer=tokenizer.backend_tokenizer,
        pad=_padding_id(tokenizer, config),
        takes_types="token_type_ids" in tokenizer.model_input_names,
        max_tokens=_max_tokens(module, tokenizer, config),
    )


def _check_files(folder: Path) -> None:
    """What must lie in the folder, looked for before transformers reports its absence in its own way."""
    if not (folder / "config.json").is_file():
        raise GotdError(f"{folder}: no config.json: not a model's folder (transformers' or model2vec's)")
    if not any(folder.glob("*.safetensors")):
        pickled = [path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern)]
        if pickled:
            what = f"weights only as {pickled[0]}, which is a pickle and could run anything"
            raise GotdError(f"{folder}: {what}; save the model again as safetensors")
        raise GotdError(f"{folder}: no weights (*.safetensors)")
    if not any(any(folder.glob(pattern)) for pattern in _TOKENIZER_FILES):
        raise GotdError(f"{folder}: no tokenizer (tokenizer.json or a vocabulary); save it beside the weights")


def _import_transformers(folder: Path) -> Any:
    """The library, with its progress bars and its advice off: standard error is ours."""
    try:
        import transformers
    except ImportError as error:
        raise GotdError(f"{folder}: needs transformers; {EXTRA_REMEDY}") from error
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers


def _check_vocabulary(folder: Path, module: Any, tokenizer: Any) -> None:
    """Every token must have a vector, else a later text would fail where this folder is to blame."""
    rows = module.get_input_embeddings().num_embeddings
    tokens = max(tokenizer.get_vocab().values(), default=-1) + 1
    if tokens > rows:
        what = f"its tokenizer has {tokens} tokens, its network {rows}"
        raise DataError(str(folder), what, "the files belong to different models")


def _padding_id(tokenizer: Any, config: Any) -> int:
    """Decoders often have none; what is masked may be any token."""
    known = (tokenizer.pad_token_id, getattr(config, "pad_token_id", None), 0)
    return next(int(token) for token in known if token is not None)


def _max_tokens(module: nn.Module, tokenizer: Any, config: Any) -> int:
    """The smaller of the tokenizer's and the network's limits."""
    positions = getattr(config, "max_position_embeddings", None)
    limits = [int(tokenizer.model_max_length)]
    if isinstance(positions, int) and positions > 0:
        # RoBERTa and its kin number positions from behind the padding token's.
        table = getattr(getattr(module, "embeddings", None), "position_embeddings", None)
        padding = getattr(table, "padding_idx", None)
        limits.append(positions if padding is None else positions - padding - 1)
    known = [limit for limit in limits if 0 < limit < _NO_LIMIT]
    return min(known, default=_DEFAULT_MAX_TOKENS)


def load_step(step: Step, device: torch.device) -> Callable[[Tensor], Tensor]:
    """A step after pooling, in float32: float32 (n, d) to float32 (n, d')."""
    if step.kind == "normalise":
        return nn.functional.normalize
    from safetensors.torch import load_file

    settings = read_json(step.folder / "config.json")
    name = str(settings.get("activation_function", "torch.nn.modules.activation.Tanh"))
    kind = name.rsplit(".", 1)[-1]
    if not name.startswith("torch.nn.") or kind not in _ACTIVATIONS:
        known = f"known are {', '.join(_ACTIVATIONS)} of torch.nn"
        raise DataError(str(step.folder / "config.json"), f"activation {name}", known)
    try:
        weights = load_file(step.folder / "model.safetensors")
        linear = weights["linear.weight"].float().to(device)
    except (OSError, KeyError) as error:
        raise GotdError(
            f"{step.folder}: no dense layer in model.safetensors ({error}); fetch the model again"
        ) from error
    bias = weights["linear.bias"].float().to(device) if "linear.bias" in weights else None
    activation: nn.Module = getattr(nn, kind)()
    return lambda vectors: activation(nn.functional.linear(vectors, linear, bias))
