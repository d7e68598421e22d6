"""A sample is the same with its rows and without them; of a distance marginals are enough."""

import numpy as np
import pytest
import torch

import ot
from gotd.ot import sample as held
from gotd.ot.blocks import Workers
from gotd.ot.cost import Cost, Target
from gotd.ot.potentials import TransportProblem, solve_distance, solve_sample
from gotd.ot.sample import hold, sample_check, sample_potentials
from gotd.ot.transform import transform

COST, EPS = Cost("sqeuclidean"), 0.4


def problem(n: int = 700, m: int = 20, apart: float = 0.0) -> tuple[np.ndarray, np.ndarray, Target]:
    """Rows, masses and a target; half of both are `apart` from the other half."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 5)).astype("f4"), rng.normal(size=(m, 5)).astype("f4")
    x[: n // 2, 0] += apart
    y[: m // 2, 0] += apart
    a = rng.uniform(0.5, 1.0, n)
    for half in (slice(0, n // 2), slice(n // 2, n)):  # of either half as much as of the target's
        a[half] /= 2 * a[half].sum()
    return x, a, Target(torch.from_numpy(y), torch.full((m,), 1 / m, dtype=torch.float64))


@pytest.mark.parametrize("kept", [True, False])
def test_without_its_rows_it_is_the_same(workers: Workers, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    if not kept:
        monkeypatch.setattr(held, "_KEPT_PRODUCTS", 0)
    x, a, target = problem()
    sample = hold(x, a, COST, target, workers)
    bare = sample.without_rows()
    assert (bare.rows is None) is kept  # nothing else knows them where there are no products
    assert bare.size == len(x)
    kernel = transform(COST, target, EPS, torch.from_numpy(np.random.default_rng(1).normal(size=20)))
    costs = np.square(x[:, None].astype(float) - target.points.numpy()[None].astype(float)).sum(-1)
    g, b = np.random.default_rng(1).normal(size=20), target.weights.numpy()
    truth = -EPS * np.log(np.exp((g - costs) / EPS) @ b)
    parts = [(lambda each: each, slice(None)), (lambda each: each.thinned(3, 1), slice(1, None, 3)),
             (lambda each: each.rows_at(np.array([5, 2, 9])), [5, 2, 9])]
    for of, places in parts:
        one, other = of(sample), of(bare)
        assert sample_potentials(other, kernel, workers) == pytest.approx(truth[places], abs=1e-4)
        assert np.array_equal(sample_potentials(one, kernel, workers), sample_potentials(other, kernel, workers))
        assert torch.equal(sample_check(one, kernel, workers).marginal, sample_check(other, kernel, workers).marginal)


@pytest.mark.parametrize("apart", [0.0, 30.0])
def test_a_distance_is_pots_and_costs_no_certificate(workers: Workers, apart: float) -> None:
    x, a, target = problem(apart=apart)
    sample, transport = hold(x, a, COST, target, workers), TransportProblem(target, COST, EPS, 2.0, 1e-4, 2000)
    found = solve_distance(transport, sample, workers)
    assert found.marginal_error <= 1e-4
    assert not np.isfinite(found.score_error)  # nobody asked
    certified = solve_sample(transport, sample, workers)
    assert found.distance == pytest.approx(certified.distance, rel=1e-5)
    costs = np.square(x[:, None].astype(float) - target.points.numpy()[None].astype(float)).sum(-1)
    plan = ot.sinkhorn(a, target.weights.numpy(), costs, EPS, method="sinkhorn_log", numItermax=20_000, stopThr=1e-10)
    relative = plan / np.outer(a, target.weights.numpy())
    exact = (plan * costs).sum() + EPS * (plan * np.log(np.maximum(relative, 1e-300))).sum()
    assert found.distance == pytest.approx(exact, rel=1e-4)
