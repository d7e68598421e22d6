"""From a vector per token to a vector per text: sentence-transformers' ways of pooling, and what may stand after.

All in float32.

Source: sentence-transformers 6, sentence_transformer/modules/pooling.py.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from gotd.embedders.model_folder import read_json
from gotd.embedders.network import check_pickles
from gotd.embedders.sentence_transformers_config import Step
from gotd.errors import DataError, GotdError


def pool(hidden: Tensor, mask: Tensor, modes: Sequence[str]) -> Tensor:
    """One vector per text; several modes stand side by side.

    Shapes:
        hidden : float (texts, tokens, d), of any precision
        mask : int64 (texts, tokens), ones then zeros, at least one 1 in a row
        returns : float32 (texts, d * len(modes))
    """
    hidden = hidden.float()
    return torch.cat([POOLINGS[mode](hidden, mask) for mode in modes], dim=-1)


def _first(hidden: Tensor, _mask: Tensor) -> Tensor:
    return hidden[:, 0]


def _last(hidden: Tensor, mask: Tensor) -> Tensor:
    return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(dim=1) - 1]


def _maximum(hidden: Tensor, mask: Tensor) -> Tensor:
    return hidden.masked_fill(mask.unsqueeze(-1) == 0, float("-inf")).amax(dim=1)


def _weighted_mean(hidden: Tensor, weights: Tensor) -> Tensor:
    """sum_t w_t h_t / sum_t w_t"""
    weights = weights.to(hidden.dtype).unsqueeze(-1)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)


def _mean_root_length(hidden: Tensor, mask: Tensor) -> Tensor:
    """sum_t h_t / sqrt(tokens)"""
    return _weighted_mean(hidden, mask) * mask.sum(dim=1, keepdim=True).to(hidden.dtype).sqrt()


def _position_weighted_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Later tokens weigh more, t = 1, 2, ...: in a decoder they have seen more."""
    return _weighted_mean(hidden, mask * torch.arange(1, mask.shape[1] + 1, device=mask.device))


#: By the names that sentence-transformers gives them.
POOLINGS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cls": _first,
    "max": _maximum,
    "mean": _weighted_mean,
    "mean_sqrt_len_tokens": _mean_root_length,
    "weightedmean": _position_weighted_mean,
    "lasttoken": _last,
}

#: The mean over all places of a text, padding's too, every text padded to as many: what the paper's code does. Short
#: texts are drawn towards what the network makes of padding.
PADDED_MEAN = "padded-mean"


#: Of dense layers.
_ACTIVATIONS = ("Identity", "Tanh", "ReLU", "GELU", "SiLU", "Sigmoid")


def load_step(step: Step, device: torch.device) -> Callable[[Tensor], Tensor]:
    """A step after pooling, in float32: float32 (n, d) to float32 (n, d')."""
    if step.kind == "normalise":
        return nn.functional.normalize
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    settings = read_json(step.folder / "config.json")
    check_pickles(step.folder)
    name = str(settings.get("activation_function", "torch.nn.modules.activation.Tanh"))
    kind = name.rsplit(".", 1)[-1]
    if not name.startswith("torch.nn.") or kind not in _ACTIVATIONS:
        known = f"known are {', '.join(_ACTIVATIONS)} of torch.nn"
        raise DataError(str(step.folder / "config.json"), f"activation {name}", known)
    try:
        weights = load_file(step.folder / "model.safetensors")
        linear = weights["linear.weight"].float().to(device)
    except (OSError, KeyError, SafetensorError) as error:
        raise GotdError(
            f"{step.folder}: no dense layer in model.safetensors ({error}); fetch the model again"
        ) from error
    bias = weights["linear.bias"].float().to(device) if "linear.bias" in weights else None
    activation: nn.Module = getattr(nn, kind)()
    return lambda vectors: activation(nn.functional.linear(vectors, linear, bias))
