"""Pooling: each way against its formula, written out token by token."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from gotd.embedders.pooling import POOLINGS, pool

LENGTHS = (1, 3, 5)
FORMULAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "cls": lambda tokens: tokens[0],
    "max": lambda tokens: tokens.max(axis=0),
    "mean": lambda tokens: tokens.sum(axis=0) / len(tokens),
    "mean_sqrt_len_tokens": lambda tokens: tokens.sum(axis=0) / np.sqrt(len(tokens)),
    "weightedmean": lambda tokens: np.average(tokens, axis=0, weights=np.arange(1, len(tokens) + 1)),
    "lasttoken": lambda tokens: tokens[-1],
}


@pytest.fixture
def hidden() -> torch.Tensor:
    """Three texts of at most five tokens, padded with what would show."""
    values = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(0))
    return values.masked_fill(mask()[..., None] == 0, 1000.0)


def mask() -> torch.Tensor:
    return (torch.arange(5) < torch.tensor(LENGTHS)[:, None]).long()


def test_every_pooling_has_a_formula_here() -> None:
    assert set(FORMULAS) == set(POOLINGS)


@pytest.mark.parametrize("mode", POOLINGS)
def test_padding_has_no_part_in_any_pooling(hidden: torch.Tensor, mode: str) -> None:
    rows = zip(hidden.numpy(), LENGTHS, strict=True)
    expected = np.stack([FORMULAS[mode](tokens[:length]) for tokens, length in rows])
    assert np.allclose(pool(hidden, mask(), [mode]).numpy(), expected, atol=1e-6)


def test_half_precision_is_pooled_in_float32(hidden: torch.Tensor) -> None:
    pooled = pool(hidden.bfloat16(), mask(), ["mean", "max"])
    assert pooled.dtype == torch.float32
    assert pooled.shape == (3, 14)
    assert np.allclose(pooled[:, :7], pool(hidden.bfloat16().float(), mask(), ["mean"]), atol=1e-6)
