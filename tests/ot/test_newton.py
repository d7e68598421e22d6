"""Newton's steps against the linear system written out, against laws, and beside Sinkhorn's."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from gotd.ot.blocks import Workers
from gotd.ot.cost import Cost, Target
from gotd.ot.newton import Newton
from gotd.ot.sample import hold, sample_check
from gotd.ot.transform import Transform, transform, with_potentials

COST, EPS = Cost("sqeuclidean"), 0.6


class Problem:
    """A source that is held whole, and a target; the last target point weighs nothing."""

    def __init__(self, workers: Workers, n: int = 2000, m: int = 24) -> None:
        rng = np.random.default_rng(0)
        self.x, y = rng.normal(size=(n, 6)).astype("f4"), (rng.normal(size=(m, 6)) + 0.3).astype("f4")
        self.a, b = rng.uniform(0.1, 2.0, n), rng.uniform(0.1, 2.0, m)
        self.a /= self.a.sum()
        b[-1] = 0.0
        self.target = Target(torch.from_numpy(y), torch.from_numpy(b / b.sum()))
        self.workers = workers
        self.sample = hold(self.x, self.a, COST, self.target, workers)
        self.kernel: Transform = transform(COST, self.target, EPS, torch.zeros(m).double())

    def residual(self, g: torch.Tensor) -> tuple[torch.Tensor, float]:
        """eps (log b - log c) without its mean, and the marginal error."""
        c = sample_check(self.sample, with_potentials(self.kernel, self.target, g), self.workers).marginal[: len(g)]
        b = self.target.weights
        r = torch.where(b > 0, EPS * (b.log() - c.log()), 0.0)
        return torch.where(b > 0, r - b @ r, 0.0), float((c - b).abs().sum())


@pytest.fixture
def problem(workers: Workers) -> Problem:
    return Problem(workers)


def test_a_step_solves_the_system_written_out(problem: Problem, costs: Callable[..., np.ndarray]) -> None:
    g = torch.from_numpy(np.random.default_rng(1).normal(size=24))
    r, error = problem.residual(g)
    step = (Newton(problem.sample, problem.kernel, problem.target).next(g, r, error) - g).numpy()
    here = problem.target.weights.numpy() > 0
    b, C = problem.target.weights.numpy()[here], costs(problem.x, problem.target.points.numpy())[:, here]
    p = b * np.exp((g.numpy()[here] - C) / EPS)
    p /= p.sum(axis=1, keepdims=True)
    c = problem.a @ p
    K = (p.T * problem.a) @ p / c[:, None]
    assert K.sum(axis=1) == pytest.approx(1.0)
    left = (np.eye(len(b)) - K) @ step[here] - r.numpy()[here]
    left -= c @ left / c.sum()  # constants are left alone
    size = np.sqrt(c @ np.square(r.numpy()[here]))
    assert np.sqrt(c @ np.square(left)) < 0.05 * size
    assert step[~here] == pytest.approx(0.0)


def test_doubt_is_half_of_what_two_halves_differ_by(problem: Problem, costs: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    g, step = torch.from_numpy(rng.normal(size=24)), 0.1 * rng.normal(size=24)
    b, C = problem.target.weights.numpy(), costs(problem.x, problem.target.points.numpy())
    p = b * np.exp((g.numpy() - C) / EPS)
    p /= p.sum(axis=1, keepdims=True)
    moved = []
    for half in (slice(0, None, 2), slice(1, None, 2)):
        a = problem.a[half] / problem.a[half].sum()
        jacobian = (np.diag(a @ p[half]) - (p[half].T * a) @ p[half]) / EPS
        moved.append(jacobian @ step)
    for share, part in ((0.0, 1.0), (0.75, 0.5)):  # three quarters of the rows leave half of the doubt
        doubt = Newton(problem.sample, problem.kernel, problem.target, share).doubt(g, g + torch.from_numpy(step))
        assert float(doubt.abs().sum()) == pytest.approx(part * np.abs(moved[0] - moved[1]).sum() / 2, rel=1e-3)


def test_a_sample_of_one_row_leaves_no_end_of_doubt(problem: Problem) -> None:
    one = hold(problem.x[:1], np.ones(1), COST, problem.target, problem.workers)
    g = torch.zeros(24).double()
    assert Newton(one, problem.kernel, problem.target).doubt(g, g + 1e-3).isinf().all()


def test_few_steps_are_enough_where_sinkhorn_takes_many(problem: Problem) -> None:
    def looks(plain: bool) -> int:
        steps, g = Newton(problem.sample, problem.kernel, problem.target), torch.zeros(24).double()
        for count in range(1000):
            r, error = problem.residual(g)
            if error < 1e-5:
                return count
            g = g + r if plain else steps.next(g, r, error)
        raise AssertionError("not converged")

    assert looks(plain=False) <= 6
    assert looks(plain=True) > 20


def test_an_error_that_grew_is_answered_by_sinkhorns_step_from_the_best(problem: Problem) -> None:
    steps = Newton(problem.sample, problem.kernel, problem.target)
    best, r = torch.zeros(24).double(), torch.full((24,), 0.1).double()
    steps.next(best, r, 1.0)
    worse = torch.ones(24).double()
    assert torch.equal(steps.next(worse, worse, 1.5), best + r)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_residual_that_is_no_number_does_not_stay(problem: Problem, bad: float) -> None:
    steps = Newton(problem.sample, problem.kernel, problem.target)
    best, r = torch.zeros(24).double(), torch.full((24,), 0.1).double()
    steps.next(best, r, 1.0)
    assert torch.equal(steps.next(best, torch.full((24,), bad).double(), bad), best + r)
