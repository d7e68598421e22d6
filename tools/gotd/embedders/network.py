"""A transformer from a folder: its network, its tokenizer, what stands after pooling. Never code from the folder."""

import inspect
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

    folder : where it came from, for messages
    module : takes input_ids, attention_mask (and token_type_ids), gives last_hidden_state
    kind : its architecture's name
    tokenizer : the tokenizer's own engine
    pad : token id for padding; any will do, for it is masked, but positions may be counted from it
    takes_types : whether segment ids are among the inputs
    max_tokens : what its tokenizer says it should read, never more than it can
    most_tokens : the most it can read; None where positions are relative
    """

    folder: Path
    module: nn.Module
    kind: str
    tokenizer: "Tokenizer"
    pad: int
    takes_types: bool
    max_tokens: int
    most_tokens: int | None


def load_network(folder: Path, dtype: torch.dtype) -> Network:
    """The transformer in a folder, in evaluation mode, on the CPU.

    Raises:
        GotdError: what is missing in the folder, or what cannot be read.
    """
    _check_files(folder)
    transformers = _import_transformers(folder)
    tokenizer, config, module = _load(transformers, folder)
    if not getattr(tokenizer, "is_fast", False):
        raise GotdError(f"{folder}: its tokenizer has no fast form (tokenizer.json); save it with one")
    if _has_decoder(module):
        module = module.get_encoder()
    _check_vocabulary(folder, module, tokenizer)
    most = _most_tokens(module, config)
    inputs = set(tokenizer.model_input_names) & set(inspect.signature(module.forward).parameters)
    return Network(
        folder=folder,
        module=_in_precision(module, dtype).eval().requires_grad_(False),
        kind=str(config.model_type),
        tokenizer=tokenizer.backend_tokenizer,
        pad=_padding_id(tokenizer, config),
        takes_types="token_type_ids" in inputs,
        max_tokens=_max_tokens(tokenizer, most),
        most_tokens=most,
    )


def _load(transformers: Any, folder: Path) -> tuple[Any, Any, Any]:
    """Tokenizer, configuration and network with all of its weights."""
    from safetensors import SafetensorError

    here = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **here)
        config = transformers.AutoConfig.from_pretrained(folder, **here)
        # A decoder would keep the keys and values of every token, which nothing reads.
        config.use_cache = False
        module, info = transformers.AutoModel.from_pretrained(
            folder, config=config, use_safetensors=True, output_loading_info=True, **here
        )
    except SafetensorError as error:
        raise GotdError(f"{folder}: weights not readable ({error}); fetch the model again") from error
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        if "trust_remote_code" in reason:
            reason = "it needs code from its folder, which is never run; embed with another tool and bring the vectors"
        raise GotdError(f"{folder}: transformers cannot load it as a text model: {reason}") from error
    # Of an encoder with a decoder the encoder is used, and often there is no more than that.
    unused = (*_UNUSED_PARTS, "decoder.") if _has_decoder(module) else _UNUSED_PARTS
    missing = sorted(key for key in info["missing_keys"] if not any(part in key for part in unused))
    if missing:
        raise GotdError(f"{folder}: its weights lack {missing[0]} and {len(missing) - 1} more; fetch the model again")
    return tokenizer, config, module


def _has_decoder(module: nn.Module) -> bool:
    """Beside an encoder; whatever the configuration says, which an encoder saved on its own denies."""
    return all(isinstance(getattr(module, part, None), nn.Module) for part in ("encoder", "decoder"))


def _in_precision(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Parameters alone: the frequencies of rotary positions are buffers; rounded, they blur distant positions."""
    for parameter in module.parameters():
        parameter.data = parameter.data.to(dtype)
    return module


def _check_files(folder: Path) -> None:
    """What must lie in the folder, looked for before transformers reports its absence in its own way."""
    if not (folder / "config.json").is_file():
        raise GotdError(f"{folder}: no config.json: not a model's folder (transformers' or model2vec's)")
    read_json(folder / "config.json")
    _check_pickles(folder)
    if not any(any(folder.glob(pattern)) for pattern in _TOKENIZER_FILES):
        raise GotdError(f"{folder}: no tokenizer (tokenizer.json or a vocabulary); save it beside the weights")


def _check_pickles(folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
    if pickled:
        what = f"weights only as {pickled[0]}, which is a pickle and could run anything"
        raise GotdError(f"{folder}: {what}; save the model again as safetensors")
    raise GotdError(f"{folder}: no weights (*.safetensors)")


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
    return next(int(token) for token in known if token is not None and token >= 0)


def _most_tokens(module: nn.Module, config: Any) -> int | None:
    """How many positions the network has."""
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions <= 0:
        return None
    # RoBERTa and its kin number positions from behind the padding token's.
    table = getattr(getattr(module, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return positions if padding is None else positions - padding - 1


def _max_tokens(tokenizer: Any, most: int | None) -> int:
    """The smaller of the tokenizer's and the network's limits."""
    limits = (int(tokenizer.model_max_length), most)
    return min((limit for limit in limits if limit and 0 < limit < _NO_LIMIT), default=_DEFAULT_MAX_TOKENS)


def is_causal(network: Network) -> bool:
    """Whether a token's hidden state knows nothing of the tokens after it, as in decoders: found by trying.

    Architectures' names do not tell: some decoders were made into encoders, and BERT can be configured as a decoder.
    """
    rows = int(network.module.get_input_embeddings().num_embeddings)  # type: ignore[operator]
    first, *others = [token for token in range(rows) if token != network.pad][:3]
    with torch.inference_mode():
        hidden = [network.module(input_ids=torch.tensor([[first, other]])) for other in others]
    states = [getattr(each, "last_hidden_state", None) for each in hidden]
    before = [state[0, 0] for state in states if state is not None]
    return len(before) == len(others) and all(torch.equal(before[0], state) for state in before)


def load_step(step: Step, device: torch.device) -> Callable[[Tensor], Tensor]:
    """A step after pooling, in float32: float32 (n, d) to float32 (n, d')."""
    if step.kind == "normalise":
        return nn.functional.normalize
    from safetensors.torch import load_file

    settings = read_json(step.folder / "config.json")
    _check_pickles(step.folder)
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
