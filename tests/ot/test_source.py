"""Weighted rows as streams: what is paired, what is refused."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from gotd.errors import GotdError, UsageError
from gotd.ot.source import Part, RowCounts, mass_left, shares, weighted_blocks


def stream(array: np.ndarray, cut: int) -> Callable[[], Iterator[np.ndarray]]:
    return lambda: (array[i : i + cut] for i in range(0, len(array), cut))


def part(weights: np.ndarray | None = None, mass: float = 1.0) -> Part:
    """Ten rows."""
    rows = stream(np.arange(1, 11, dtype="f4")[:, None], 4)
    return Part("a.npy", mass, rows, None if weights is None else stream(weights, 3))


@pytest.mark.parametrize("rows", [1, 3, 10, 64])
def test_each_row_keeps_its_weight_however_both_were_cut(rows: int) -> None:
    blocks = list(weighted_blocks(part(np.arange(10) / 2), rows))
    assert [len(block) for block, _ in blocks[:-1]] == [rows] * (len(blocks) - 1)
    assert np.concatenate([block for block, _ in blocks]).ravel().tolist() == list(range(1, 11))
    assert np.concatenate([weights for _, weights in blocks]).tolist() == (np.arange(10) / 2).tolist()


def test_without_weights_all_rows_weigh_alike() -> None:
    assert np.concatenate([weights for _, weights in weighted_blocks(part(), 4)]).tolist() == [1.0] * 10


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize("dtype", ["f2", "f4"])
@pytest.mark.parametrize("weights", [None, np.arange(10.0)])
def test_rows_without_content_are_left_out_and_change_no_block(weights: np.ndarray | None, dtype: str,
                                                                zero: float) -> None:
    rows = np.full((10, 3), zero, dtype)
    kept = [1, 4, 5, 9]
    rows[kept, 1] = 6e-8, 1.0, -2.0, 3.0  # the first is float16's smallest
    counts = RowCounts()
    given = Part("a.npy", 1.0, stream(rows, 3), None if weights is None else stream(weights, 4))
    blocks = list(weighted_blocks(given, 3, counts))
    assert [len(block) for block, _ in blocks] == [3, 1]
    assert np.array_equal(np.concatenate([block for block, _ in blocks]), rows[kept])
    kept_weights = np.concatenate([each for _, each in blocks])
    assert kept_weights.tolist() == (np.ones(10) if weights is None else weights)[kept].tolist()
    assert (counts.rows, counts.blank) == (10, 6)


@pytest.mark.parametrize("count", [0, 9, 11, 12, 20])
@pytest.mark.parametrize("rows", [3, 10, 64])
def test_one_weight_for_each_row_is_demanded(count: int, rows: int) -> None:
    with pytest.raises(GotdError, match=r"a\.npy: rows and weights differ in number"):
        list(weighted_blocks(part(np.ones(count)), rows))


@pytest.mark.parametrize("wrong", [-1e-9, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 9])
def test_weights_are_finite_and_at_least_zero(wrong: float, place: int) -> None:
    weights = np.ones(10)
    weights[place] = wrong
    with pytest.raises(GotdError, match=r"a\.npy: a weight is negative or not finite"):
        list(weighted_blocks(part(weights), 4))


def test_shares_are_masses_over_their_sum() -> None:
    assert shares([part(mass=3.0), part(mass=0.0), part(mass=1.0)]) == [0.75, 0.0, 0.25]


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf")])
def test_a_mass_is_finite_and_at_least_zero(wrong: float) -> None:
    with pytest.raises(GotdError, match=r"a\.npy: mass .* is not a finite number"):
        shares([part(), part(mass=wrong)])


def test_some_mass_is_demanded() -> None:
    with pytest.raises(GotdError, match="the source has no mass"):
        shares([part(mass=0.0), part(mass=0.0)])


@pytest.mark.parametrize(("masses", "left"), [([], 1.0), ([0.3], 0.7), ([0.3, 0.2], 0.5), ([0.7, 0.1, 0.2], 0.0)])
def test_a_mixture_leaves_the_rest_of_the_mass(masses: list[float], left: float) -> None:
    assert mass_left(masses) == pytest.approx(left)


@pytest.mark.parametrize("masses", [[0.6, 0.6], [0.0], [-0.1, 0.5], [float("nan")]])
def test_masses_that_no_mixture_has(masses: list[float]) -> None:
    with pytest.raises(UsageError, match="masses sum to"):
        mass_left(masses)
