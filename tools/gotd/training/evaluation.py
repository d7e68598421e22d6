"""What a model is worth on held-out records, computed batch by batch, whatever the number of processes."""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from gotd.errors import GotdError
from gotd.training.examples import IGNORED
from gotd.training.run_record import Spread

if TYPE_CHECKING:
    from transformers import EvalPrediction
    from transformers.utils import ModelOutput


def shifted(labels: torch.Tensor) -> torch.Tensor:
    """labels[:, t + 1] at t: what position t of a causal model predicts."""
    return torch.nn.functional.pad(labels, (0, 1), value=IGNORED)[:, 1:]


class TokenLoss:
    """Sum of the cross-entropy over the predicted tokens, divided by their number in the whole optimiser step.

    So the gradient does not depend on how a step is shared out over processes and accumulated parts. Logits are those
    of all positions, or, (1, predicted, vocabulary), of those that have a label (PredictedPositions).
    """

    def __init__(self, causal: bool) -> None:
        self._causal = causal

    def __call__(self, outputs: "ModelOutput", labels: torch.Tensor,
                 num_items_in_batch: torch.Tensor | int | None = None) -> torch.Tensor:
        """The name of the last argument is the Trainer's."""
        logits = outputs.logits
        labels = shifted(labels) if self._causal else labels
        wanted = labels if logits.shape[:-1] == labels.shape else labels[labels != IGNORED]
        total = cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), wanted.reshape(-1), ignore_index=IGNORED,
                              reduction="sum")
        count = (labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        return total / torch.clamp(torch.as_tensor(count, device=total.device), min=1)

    def by_row(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """float64 (batch, 2): each row's sum of losses and number of predicted tokens; the Trainer gathers these."""
        labels = shifted(labels) if self._causal else labels
        has_label = labels != IGNORED
        picked = logits[has_label] if logits.shape[:-1] == labels.shape else logits[0]
        losses = cross_entropy(picked.float(), labels[has_label], reduction="none").double()
        sums = losses.new_zeros(len(labels)).index_add_(0, has_label.nonzero()[:, 0], losses)
        return torch.stack([sums, has_label.sum(1).double()], 1)


class TokenMetrics:
    """loss (nats a predicted token), perplexity and tokens, over all the batches since the last result."""

    def __init__(self) -> None:
        self._sums = np.zeros(2)

    def __call__(self, found: "EvalPrediction", compute_result: bool) -> dict[str, float]:
        """predictions : what `TokenLoss.by_row` made. The name of the last argument is the Trainer's."""
        self._sums += np.asarray(torch.as_tensor(found.predictions).cpu()).sum(0)
        if not compute_result:
            return {}
        (total, count), self._sums = self._sums, np.zeros(2)
        if not count:
            raise GotdError("--eval or --dev: nothing to predict in so little text; give more text")
        loss = total / count
        return {"loss": loss, "perplexity": math.exp(min(loss, 700.0)), "tokens": int(count)}


class LabelMetrics:
    """loss, accuracy, macro and micro F1 (scikit-learn's), over all the batches since the last result."""

    def __init__(self) -> None:
        self._logits: list[torch.Tensor] = []
        self._labels: list[torch.Tensor] = []

    def __call__(self, found: "EvalPrediction", compute_result: bool) -> dict[str, float]:
        """predictions : float (batch, labels). The name of the last argument is the Trainer's."""
        from sklearn.metrics import accuracy_score, f1_score

        self._logits.append(torch.as_tensor(found.predictions).float().cpu())
        self._labels.append(torch.as_tensor(found.label_ids).cpu())
        if not compute_result:
            return {}
        logits, labels = torch.cat(self._logits), torch.cat(self._labels)
        self._logits, self._labels = [], []
        guesses = logits.argmax(1)
        f1 = {kind: float(f1_score(labels, guesses, average=kind, zero_division=0)) for kind in ("macro", "micro")}
        return {"loss": float(cross_entropy(logits, labels)), "accuracy": float(accuracy_score(labels, guesses)),
                "macro_f1": f1["macro"], "micro_f1": f1["micro"], "texts": len(labels)}


def spreads(runs: list[dict[str, float]]) -> dict[str, Spread]:
    """Return the mean and the spread of each metric over the runs."""
    values = {name: [run[name] for run in runs] for name in (runs[0] if runs else ())}
    return {name: Spread(float(np.mean(each)), float(np.std(each, ddof=1)) if len(each) > 1 else None, each)
            for name, each in values.items()}
