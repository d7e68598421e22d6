"""Keys of rows: of their content alone, and of all of it."""

import numpy as np
import pytest

from gotd.methods.content_keys import content_keys, uniform


@pytest.mark.parametrize("d", [1, 3, 4, 17, 384])
def test_every_number_of_a_row_counts(d: int) -> None:
    row = np.random.default_rng(d).normal(size=(1, d)).astype("f2")
    changed = np.repeat(row, 2 * d, axis=0)
    bits = changed.view("u2")
    bits[np.arange(d), np.arange(d)] ^= 1  # the last bit
    bits[d + np.arange(d), np.arange(d)] ^= 0x8000  # the sign
    assert len(set(content_keys(np.concatenate([row, changed]), 3).tolist())) == 2 * d + 1


def test_rows_with_two_signs_turned_differ() -> None:
    """Sums modulo 2^64 of plain products would cancel in the topmost bit."""
    rows = np.ones((13, 16), "f2")
    for k in range(12):
        rows[k, 3] = rows[k, 4 + k] = -1
    assert len(set(content_keys(rows, 0).tolist())) == 13


def test_keys_do_not_depend_on_neighbours_dtype_or_the_sign_of_zero() -> None:
    rows = np.random.default_rng(0).normal(size=(700, 30)).astype("f2")
    rows[:, 4] = 0.0
    keys = content_keys(rows, 5)
    assert np.array_equal(content_keys(rows[300:301], 5), keys[300:301])
    assert np.array_equal(content_keys(rows.astype("f4"), 5), keys)
    rows[:, 4] = -0.0
    assert np.array_equal(content_keys(rows, 5), keys)


def test_keys_are_uniform_and_go_by_the_seed() -> None:
    """Sparse rows of few values, as `hash` makes them; Kolmogorov's distance at the 1e-4 level."""
    random = np.random.default_rng(1)
    rows = random.integers(0, 2, (40_000, 24)).astype("f2")
    rows = np.unique(rows, axis=0)
    one, other = (np.sort(uniform(content_keys(rows, seed))) for seed in (0, 1))
    for found in (one, other):
        assert len(np.unique(found)) == len(rows)
        assert np.abs(found - (np.arange(len(rows)) + 0.5) / len(rows)).max() < 2.2 / np.sqrt(len(rows))
    order = np.argsort(content_keys(rows, 0)), np.argsort(content_keys(rows, 1))
    assert abs(np.corrcoef(*(np.argsort(each) for each in order))[0, 1]) < 4 / np.sqrt(len(rows))
