"""The streamed source: the same potentials as from memory, the same bits however it was cut and whoever worked."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch

from gotd.errors import GotdError
from gotd.ot.blocks import Workers
from gotd.ot.cost import Cost, Target
from gotd.ot.marginal import StreamedSource
from gotd.ot.potentials import SCORE_TOLERANCE, Potentials, TransportProblem, solve_sample
from gotd.ot.sample import Sample, hold
from gotd.ot.source import Part
from gotd.ot.source_passes import solve_stream
from gotd.ot.transform import transform

EPS = 0.6
COST = Cost("sqeuclidean")


def problem(n: int = 3000, m: int = 24) -> tuple[np.ndarray, np.ndarray, Target]:
    """Rows, weights with some zeros, target."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 6)).astype("f4"), (rng.normal(size=(m, 6)) + 0.3).astype("f4")
    a, b = rng.uniform(0.1, 2.0, n), rng.uniform(0.1, 2.0, m)
    a[::7] = 0
    return x, a, Target(torch.from_numpy(y), torch.from_numpy(b / b.sum()))


def cut(array: np.ndarray, rows: int) -> Callable[[], Iterator[np.ndarray]]:
    return lambda: (array[i : i + rows] for i in range(0, len(array), rows))


def part(x: np.ndarray, a: np.ndarray | None, rows: int = 1000, other_rows: int = 1000, mass: float = 1.0) -> Part:
    return Part("source", mass, cut(x, rows), None if a is None else cut(a, other_rows))


def transport(target: Target, tolerance: float) -> TransportProblem:
    return TransportProblem(target, COST, EPS, 8.0, tolerance, 1000)


def held(x: np.ndarray, a: np.ndarray, target: Target, workers: Workers) -> Sample:
    return hold(x, a / a.sum(), COST, target, workers)


def from_memory(x: np.ndarray, a: np.ndarray, target: Target, workers: Workers, tolerance: float = 1e-6) -> Potentials:
    return solve_sample(transport(target, tolerance), held(x, a, target, workers), workers)


def error_in_float64(
    x: np.ndarray, a: np.ndarray, target: Target, g: np.ndarray, costs: Callable[..., np.ndarray],
    soft_minimum: Callable[..., np.ndarray],
) -> float:  # fmt: skip
    b, C = target.weights.numpy(), costs(x, target.points.numpy())
    plan = (a / a.sum())[:, None] * b * np.exp((soft_minimum(b, C, EPS, g)[:, None] + g - C) / EPS)
    return float(np.abs(plan.sum(axis=0) - b).sum())


def test_one_look_measures_marginal_and_mean_potential_of_every_row(
    workers: Workers, costs: Callable[..., np.ndarray], soft_minimum: Callable[..., np.ndarray]
) -> None:
    x, a, target = problem()
    g = np.random.default_rng(1).normal(size=24)
    b, C = target.weights.numpy(), costs(x, target.points.numpy())
    f = soft_minimum(b, C, EPS, g)
    expected = (a / a.sum()) @ (b * np.exp((f[:, None] + g - C) / EPS))
    found = StreamedSource([part(x, a)], workers).check(transform(COST, target, EPS, torch.from_numpy(g)))
    assert found.marginal.numpy()[:24] == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert found.marginal.numpy()[24:] == pytest.approx(0.0, abs=1e-20)
    assert found.mean_potential == pytest.approx((a / a.sum()) @ f, rel=1e-6)


def test_a_share_of_exp_of_minus_forty_is_still_a_share(workers: Workers) -> None:
    """A far point's part of a row is small and not zero: steps are of its logarithm."""
    places = torch.tensor([[1.0], [1.0 + (40 * EPS) ** 0.5]])
    points = Target(places, torch.full((2,), 0.5).double())
    kernel = transform(COST, points, EPS, torch.zeros(2).double())
    found = StreamedSource([part(np.ones((9, 1), "f4"), None)], workers).check(kernel)
    assert float(found.marginal[1]) == pytest.approx(np.exp(-40), rel=1e-3)


def test_passes_reach_the_potentials_that_memory_reaches(workers: Workers) -> None:
    x, a, target = problem()
    expected = from_memory(x, a, target, workers)
    zero = torch.zeros(24).double()
    nothing = Potentials(zero, EPS, False, 0, 1.0, True, 0.0, 0.0, zero)
    sample = held(x[:500], a[:500], target, workers)
    found = solve_stream(transport(target, 1e-6), StreamedSource([part(x, a)], workers), sample, nothing, 200)
    assert found.converged
    assert found.g.numpy() == pytest.approx(expected.g.numpy(), abs=1e-4)
    assert found.distance == pytest.approx(expected.distance, abs=1e-5)
    assert found.mean_potential == pytest.approx(expected.mean_potential, abs=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("size", [200, 1500])
def test_passes_from_a_small_sample_take_the_error_on_the_whole_source_away(
    size: int, workers: Workers, costs: Callable[..., np.ndarray], soft_minimum: Callable[..., np.ndarray]
) -> None:
    """The last correction is not measured on the source; what is told of it is no better than the truth."""
    x, a, target = problem()
    start, sample = (make(x[:size], a[:size], target, workers) for make in (from_memory, held))
    stream = StreamedSource([part(x, a)], workers)
    errors = [error_in_float64(x, a, target, start.g.numpy(), costs, soft_minimum)]
    for passes in (1, 2, 4, 10):
        found = solve_stream(transport(target, 1e-5), stream, sample, start, passes)
        errors.append(error_in_float64(x, a, target, found.g.numpy(), costs, soft_minimum))
        assert found.converged == (found.marginal_error <= 1e-5 and found.score_error <= SCORE_TOLERANCE)
        if not found.measured:
            assert found.iterations == passes
            assert errors[-1] < found.marginal_error < 3 * errors[-1]
    assert errors == sorted(errors, reverse=True)
    assert errors[1] < 0.5 * errors[0]
    assert errors[-1] < 1e-4


def test_what_is_told_of_the_last_correction_is_what_a_reading_would_find(workers: Workers) -> None:
    x, a, target = problem()
    start, sample = from_memory(x[:1500], a[:1500], target, workers), held(x[:1500], a[:1500], target, workers)
    stream = StreamedSource([part(x, a)], workers)
    found = solve_stream(transport(target, 1e-9), stream, sample, start, 2)
    read = stream.check(transform(COST, target, EPS, found.g))
    assert found.mean_potential == pytest.approx(read.mean_potential, rel=1e-5)
    assert found.distance == pytest.approx(read.mean_potential + float(target.weights @ found.g), rel=1e-5)


def test_marginals_that_hold_are_not_enough_where_scores_are_wrong(workers: Workers) -> None:
    x, a, target = problem()
    start, sample = from_memory(x[:100], a[:100], target, workers), held(x[:100], a[:100], target, workers)
    found = solve_stream(transport(target, 1.0), StreamedSource([part(x, a)], workers), sample, start, 1)
    assert not torch.equal(found.g, start.g)
    assert not found.converged


def test_a_sample_that_knows_nothing_of_the_source_corrects_nothing(workers: Workers) -> None:
    """One row has no two halves to compare: the measured potentials stay, with the error that was measured."""
    x, a, target = problem()
    start, sample = from_memory(x[:100], a[:100], target, workers), held(x[:1], np.ones(1), target, workers)
    found = solve_stream(transport(target, 1e-4), StreamedSource([part(x, a)], workers), sample, start, 1)
    assert torch.equal(found.g, start.g)
    assert found.measured
    assert start.converged
    assert not found.converged


def test_an_error_small_enough_is_measured_and_left_alone(workers: Workers) -> None:
    x, a, target = problem()
    start, sample = from_memory(x[:2900], a[:2900], target, workers), held(x[:2900], a[:2900], target, workers)
    found = solve_stream(transport(target, 1.0), StreamedSource([part(x, a)], workers), sample, start, 9)
    assert torch.equal(found.g, start.g)
    assert found.measured
    assert found.converged
    assert found.iterations == 1


@pytest.mark.long
@pytest.mark.parametrize("weighted", [False, True])
def test_bits_do_not_depend_on_cuts_or_threads(weighted: bool) -> None:
    x, a, target = problem()
    weights = a if weighted else None
    start, sample = (make(x[:100], a[:100], target, Workers(1)) for make in (from_memory, held))
    ways: Sequence[tuple[int, int, int]] = [(1, 3000, 3000), (2, 1, 7), (3, 333, 512), (5, 513, 2999), (2, 512, 100)]
    found = [
        solve_stream(transport(target, 1e-9), StreamedSource([part(x, weights, rows, others)], Workers(threads)),
                     sample, start, 3)
        for threads, rows, others in ways
    ]
    for each in found[1:]:
        assert torch.equal(each.g, found[0].g)
        assert each.distance == found[0].distance
        assert each.marginal_error == found[0].marginal_error


def test_bits_of_a_sample_do_not_depend_on_threads() -> None:
    x, a, target = problem()
    one, three = (from_memory(x, a, target, Workers(threads)) for threads in (1, 3))
    assert torch.equal(one.g, three.g)
    assert one.distance == three.distance


def test_products_kept_or_made_anew_give_the_same_potentials(
    monkeypatch: pytest.MonkeyPatch, workers: Workers
) -> None:
    x, a, target = problem()
    kept = from_memory(x, a, target, workers)
    monkeypatch.setattr("gotd.ot.sample._KEPT_PRODUCTS", 0)
    anew = from_memory(x, a, target, workers)
    assert anew.g.numpy() == pytest.approx(kept.g.numpy(), abs=1e-5)


def test_parts_of_a_source_count_by_their_share(workers: Workers) -> None:
    """0.7 of one set and 0.3 of another is one weighted set; shares need not sum to 1, and 0 is nothing."""
    x, a, target = problem()
    first, second = a[:2000] / a[:2000].sum(), a[2000:] / a[2000:].sum()
    kernel = transform(COST, target, EPS, torch.zeros(24).double())
    whole = StreamedSource([part(x, np.r_[0.7 * first, 0.3 * second])], workers).check(kernel)
    parts = [part(x[:2000], a[:2000], mass=7.0), part(x[2000:], a[2000:], mass=3.0), part(x[:9], None, mass=0.0)]
    mixed = StreamedSource(parts, workers).check(kernel)
    assert mixed.marginal.numpy() == pytest.approx(whole.marginal.numpy(), rel=1e-5)
    assert mixed.mean_potential == pytest.approx(whole.mean_potential, rel=1e-6)


def test_half_precision_rows_are_read_as_they_are(workers: Workers) -> None:
    x, a, target = problem()
    kernel = transform(COST, target, EPS, torch.zeros(24).double())
    half, single = (
        StreamedSource([part(rows, a)], workers).check(kernel)
        for rows in (x.astype("f2"), x.astype("f2").astype("f4"))
    )
    assert torch.equal(half.marginal, single.marginal)


def test_rows_that_weigh_nothing_together_are_refused(workers: Workers) -> None:
    x, a, target = problem()
    kernel = transform(COST, target, EPS, torch.zeros(24).double())
    with pytest.raises(GotdError, match="source: no row has weight"):
        StreamedSource([part(x, a * 0)], workers).check(kernel)
