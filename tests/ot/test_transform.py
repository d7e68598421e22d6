"""The transform and the solver against POT's own entropic solver."""

import numpy as np
import ot
import pytest
import torch

from gotd.methods.sampling import RowSample
from gotd.ot.blocks import Workers
from gotd.ot.cost import Cost, Target
from gotd.ot.potentials import solve_sample
from gotd.ot.sample import hold, sample_potentials
from gotd.ot.transform import transform


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
@pytest.mark.parametrize("relative", [0.05, 0.5])
def test_potentials_agree_with_pot(metric: str, relative: float) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 8)).astype("f4")
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    y = rng.normal(size=(40, 8)).astype("f4")
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    a, b = rng.uniform(0.5, 1.5, 300), rng.uniform(0.5, 1.5, 40)
    a, b = a / a.sum(), b / b.sum()
    cost = Cost(metric)
    target = Target(torch.from_numpy(y), torch.from_numpy(b))
    matrix = cost.matrix(torch.from_numpy(rows), target.points).numpy()
    epsilon = relative * matrix.std()
    workers = Workers(2)
    sample = hold(rows, a, cost, target, workers)
    found = solve_sample(sample, target, cost, epsilon, matrix.std(), 1e-6, 2000, workers)
    assert found.converged
    _, log = ot.bregman.sinkhorn_log(a, b, matrix, epsilon, numItermax=100_000, stopThr=1e-12, log=True)
    expected = epsilon * (log["log_u"] - np.log(a))
    f = sample_potentials(sample, transform(cost, target, epsilon, found.g), workers)
    assert np.abs((f - f.mean()) - (expected - expected.mean())).max() < 1e-4 * matrix.std()


def test_a_sample_does_not_depend_on_how_the_stream_was_cut() -> None:
    rows = np.arange(2000, dtype="f4")[:, None]
    taken = []
    for cut in (2000, 7, 333):
        sample = RowSample(100, seed=1)
        for start in range(0, 2000, cut):
            sample.add(rows[start : start + cut], np.ones(len(rows[start : start + cut])))
        taken.append(sample.take()[0].ravel())
    assert len(taken[0]) == 100
    assert (np.diff(taken[0]) > 0).all()
    assert (taken[0] == taken[1]).all()
    assert (taken[0] == taken[2]).all()
