"""One reading of the source: mean and covariance of its distinct rows, and what is said of the rest."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from gotd.errors import GotdError
from gotd.methods import source_sample as drawing
from gotd.methods.source_sample import Drawn, Wanted, draw
from gotd.ot.blocks import Workers
from gotd.ot.source import Part

CPU = torch.device("cpu")


def rows_of(count: int, seed: int = 0, d: int = 6) -> np.ndarray:
    """Rows that vary more along some directions than along others, far from the origin."""
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, d)) * np.geomspace(0.1, 3, d) @ random.normal(size=(d, d)) + 20).astype("f2")


@pytest.fixture
def drawn(workers: Workers) -> Callable[..., Drawn]:
    def of(*sets: np.ndarray, masses: tuple[float, ...] = (1.0,), weights: np.ndarray | None = None, cut: int = 700,
           **wanted: object) -> Drawn:
        def stream(array: np.ndarray) -> Callable[[], object]:
            return lambda: (array[i : i + cut] for i in range(0, len(array), cut))

        parts = [Part(f"{k}.npy", mass, stream(rows), None if weights is None else stream(weights))  # type: ignore[arg-type]
                 for k, (rows, mass) in enumerate(zip(sets, masses, strict=True))]
        return draw(parts, Wanted(**{"size": 100, "seed": 0, "covariance": True} | wanted), workers, CPU)  # type: ignore[arg-type]

    return of


def same(found: Drawn, rows: np.ndarray, rel: float = 2e-3) -> None:
    wide = rows.astype("f8")
    assert np.abs(found.mean - wide.mean(axis=0)).max() < rel * wide.std(axis=0).max()
    assert found.covariance is not None
    covariance = np.cov(wide.T, bias=True)
    assert found.covariance.numpy() == pytest.approx(covariance, abs=rel * np.abs(covariance).max())


@pytest.mark.parametrize("size", [100, 900, 5000])
@pytest.mark.parametrize("copies", [0, 4000])
def test_mean_and_covariance_are_of_all_distinct_rows_whatever_the_sample(drawn: Callable[..., Drawn], size: int,
                                                                          copies: int) -> None:
    rows, random = rows_of(3000), np.random.default_rng(1)
    found = drawn(random.permutation(np.concatenate([rows, rows[random.integers(0, 40, copies)]])), size=size)
    same(found, rows)
    assert len(found.rows) == min(size, 3000)
    assert found.moment_rows == 3000
    assert (found.counts.rows, found.counts.distinct) == (3000 + copies, 3000)


def test_beyond_a_limit_a_random_part_of_the_rows_is_enough(drawn: Callable[..., Drawn],
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    """A level is dropped at a time: from half the limit to all of it is left, the same for any order."""
    monkeypatch.setattr(drawing, "moment_rows", lambda _: 2000)
    rows = rows_of(9000)
    found = drawn(rows)
    assert 900 < found.moment_rows <= 2000
    assert found.counts.distinct == pytest.approx(9000, rel=4 / np.sqrt(900))
    same(found, rows, rel=0.1)
    other = drawn(np.concatenate([rows[::-1], rows[:2000]]), cut=311)
    assert other.moment_rows == found.moment_rows
    assert other.mean == pytest.approx(found.mean, rel=1e-6)
    assert other.covariance.numpy() == pytest.approx(found.covariance.numpy(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("copies", [0, 20_000])
def test_knowing_the_size_of_a_source_changes_nothing(workers: Workers, monkeypatch: pytest.MonkeyPatch,
                                                      copies: int) -> None:
    """Levels that the size promises to be dropped are not summed; where copies break the promise, it is read again."""
    monkeypatch.setattr(drawing, "moment_rows", lambda _: 900)
    readings = list[int]()
    rows = rows_of(9000) if not copies else np.concatenate([rows_of(900), rows_of(900)[np.arange(copies) % 900]])

    def stream() -> Iterator[np.ndarray]:
        readings.append(1)
        return (rows[i : i + 700] for i in range(0, len(rows), 700))

    found = [draw([Part("pool.npy", 1.0, stream, None, size)], Wanted(100, 0, True), workers, CPU)
             for size in (None, rows.nbytes)]
    assert len(readings) == (3 if copies else 2)
    assert found[0].moment_rows == found[1].moment_rows
    assert found[0].counts == found[1].counts
    assert found[1].mean == pytest.approx(found[0].mean, rel=1e-6)
    assert found[1].covariance is not None and found[0].covariance is not None
    assert found[1].covariance.numpy() == pytest.approx(found[0].covariance.numpy(), rel=1e-4, abs=1e-6)


def test_with_weights_they_are_the_weighted_ones(drawn: Callable[..., Drawn]) -> None:
    rows, weights = rows_of(500), np.random.default_rng(2).uniform(size=500)
    found = drawn(rows, weights=weights, size=600)
    wide, masses = rows.astype("f8"), weights / weights.sum()
    assert found.mean == pytest.approx(masses @ wide, rel=1e-4)
    assert found.covariance.numpy() == pytest.approx(np.cov(wide.T, bias=True, aweights=masses), rel=1e-3, abs=1e-3)


def test_of_a_mixture_they_are_the_mixtures(drawn: Callable[..., Drawn]) -> None:
    one, two = rows_of(400, 1), rows_of(300, 2) + np.float16(3)
    found = drawn(one, two, masses=(0.25, 0.75), size=2000)
    wide, masses = np.concatenate([one, two]).astype("f8"), np.r_[np.full(400, 0.25 / 400), np.full(300, 0.75 / 300)]
    assert found.mean == pytest.approx(masses @ wide, rel=1e-4)
    assert found.covariance.numpy() == pytest.approx(np.cov(wide.T, bias=True, aweights=masses), rel=1e-3, abs=2e-3)


def test_what_was_met_is_counted(drawn: Callable[..., Drawn]) -> None:
    rows = rows_of(300)
    dirty = np.concatenate([rows, rows[:30], rows[:10], np.zeros((7, 6), "f2")])
    counts = drawn(dirty, size=1000, watched=np.concatenate([rows[:5], rows_of(4, 9)]).astype("f4")).counts
    assert counts == (347, 7, 300, 340, 40, 5)


def test_a_source_without_content_is_an_error(drawn: Callable[..., Drawn]) -> None:
    with pytest.raises(GotdError, match=r"0\.npy: none of the 900 rows has content"):
        drawn(np.zeros((900, 6), "f2"))
