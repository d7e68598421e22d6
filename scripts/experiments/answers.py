"""Which answer a causal model takes for the likeliest after a text: answers ranked by their loss.

An answer's loss alone says more of the answer than of the text: rare words cost more. So from each answer's loss its
usual one is taken: without any text (pointwise mutual information, as arXiv 2104.08315 has it), or on other texts of
the task, whose answers nobody needs to know (as arXiv 2102.09690 calibrates, by texts instead of a blank).
"""

from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

#: Rows in a forward pass.
_BATCH = 512
#: What transformers calls what a model has read, now and in earlier versions; the same going in and coming out.
_READ = {"cache", "past_key_values"}


def contexts(texts: Sequence[Sequence[int]], cue: Sequence[int], start: int, room: int) -> list[list[int]]:
    """What answers come after: the token that starts a text, as much of its beginning as fits, and the cue."""
    kept = room - 1 - len(cue)
    if kept < 0:
        raise ValueError(f"a cue of {len(cue)} tokens leaves no room of {room}")
    return [[start, *text[:kept], *cue] for text in texts]


def answer_costs(model: Any, given: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> np.ndarray:
    """Nats of every answer after every context. Shapes: -> float64 (contexts, answers)."""
    model.eval()
    found = np.zeros((len(given), len(answers)))
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, context in enumerate(given):
        by_length[len(context)].append(place)
    with torch.inference_mode():
        for places in by_length.values():
            for some in (places[start : start + _BATCH] for start in range(0, len(places), _BATCH)):
                rows = torch.tensor([given[place] for place in some], device=model.device)
                read = model(input_ids=rows, use_cache=True, logits_to_keep=1)
                for number, answer in enumerate(answers):
                    found[some, number] = _costs(model, read, torch.tensor(answer, device=model.device))
    return found


def _costs(model: Any, read: Any, answer: torch.Tensor) -> np.ndarray:
    """Of one answer after contexts that the model has read. Shapes: (a,) -> float64 (n,)."""
    logits = read["logits"]
    after = answer.expand(len(logits), -1)
    if len(answer) > 1:
        (name,) = _READ & read.keys()
        # Each answer goes on from a copy: reading adds to what was read.
        more = model(input_ids=after[:, :-1], use_cache=True, **{name: deepcopy(read[name])})
        logits = torch.cat([logits, more["logits"]], dim=1)
    losses = cross_entropy(logits.flatten(0, 1).float(), after.flatten(), reduction="none").view(after.shape)
    return np.asarray(losses.double().sum(dim=1).cpu().numpy())


def likeliest(costs: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """The answer that costs least for what it usually costs. Shapes: (n, answers), (answers,) -> int64 (n,)."""
    return np.asarray(np.argmin(costs - usual, axis=1))
