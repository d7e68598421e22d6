"""random: uniform, seeded, and the row's own."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gotd.methods.content_keys import content_keys

Ruled = Callable[..., Any]


def test_it_is_uniform_and_the_seed_decides(ruled: Ruled) -> None:
    x = np.random.default_rng(0).normal(size=(20_000, 7)).astype("f2")
    one, other = (-ruled("random", x[:3], x, {"seed": seed}).scores(x).astype("f8") for seed in (1, 2))
    for u in (one, other):
        assert np.abs(np.sort(u) - (np.arange(20_000) + 0.5) / 20_000).max() < 0.0138  # Kolmogorov-Smirnov, 1 in 1000
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    # Nor does it follow what stands in the row.
    assert abs(np.corrcoef(one, x[:, 0].astype("f8"))[0, 1]) < 0.03


def test_one_changed_bit_changes_the_key_and_half_precision_does_not() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 5)).astype("f2")
    keys = content_keys(rows, 0)
    changed = rows.copy()
    changed.view("u2")[np.arange(300), np.arange(300) % 5] ^= 1
    assert (content_keys(changed, 0) != keys).all()
    assert len(np.unique(np.concatenate([keys, content_keys(changed, 0), content_keys(rows, 1)]))) == 900
    assert (content_keys(rows.astype("f4"), 0) == keys).all()


def test_zeros_of_either_sign_have_one_key() -> None:
    assert content_keys(np.array([[0.0, 1.0]], "f4"), 0) == content_keys(np.array([[-0.0, 1.0]], "f4"), 0)
