"""A classifier out of a causal model: a linear layer over the mean of its hidden states, all of it tuned on labels."""

from typing import Any, NamedTuple

import numpy as np
import torch
from machine import Machine
from scipy.stats import spearmanr
from sklearn.metrics import f1_score
from torch.nn.functional import cross_entropy, mse_loss

#: Texts in a step of tuning.
_BATCH = 32
#: Windows that go through the model at once.
_TOGETHER = 16


class Labelled(NamedTuple):
    """Texts as windows of tokens.

    windows : int64 (n, w, l), -1 where there is nothing
    labels : int64 (n,), or float32 (n,) from 0 to 1 where the task is graded
    """

    windows: np.ndarray
    labels: np.ndarray


class Tuning(NamedTuple):
    """How a model is tuned and judged; the same for every rule.

    labelled : texts that are tuned on
    draws : how many samples of them, each tuned on from the same warmed-up model
    epochs : passes over them
    rate : the highest learning rate
    split : what is judged by
    """

    labelled: int
    draws: int
    epochs: int
    rate: float
    split: str


class Classifier(torch.nn.Module):
    """A causal model's body, the mean of its hidden states over all windows, and a linear layer; one output grades."""

    def __init__(self, body: Any, width: int, labels: int) -> None:
        super().__init__()
        self.body, self.head = body, torch.nn.Linear(width, labels)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Shapes: int64 (b, w, l) -> float (b, labels)."""
        rows = windows.flatten(0, 1)
        lengths = (rows >= 0).sum(dim=1)
        texts = torch.arange(len(windows), device=rows.device).repeat_interleave(windows.shape[1])
        sums = torch.zeros((len(windows), self.head.in_features), device=rows.device)
        # Windows of like length together: most texts are short, and what is not there costs as much as what is.
        there = lengths.argsort(descending=True)[: int((lengths > 0).sum())]
        for some in there.split(_TOGETHER):
            ids = rows[some, : int(lengths[some[0]])]
            hidden = self.body(input_ids=ids.clamp_min(0)).last_hidden_state  # what is not there comes last: causal
            sums = sums.index_add(0, texts[some], (hidden * (ids >= 0)[..., None]).sum(dim=1).to(sums.dtype))
        return self.head(sums / lengths.view(len(windows), -1).sum(dim=1, keepdim=True))


def tune(model: Classifier, data: Labelled, how: Tuning, seed: int, machine: Machine) -> None:
    """All weights, the rate falling to zero."""
    order = np.random.default_rng([seed])
    steps = how.epochs * -(-len(data.labels) // _BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=how.rate, weight_decay=0.01)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    model.train()
    for _ in range(how.epochs):
        rows = order.permutation(len(data.labels))
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            wanted = torch.from_numpy(data.labels[some]).to(machine.device)
            outputs = _outputs(model, data, some, machine)
            loss = mse_loss(outputs[:, 0], wanted) if wanted.is_floating_point() else cross_entropy(outputs, wanted)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            falling.step()
            optimizer.zero_grad(set_to_none=True)


def guesses(model: Classifier, data: Labelled, machine: Machine) -> np.ndarray:
    """The likeliest label of each text, or its grade. Shapes: -> int64 or float32 (n,)."""
    model.eval()
    rows = np.arange(len(data.labels))
    with torch.inference_mode():
        outputs = torch.cat([_outputs(model, data, rows[start : start + 4 * _BATCH], machine)
                             for start in range(0, len(rows), 4 * _BATCH)])
    return np.asarray((outputs[:, 0] if outputs.shape[1] == 1 else outputs.argmax(1)).cpu().numpy())


def scores(labels: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Macro and micro F1, or Spearman's correlation of grades."""
    if labels.dtype == np.float32:
        return {"spearman": float(spearmanr(labels, found).statistic)}
    return {f"{kind}_f1": float(f1_score(labels, found, average=kind, zero_division=0)) for kind in ("macro", "micro")}


def _outputs(model: Classifier, data: Labelled, rows: np.ndarray, machine: Machine) -> torch.Tensor:
    """Shapes: int (b,) -> float32 (b, labels)."""
    with machine.products():
        return model(_windows(data, rows, machine.device)).float()


def _windows(data: Labelled, rows: np.ndarray, device: str) -> torch.Tensor:
    """As many windows, and as long, as these texts need."""
    some = data.windows[rows]
    there = (some >= 0).any(axis=0)
    return torch.from_numpy(some[:, : there.any(axis=1).sum(), : there.any(axis=0).sum()]).to(device)
