"""The sample of distinct rows: the same for any order and number of copies, seeded, by weight."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gotd.methods.content_keys import content_keys
from gotd.methods.distinct_sample import Distinct, DistinctSample


def numbered(count: int) -> np.ndarray:
    """Rows that differ as float16, too, none of them zero."""
    return np.stack([*np.divmod(np.arange(count), 1000), np.full(count, 7)], axis=1).astype("f4")


def numbers(rows: np.ndarray) -> np.ndarray:
    """Which they are."""
    return (1000 * rows[:, 0] + rows[:, 1]).astype(int)


def read(rows: np.ndarray, size: int, seed: int = 0, cut: int = 4096, weights: np.ndarray | None = None
         ) -> tuple[Distinct, DistinctSample]:
    sample = DistinctSample(size)
    weights = np.ones(len(rows)) if weights is None else weights
    for start in range(0, len(rows), cut):
        piece = slice(start, start + cut)
        sample.add(rows[piece], content_keys(rows[piece], seed), weights[piece])
    return sample.take()[0], sample


def taken(rows: np.ndarray, size: int, seed: int = 0) -> list[int]:
    return numbers(read(rows, size, seed)[0].rows).tolist()


@pytest.mark.long
@settings(deadline=None, max_examples=60)
@given(size=st.integers(1, 120), cut=st.integers(1, 400), seed=st.integers(0, 2**64 - 1))
def test_copies_order_and_cuts_do_not_matter(size: int, cut: int, seed: int) -> None:
    rows, random = numbered(100), np.random.default_rng(seed)
    order = random.permutation(np.concatenate([np.arange(100), random.integers(0, 100, 200)]))
    once, _ = read(rows, size, seed)
    often, sample = read(rows[order], size, seed, cut)
    assert often.rows.tobytes() == once.rows.tobytes()
    assert often.masses.tobytes() == once.masses.tobytes()
    assert often.copies.tolist() == np.bincount(order, minlength=100)[numbers(often.rows)].tolist()
    assert sample.is_whole == (size >= 100)


def test_every_row_is_as_likely_as_any_other() -> None:
    """Chi-square of 400 samples of 50 of 500 rows; taking none twice shrinks it by 1 - 50/500."""
    counts = np.zeros(500)
    for seed in range(400):
        counts[taken(numbered(500), 50, seed)] += 1
    chi_square = np.square(counts - 40).sum() / 40 / 0.9
    assert abs(chi_square - 499) < 4 * np.sqrt(998)


def test_another_seed_takes_others() -> None:
    assert len(set(taken(numbered(5000), 100, 1)) & set(taken(numbered(5000), 100, 2))) < 10


def test_the_distinct_rows_are_counted_or_estimated() -> None:
    """The estimate's relative standard deviation is 1 / sqrt(size): here 5 %."""
    rows = numbered(20_000)
    assert read(np.concatenate([rows[:300], rows[:200]]), 400)[1].distinct() == 300
    found = [read(np.concatenate([rows, rows[:9000]]), 400, seed)[1].distinct() for seed in range(20)]
    assert np.mean(found) == pytest.approx(20_000, rel=4 * 0.05 / np.sqrt(20))


def test_a_row_counts_with_the_largest_weight_of_its_copies() -> None:
    rows = numbered(3)[[0, 1, 2, 1, 0]]
    found, _ = read(rows, 10, weights=np.array([1.0, 4.0, 5.0, 2.0, 1.0]))
    masses = dict(zip(numbers(found.rows).tolist(), found.masses.tolist(), strict=True))
    assert masses == pytest.approx({0: 0.1, 1: 0.4, 2: 0.5})


def test_sums_over_heavy_tails_are_unbiased() -> None:
    """A uniform draw of 60 rows misses most of the mass most of the time: there the spread is 1.3, here 0.07."""
    random = np.random.default_rng(3)
    weights, values = random.lognormal(sigma=3.0, size=2000), random.normal(size=2000)
    values[np.argsort(weights)[-20:]] += 3.0
    found = []
    for seed in range(300):
        sample, _ = read(numbered(2000), 60, seed, weights=weights)
        found.append(sample.masses @ values[numbers(sample.rows)])
    spread = np.std(found)
    assert spread < 0.1
    assert np.mean(found) == pytest.approx(weights @ values / weights.sum(), abs=4 * spread / np.sqrt(300) + 0.02)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), size=st.integers(1, 6000))
def test_what_is_left_out_and_what_is_held_are_all_rows(seed: int, size: int) -> None:
    rows, left = numbered(12_000), []
    sample = DistinctSample(size)
    for start in range(0, len(rows), 1000):
        piece = rows[start : start + 1000]
        left += sample.add(piece, content_keys(piece, seed), np.ones(len(piece)))
    found, late = sample.take()
    every = np.concatenate([found.rows, *(each.block[each.places] for each in (*left, late) if len(each.keys))])
    assert np.sort(numbers(every)).tolist() == list(range(12_000))


@pytest.mark.parametrize("narrow_first", [True, False])
def test_float32_rows_are_not_rounded_beside_float16_ones(narrow_first: bool) -> None:
    parts = [np.full((1, 2), 0.5, "f2"), np.random.default_rng(0).normal(size=(30, 2)).astype("f4")]
    sample = DistinctSample(40)
    for rows in parts if narrow_first else parts[::-1]:
        sample.add(rows, content_keys(rows, 0), np.ones(len(rows)))
    assert set(sample.take()[0].rows.ravel()) <= set(np.concatenate(parts).ravel())


def test_an_empty_stream_gives_an_empty_sample() -> None:
    found, _ = DistinctSample(10).take()
    assert len(found.rows) == len(found.masses) == 0
