"""Masked language models: the head is given the masked positions alone.

A head multiplies each position by the whole vocabulary, which for a small model is most of the work and of the memory,
and only what is masked (15 %) is predicted. What the loss is made of is the same.
"""

from typing import TYPE_CHECKING, TypeAlias

import torch

from gotd.training.examples import IGNORED

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.utils import ModelOutput

    Outputs: TypeAlias = tuple[torch.Tensor, ...] | ModelOutput


class PredictedPositions:
    """Stands between a model's body and its head, and passes on the positions that have a label.

    labels : int64 (batch, length) of the batch that comes next; None passes everything on
    """

    def __init__(self, model: "PreTrainedModel") -> None:
        self.labels: torch.Tensor | None = None
        whole = model.get_base_model() if hasattr(model, "get_base_model") else model  # without adapters' wrapping
        body = whole.base_model
        if body is not whole:  # else the model has no part that its head comes after
            body.register_forward_hook(self._pass_on)

    def _pass_on(self, _body: torch.nn.Module, _inputs: object, output: "Outputs") -> "Outputs":
        """Hidden states (batch, length, width) -> (1, predicted, width); as they are where a body shortened them."""
        hidden = output[0]
        if self.labels is None or hidden.shape[:2] != self.labels.shape:
            return output
        picked = hidden[self.labels != IGNORED][None]
        if isinstance(output, tuple):
            return (picked, *output[1:])
        output[next(iter(output))] = picked
        return output
