"""What a network does with a few tokens: found by trying, for architectures' names do not tell."""

from pathlib import Path

import torch
from torch import Tensor, nn

from gotd.errors import GotdError

#: Hidden states are the same where they differ by this share of their length at most: experts that share tokens out
#: otherwise round otherwise. Those of encoders, even untrained ones, differ by 5e-3 and more.
_TOLERANCE = 2e-3


def is_causal(folder: Path, module: nn.Module, rows: int, pad: int) -> bool:
    """Whether a token's hidden state knows nothing of the tokens after it, as in decoders.

    Some decoders were made into encoders, and BERT can be configured as a decoder.

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
