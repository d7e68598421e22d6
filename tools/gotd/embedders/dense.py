"""What may stand after pooling: a dense layer, or scaling to unit length."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gotd.embedders.model_folder import read_json
from gotd.embedders.network import check_pickles
from gotd.embedders.sentence_transformers_config import Step
from gotd.errors import DataError, GotdError

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
