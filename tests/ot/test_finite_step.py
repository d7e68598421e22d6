"""The finite step against linear programmes, POT's partial transport, GOT-D's own potentials and its own bounds."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

import ot
from gotd.ot.blocks import Workers
from gotd.ot.cost import Cost, Target
from gotd.ot.finite_step import StepPotentials, StepProblem, lower_bound, lowest, solve_step_sample, solve_step_stream
from gotd.ot.potentials import Potentials, TransportProblem, solve_sample
from gotd.ot.sample import hold, sample_potentials
from gotd.ot.source import Part
from gotd.ot.step_dual import Role, Step, StepSample, StreamedStep
from gotd.ot.transform import transform


class Solved(NamedTuple):
    """A solution, with what it is checked by."""

    problem: StepProblem
    held: StepSample
    first: Potentials
    found: StepPotentials
    f: np.ndarray
    bound: float


@pytest.fixture(scope="module")
def step(workers: Workers) -> Callable[..., Solved]:
    """Solves the step at relative eps for rows that are source and candidates."""

    def solved(x: np.ndarray, y: np.ndarray, share: float, k: int, relative: float = 0.05, tolerance: float = 1e-4,
               copies: np.ndarray | None = None) -> Solved:
        masses = np.ones(len(x)) if copies is None else copies.astype("f8")
        masses = masses / masses.sum()
        cost, b = Cost("sqeuclidean"), np.full(len(y), 1 / len(y))
        target = Target(torch.from_numpy(y), torch.from_numpy(b))
        C = ot.dist(x.astype("f8"), y.astype("f8"))
        spread = float(np.sqrt(masses @ np.square(C - masses @ C @ b) @ b))
        sample = hold(x, masses, cost, target, workers)
        transport = TransportProblem(target, cost, relative * spread, spread, 1e-4, 2000)
        first = solve_sample(transport, sample, workers)
        rows = len(x) if copies is None else int(copies.sum())
        problem = StepProblem(target, cost, relative * spread, spread, tolerance, 4000, Step(share, k / rows))
        held = StepSample(sample, masses)
        found = solve_step_sample(problem, held, first.g, workers)
        f = sample_potentials(sample, problem.kernel(found.g), workers)
        return Solved(problem, held, first, found, f, lower_bound(problem, held, found.g, workers))

    return solved


def two_kinds(n: int = 1000, m: int = 60, far: float = 3.15) -> tuple[np.ndarray, np.ndarray]:
    """A pool with a tenth of each kind and the rest between, and a target of both, half and half."""
    r = np.random.default_rng(5)
    one, other = np.eye(4)[0] * 3, -np.eye(4)[0] * far
    x, y = 0.4 * r.normal(size=(n, 4)), 0.4 * r.normal(size=(m, 4))
    x[: n // 10] += one
    x[n // 10 : n // 5] += other
    y[: m // 2] += one
    y[m // 2 :] += other
    return x.astype("f4"), y.astype("f4")


def blobs(n: int, m: int, d: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    r = np.random.default_rng(seed)
    return r.normal(size=(n, d)).astype("f4"), (0.6 * r.normal(size=(m, d)) + 0.7).astype("f4")


def entropic_distance(masses: np.ndarray, y_masses: np.ndarray, C: np.ndarray, eps: float) -> float:
    """POT's <P, C> + eps KL(P | r b)."""
    rows = masses > 0
    plan, log = ot.bregman.sinkhorn_log(masses[rows], y_masses, C[rows], eps, numItermax=200_000, stopThr=1e-7,
                                        log=True, warn=False)
    assert log["err"][-1] < 1e-6
    product = np.outer(masses[rows], y_masses)
    return float((plan * C[rows]).sum() + eps * (plan * np.log(np.maximum(plan, 1e-300) / product)).sum())


def best_by_programme(C: np.ndarray, b: np.ndarray, share: float, k: int) -> float:
    """min over u of OT_0((1 - L) P + L u, Q) as a linear programme in the plan (n m) and u (n)."""
    n, m = C.shape
    rows = np.hstack([np.kron(np.eye(n), np.ones((1, m))), -share * np.eye(n)])
    columns = np.hstack([np.kron(np.ones((1, n)), np.eye(m)), np.zeros((m, n))])
    done = linprog(np.r_[C.ravel(), np.zeros(n)], A_eq=np.vstack([rows, columns]),
                   b_eq=np.r_[np.full(n, (1 - share) / n), b], bounds=[(0, None)] * (n * m) + [(0, 1 / k)] * n)
    assert done.success
    return float(done.fun)


def effective(f: np.ndarray, share: float, k: int) -> np.ndarray:
    u = np.zeros(len(f))
    u[np.argsort(f, kind="stable")[:k]] = 1 / k
    return (1 - share) / len(f) + share * u


def exact(masses: np.ndarray, b: np.ndarray, C: np.ndarray) -> float:
    rows = masses > 0
    return float(ot.emd2(masses[rows] / masses[rows].sum(), b, C[rows]))


@pytest.mark.long
@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_a_small_eps_meets_the_linear_programme(
    share: float, step: Callable[..., Solved], costs: Callable[..., np.ndarray]
) -> None:
    k, (x, y) = 20, blobs(80, 10)
    C, b = costs(x, y), np.full(10, 0.1)
    best = best_by_programme(C, b, share, k)
    solved = step(x, y, share, k, relative=0.005)
    assert solved.found.converged
    # An entropic distance is at most eps log m above the exact one, and not below it.
    assert best - 1e-3 < solved.bound < best + solved.problem.epsilon * np.log(10)
    assert best - 1e-6 < exact(effective(solved.f, share, k), b, C) < 1.02 * best


def test_a_share_of_one_is_partial_transport(step: Callable[..., Solved], costs: Callable[..., np.ndarray]) -> None:
    k, (x, y) = 60, blobs(300, 20)
    C, b = costs(x, y), np.full(20, 0.05)
    plan = ot.partial.partial_wasserstein(np.full(300, 1 / k), b, C, m=1.0)
    best = float((plan * C).sum())
    solved = step(x, y, 1.0, k, relative=0.005)
    chosen = set(np.argsort(solved.f)[:k].tolist())
    assert best - 1e-6 < exact(effective(solved.f, 1.0, k), b, C) < 1.02 * best
    assert len(chosen & set(np.flatnonzero(plan.sum(axis=1) > 0.5 / k).tolist())) > 0.9 * k


def test_a_share_near_none_is_the_gradient(step: Callable[..., Solved]) -> None:
    x, y = blobs(800, 30)
    solved = step(x, y, 1e-4, 80)
    difference = (solved.found.g - solved.first.g).numpy()
    assert np.abs(difference).max() < 2e-3 * solved.f.std()
    large = step(x, y, 0.7, 80)
    assert np.abs((large.found.g - large.first.g).numpy()).max() > 0.1 * large.f.std()


@pytest.mark.heavy
@pytest.mark.parametrize("relative", [0.05, 0.2, 2.0])
@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_the_choice_meets_the_bound(
    share: float, relative: float, step: Callable[..., Solved], costs: Callable[..., np.ndarray]
) -> None:
    # At a share of 1 kinds so far apart make a choice that is one row out of balance several per cent worse.
    k, (x, y) = 120, blobs(1000, 60) if share == 1.0 else two_kinds()
    solved = step(x, y, share, k, relative)
    C, b = costs(x, y), np.full(len(y), 1 / len(y))
    of_choice = entropic_distance(effective(solved.f, share, k), b, C, solved.problem.epsilon)
    assert solved.found.converged
    assert solved.found.lower <= solved.bound + 1e-5
    assert solved.bound < of_choice + 1e-5 < 1.03 * solved.bound + 2e-5


def test_both_kinds_of_target_are_chosen(step: Callable[..., Solved]) -> None:
    x, y = two_kinds()
    solved = step(x, y, 0.7, 100)
    best = np.argsort(solved.f)[:100]
    assert (best < 100).sum() >= 40
    assert ((best >= 100) & (best < 200)).sum() >= 40


@pytest.mark.long
def test_a_row_of_two_copies_is_chosen_as_both(step: Callable[..., Solved]) -> None:
    x, y = blobs(400, 20)
    copies = np.where(np.arange(400) % 3 == 0, 2, 1)
    once = step(x, y, 0.7, 60, copies=copies, tolerance=1e-5)
    twice = step(np.repeat(x, copies, axis=0), y, 0.7, 60, tolerance=1e-5)
    assert np.abs((once.found.g - twice.found.g).numpy()).max() < 1e-3 * once.f.std()


@pytest.mark.long
def test_a_sample_of_several_levels_has_the_solution(step: Callable[..., Solved]) -> None:
    x, y = blobs(17_000, 12)
    solved = step(x, y, 0.7, 800, relative=0.2)
    marginal = solved.found.marginal_error
    assert solved.found.converged
    assert marginal < 1e-4
    source = solved.held.sample.masses @ solved.f
    u = lowest(solved.f, solved.held.candidates, 800 / 17_000)
    assert 0.3 * source + 0.7 * u.mean == pytest.approx(solved.bound, abs=1e-5)
    assert solved.found.lower == pytest.approx(solved.bound, rel=2e-3)


@pytest.mark.long
def test_a_stream_corrects_a_sample_to_the_whole(step: Callable[..., Solved], workers: Workers) -> None:
    x, y = two_kinds(n=8000, m=40)
    whole = step(x, y, 0.7, 400, relative=0.2, tolerance=1e-5)
    some = np.random.default_rng(1).permutation(8000)[:3000]
    part = step(x[some], y, 0.7, 150, relative=0.2, tolerance=1e-5)

    def away(solution: StepPotentials) -> float:
        return float((solution.g - whole.found.g).abs().max()) / float(whole.f.std())

    pool = Part("pool", 1.0, lambda: (x[i : i + 999] for i in range(0, 8000, 999)))
    stream = StreamedStep([Role(pool, 1.0, 1.0)], part.problem.step, workers)
    errors, distances = [], [away(part.found)]
    for passes in (1, 2, 8):
        found = solve_step_stream(replace(part.problem, tolerance=5e-5), stream, part.held, part.found, passes, workers)
        errors.append(found.marginal_error)
        distances.append(away(found))
    assert found.converged
    assert errors == sorted(errors, reverse=True)
    assert distances[0] > 0.01
    assert distances[3] < 0.2 * distances[0]
    kernel = transform(whole.problem.cost, whole.problem.target, whole.problem.epsilon, found.g)
    f = sample_potentials(whole.held.sample, kernel, workers)
    assert len(set(np.argsort(f)[:400].tolist()) & set(np.argsort(whole.f)[:400].tolist())) >= 395


def test_the_lowest_take_the_last_row_in_part() -> None:
    found = lowest(np.array([3.0, 1.0, 2.0, 9.0]), np.array([0.25, 0.5, 0.125, 0.125]), 0.6)
    assert found.threshold == 2.0
    assert found.masses == pytest.approx([0.0, 0.5 / 0.6, 0.1 / 0.6, 0.0])
    assert found.mean == pytest.approx((0.5 + 0.2) / 0.6)
