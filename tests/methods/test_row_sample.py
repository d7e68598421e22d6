"""The sample of a stream: by weight, seeded, the same however the stream was cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotd.methods.row_sample import RowSample, row_keys


def sampled(
    rows: np.ndarray, size: int, seed: int, cut: int = 10_000, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    weights = np.ones(len(rows)) if weights is None else weights
    sample = RowSample(size, seed)
    for start in range(0, len(rows), cut):
        sample.add(rows[start : start + cut], weights[start : start + cut])
    return sample.take()


def numbered(count: int) -> np.ndarray:
    return np.arange(count, dtype="f4")[:, None]


def test_every_row_is_as_likely_as_any_other() -> None:
    """Chi-square of 400 samples of 50 of 500 rows; taking none twice shrinks it by 1 - 50/500."""
    counts = np.zeros(500)
    for seed in range(400):
        counts[sampled(numbered(500), 50, seed, cut=64)[0].ravel().astype("i8")] += 1
    chi_square = np.square(counts - 40).sum() / 40 / 0.9
    # 499 degrees of freedom: mean 499, standard deviation sqrt(998).
    assert abs(chi_square - 499) < 4 * np.sqrt(998)


@pytest.mark.long
def test_neighbours_are_taken_independently() -> None:
    """Two rows together in a sample of one half: a quarter of the time, as near as 4000 trials tell."""
    both = sum({0.0, 1.0} <= set(sampled(numbered(40), 20, seed)[0].ravel()) for seed in range(4000))
    assert both / 4000 == pytest.approx(20 / 40 * 19 / 39, abs=4 * np.sqrt(0.25 * 0.75 / 4000))


def test_the_same_seed_takes_the_same_rows_and_another_seed_takes_others() -> None:
    one, again, other = (set(sampled(numbered(5000), 100, seed)[0].ravel()) for seed in (1, 1, 2))
    assert one == again
    assert len(one & other) < 10


@pytest.mark.long
@given(size=st.integers(1, 300), cut=st.integers(1, 400), seed=st.integers(-(2**70), 2**70))
def test_cuts_do_not_matter_and_order_is_that_of_the_stream(size: int, cut: int, seed: int) -> None:
    whole, _ = sampled(numbered(300), size, seed)
    in_pieces, masses = sampled(numbered(300), size, seed, cut)
    assert np.array_equal(in_pieces, whole)
    assert masses == pytest.approx(np.full(min(size, 300), 1 / min(size, 300)))
    assert (np.diff(whole.ravel()) > 0).all()


@pytest.mark.parametrize("size", [300, 301, 10_000])
def test_a_pool_no_larger_than_the_sample_is_taken_whole(size: int) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 5)).astype("f2")
    weights = np.random.default_rng(1).uniform(size=300)
    taken, masses = sampled(rows, size, seed=0, cut=77, weights=weights)
    assert taken.dtype == rows.dtype
    assert np.array_equal(taken, rows)
    assert masses == pytest.approx(weights / weights.sum())


@pytest.mark.parametrize("narrow_first", [True, False])
def test_float32_rows_are_not_rounded_beside_float16_ones(narrow_first: bool) -> None:
    parts = [np.full((30, 1), 0.5, "f2"), np.random.default_rng(0).normal(size=(30, 1)).astype("f4")]
    sample = RowSample(40, 0)
    for rows in parts if narrow_first else parts[::-1]:
        sample.add(rows, np.ones(30))
    assert set(sample.take()[0].ravel()) <= set(np.concatenate(parts).ravel())


def test_rows_of_weight_zero_stay_out() -> None:
    taken, _ = sampled(numbered(1000), 200, seed=0, cut=64, weights=np.arange(1000) % 3 * 0.5)
    assert len(taken) == 200
    assert (taken.ravel() % 3 > 0).all()


@pytest.mark.parametrize("unit", [1e-300, 1.0, 1e300])
@pytest.mark.parametrize(("cut", "seed"), [(7, 0), (64, 1), (1000, 2)])
def test_rows_that_hold_much_of_the_mass_are_taken_for_certain(cut: int, unit: float, seed: int) -> None:
    weights = np.random.default_rng(2).uniform(0.5, 1.0, 1000)
    weights[[7, 500]] = 1e4, 2e4
    taken, masses = sampled(numbered(1000), 50, seed, cut, weights * unit)
    held = dict(zip(taken.ravel().tolist(), masses.tolist(), strict=True))
    assert held[500.0] == pytest.approx(2 * held[7.0])
    assert held[500.0] == pytest.approx(2e4 / weights.sum(), rel=0.02)


def test_sums_over_heavy_tails_are_unbiased() -> None:
    """A uniform draw of 60 rows misses most of the mass most of the time: there the spread is 1.3, here 0.07."""
    random = np.random.default_rng(3)
    weights, values = random.lognormal(sigma=3.0, size=2000), random.normal(size=2000).astype("f4")
    values[np.argsort(weights)[-20:]] += 3.0
    found = [masses @ taken[:, 0] for taken, masses in
             (sampled(values[:, None], 60, seed, weights=weights) for seed in range(300))]
    spread = np.std(found)
    assert spread < 0.1
    assert np.mean(found) == pytest.approx(weights @ values / weights.sum(), abs=4 * spread / np.sqrt(300) + 0.02)


def test_rows_of_weight_zero_do_not_change_which_others_are_taken() -> None:
    """Keys go by the place in the stream, so that a weight set to zero only makes room."""
    weights = np.ones(1000)
    before = set(sampled(numbered(1000), 200, seed=0)[0].ravel())
    weights[int(min(before))] = 0
    after = set(sampled(numbered(1000), 200, seed=0, weights=weights)[0].ravel())
    assert len(after - before) == len(before - after) == 1


def test_a_larger_sample_contains_the_smaller() -> None:
    small, large = (set(sampled(numbered(1000), size, seed=3)[0].ravel()) for size in (50, 200))
    assert small < large


def test_an_empty_stream_gives_an_empty_sample() -> None:
    rows, masses = RowSample(10, 0).take()
    assert len(rows) == len(masses) == 0


def test_keys_are_those_of_splitmix64() -> None:
    """Seed 0 has state 0, whose published first outputs these are."""
    expected = np.array([0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F], dtype=np.uint64)
    assert np.array_equal(row_keys(0, 0, 3), expected)


def test_keys_are_distinct_and_fill_the_range() -> None:
    keys = row_keys(5, 10**12, 100_000)
    assert len(np.unique(keys)) == 100_000
    assert keys.astype("f8").mean() / 2**64 == pytest.approx(0.5, abs=0.005)
    assert np.array_equal(row_keys(5, 10**12 + 40, 10), keys[40:50])
