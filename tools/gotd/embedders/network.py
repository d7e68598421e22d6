"""A transformer from a folder: its network and its tokenizer. Never code from the folder."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from gotd import pretrained
from gotd.embedders.model_folder import EXTRA_REMEDY, read_json
from gotd.errors import DataError, GotdError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

#: Hidden states are the same where they differ by this share of their length at most: experts that share tokens out
#: otherwise round otherwise. Those of encoders, even untrained ones, differ by 5e-3 and more.
_TOLERANCE = 2e-3
#: Where neither tokenizer nor network has a limit (relative positions).
_DEFAULT_MAX_TOKENS = 512
#: Tokenizers without a limit say so by a number near 10^30.
_NO_LIMIT = 1 << 30
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
#: Parts that may lack weights: they stand after the hidden states that are pooled here.
_UNUSED_PARTS = ("pooler", "lm_head", "classifier", "cls.")


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
    is_causal : whether a token knows nothing of those after it
    has_decoder : whether the folder has a decoder, too, of which nothing is used
    """

    folder: Path
    module: nn.Module
    kind: str
    tokenizer: "Tokenizer"
    pad: int
    takes_types: bool
    max_tokens: int
    most_tokens: int | None
    is_causal: bool
    has_decoder: bool


def load_network(folder: Path) -> Network:
    """The transformer in a folder, in evaluation mode, on the CPU, in float32.

    Raises:
        GotdError: what is missing in the folder, or what cannot be read.
    """
    _check_files(folder)
    _import_transformers(folder)
    tokenizer, config, module = _load(folder)
    if not getattr(tokenizer, "is_fast", False):
        raise GotdError(f"{folder}: its tokenizer has no fast form (tokenizer.json); save it with one")
    if getattr(tokenizer, "truncation_side", "right") != "right":
        what = "keeps the ends of long texts (truncation_side), where only their beginnings are read"
        raise DataError(str(folder / "tokenizer_config.json"), what, 'set it to "right" for vectors of the beginnings')
    has_decoder = _has_decoder(module)
    if has_decoder:
        module = module.get_encoder()
    module.eval()
    pad = _padding_id(tokenizer, config)
    causal = _knows_no_later_tokens(folder, module, _vocabulary(folder, module, tokenizer), pad)
    most = _most_tokens(module, config)
    inputs = set(tokenizer.model_input_names) & set(inspect.signature(module.forward).parameters)
    return Network(
        folder=folder,
        module=module.requires_grad_(False),
        kind=str(config.model_type),
        tokenizer=tokenizer.backend_tokenizer,
        pad=pad,
        takes_types="token_type_ids" in inputs,
        max_tokens=_max_tokens(tokenizer, most),
        most_tokens=most,
        is_causal=causal,
        has_decoder=has_decoder,
    )


def _load(folder: Path) -> "tuple[PreTrainedTokenizerFast, PretrainedConfig, PreTrainedModel]":
    """Tokenizer, configuration and network with all of its weights."""
    from safetensors import SafetensorError

    try:
        tokenizer = pretrained.load_tokenizer(folder)
        config = pretrained.load_config(folder)
        # A decoder would keep the keys and values of every token, which nothing reads.
        config.use_cache = False
        module, info = pretrained.load_model("AutoModel", folder, config)
    except SafetensorError as error:
        raise GotdError(f"{folder}: weights not readable ({error}); fetch the model again") from error
    except GotdError:
        raise
    except Exception as error:  # transformers and what it calls raise of every kind
        reason = " ".join(str(error).split())
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


def in_precision(module: nn.Module, dtype: torch.dtype) -> None:
    """Round parameters alone: the frequencies of rotary positions are buffers; rounded, they blur distant positions."""
    for parameter in module.parameters():
        parameter.data = parameter.data.to(dtype)


def _check_files(folder: Path) -> None:
    """What must lie in the folder, looked for before transformers reports its absence in its own way."""
    if not (folder / "config.json").is_file():
        raise GotdError(f"{folder}: no config.json: not a model's folder (transformers' or model2vec's)")
    read_json(folder / "config.json")
    check_pickles(folder)
    if not any(any(folder.glob(pattern)) for pattern in _TOKENIZER_FILES):
        raise GotdError(f"{folder}: no tokenizer (tokenizer.json or a vocabulary); save it beside the weights")


def check_pickles(folder: Path) -> None:
    """Weights must be there, and not as pickles."""
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
    if pickled:
        what = f"weights only as {pickled[0]}, which is a pickle and could run anything"
        raise GotdError(f"{folder}: {what}; save the model again as safetensors")
    raise GotdError(f"{folder}: no weights (*.safetensors)")


def _import_transformers(folder: Path) -> None:
    """Import the library, with its progress bars and its advice off: standard error is ours."""
    try:
        import transformers
    except ImportError as error:
        raise GotdError(f"{folder}: needs transformers; {EXTRA_REMEDY}") from error
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def _vocabulary(folder: Path, module: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast") -> int:
    """Tokens that have a vector: every one must, else a later text would fail where this folder is to blame."""
    try:
        rows = int(module.get_input_embeddings().num_embeddings)
    except (AttributeError, NotImplementedError) as error:
        what = f"{type(module).__name__} reads something else than the tokens of a text"
        raise GotdError(f"{folder}: {what}; give a text encoder or a decoder") from error
    tokens = max(tokenizer.get_vocab().values(), default=-1) + 1
    if tokens > rows:
        what = f"its tokenizer has {tokens} tokens, its network {rows}"
        raise DataError(str(folder), what, "the files belong to different models")
    return rows


def _padding_id(tokenizer: "PreTrainedTokenizerFast", config: "PretrainedConfig") -> int:
    """Decoders often have none; what is masked may be any token."""
    known = (tokenizer.pad_token_id, getattr(config, "pad_token_id", None), 0)
    return next(int(token) for token in known if token is not None and token >= 0)


def _most_tokens(module: nn.Module, config: "PretrainedConfig") -> int | None:
    """How many positions the network has."""
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions <= 0:
        return None
    # RoBERTa and its kin number positions from behind the padding token's.
    table = getattr(getattr(module, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return positions if padding is None else positions - padding - 1


def _max_tokens(tokenizer: "PreTrainedTokenizerFast", most: int | None) -> int:
    """The smaller of the tokenizer's and the network's limits."""
    limits = (int(tokenizer.model_max_length), most)
    return min((limit for limit in limits if limit and 0 < limit < _NO_LIMIT), default=_DEFAULT_MAX_TOKENS)


def _knows_no_later_tokens(folder: Path, module: nn.Module, rows: int, pad: int) -> bool:
    """Whether a token's hidden state knows nothing of the tokens after it, as in decoders.

    By trying: some decoders were made into encoders, and BERT can be configured as a decoder.

    rows : how many tokens it knows
    pad : the one for padding

    Raises: GotdError where the network does not take tokens, or where padding changes what it makes of them.
    """
    try:
        first, second, third = [token for token in range(rows) if token != pad][:3]
        with torch.inference_mode():
            alone, other = (module(input_ids=torch.tensor([[first, last]])) for last in (second, third))
            mask = torch.tensor([[1, 1, 0]])
            padded = module(input_ids=torch.tensor([[first, second, pad]]), attention_mask=mask)
        states = [each.last_hidden_state[0, 0].float() for each in (alone, other, padded)]
    except Exception as error:  # networks raise of every kind
        reason = " ".join(str(error).split())
        raise GotdError(f"{folder}: not a network from a text's tokens to hidden states of each ({reason})") from error
    if not _is_same(states[2], states[0]):
        what = "padding changes its vectors, and with it the texts that share a batch"
        raise GotdError(f"{folder}: {what}; embed with another tool and bring the vectors")
    return _is_same(states[1], states[0])


def _is_same(state: Tensor, other: Tensor) -> bool:
    """Shapes: float32 (d,). NaN is taken for the same: rows that have it are named later."""
    return not bool((state - other).norm() > _TOLERANCE * other.norm())
