"""The dual of the finite step: its gradient, its bounds, and its sums however rows are read."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from gotd.ot.blocks import Workers
from gotd.ot.cost import Cost, Target
from gotd.ot.sample import hold
from gotd.ot.source import Part
from gotd.ot.step_dual import Look, Role, Step, StepSample, StreamedStep, Threshold, sample_look
from gotd.ot.transform import exact_bias, transform

EPSILON = 1.3
STEP = Step(0.6, 0.1)


def problem(seed: int = 0, n: int = 700, m: int = 9, d: int = 5) -> tuple[np.ndarray, ...]:
    """Rows, their two masses (a third of the rows have only one), target points and weights, potentials."""
    r = np.random.default_rng(seed)
    x, y = r.normal(size=(n, d)).astype("f4"), r.normal(size=(m, d)).astype("f4")
    a, c, b = r.uniform(0.1, 1, n), r.uniform(0.1, 1, n), r.uniform(0.1, 1, m)
    a[::6], c[1::6] = 0.0, 0.0
    return x, a / a.sum(), c / c.sum(), y, b / b.sum(), r.normal(size=m)


class Dual:
    """D of a problem in memory, as the code computes it."""

    def __init__(self, parts: tuple[np.ndarray, ...], workers: Workers) -> None:
        x, a, c, y, b, _ = parts
        self.cost, self.workers = Cost("sqeuclidean"), workers
        self.target = Target(torch.from_numpy(y), torch.from_numpy(b))
        self.held = StepSample(hold(x, a, self.cost, self.target, workers), c)

    def look(self, g: np.ndarray, at: Threshold, held: StepSample | None = None) -> Look:
        kernel = transform(self.cost, self.target, EPSILON, torch.from_numpy(g))
        bias = exact_bias(kernel, self.target, torch.from_numpy(g))
        return sample_look(held or self.held, kernel, bias, STEP, at, self.workers)

    def value(self, g: np.ndarray, at: Threshold) -> float:
        return self.look(g, at).value(STEP, at.tau, float(self.target.weights.numpy() @ g))


def written_out(parts: tuple[np.ndarray, ...], C: np.ndarray, at: Threshold) -> float:
    """D in float64, by its definition."""
    _, a, c, _, b, g = parts
    f = -EPSILON * np.log(np.exp((g - C) / EPSILON) @ b)
    excess = np.maximum(at.tau - f, 0)
    if at.gamma:
        excess = at.gamma * np.logaddexp(0, (at.tau - f) / at.gamma)
    return float((1 - STEP.share) * a @ f + STEP.share * (at.tau - c @ excess / STEP.fraction) + b @ g)


@pytest.mark.parametrize("gamma", [0.0, 0.05, 1.0])
def test_the_value_is_that_of_the_definition(gamma: float, costs: Callable[..., np.ndarray], workers: Workers) -> None:
    parts = problem()
    at = Threshold(1.5, gamma)
    assert Dual(parts, workers).value(parts[5], at) == pytest.approx(written_out(parts, costs(parts[0], parts[3]), at))


@pytest.mark.parametrize("gamma", [0.05, 1.0])
def test_the_gradient_is_that_of_finite_differences(gamma: float, workers: Workers) -> None:
    parts = problem()
    dual, g, h = Dual(parts, workers), parts[5], 1e-3
    at = Threshold(1.5, gamma)
    look = dual.look(g, at)
    for j in range(len(g)):
        step = h * np.eye(len(g))[j]
        slope = (dual.value(g + step, at) - dual.value(g - step, at)) / (2 * h)
        assert parts[4][j] - float(look.marginal[j]) == pytest.approx(slope, abs=2e-5)
    slope = (dual.value(g, Threshold(1.5 + h, gamma)) - dual.value(g, Threshold(1.5 - h, gamma))) / (2 * h)
    assert STEP.share * (1 - look.chosen) == pytest.approx(slope, abs=2e-5)


def test_a_temperature_only_lowers_the_value(workers: Workers) -> None:
    dual, g = Dual(problem(), workers), problem()[5]
    values = [dual.value(g, Threshold(1.5, gamma)) for gamma in (0.0, 0.01, 0.1, 1.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1]


@pytest.mark.parametrize("apart", [False, True])
def test_a_stream_adds_up_to_what_the_sample_does(apart: bool, workers: Workers) -> None:
    x, _, _, y, b, g = problem(n=1500)
    uniform = np.full(1500, 1 / 1500)
    a, c = (np.r_[uniform[:600] * 2.5, np.zeros(900)], np.r_[np.zeros(600), uniform[600:] / 0.6]) if apart else (
        uniform, uniform)
    dual = Dual((x, a, c, y, b, g), workers)

    def part(name: str, rows: np.ndarray) -> Part:
        return Part(name, 1.0, lambda: (rows[i : i + 111] for i in range(0, len(rows), 111)))

    roles = [Role(part("source", x[:600]), 1.0, 0.0), Role(part("pool", x[600:]), 0.0, 1.0)]
    stream = StreamedStep(roles if apart else [Role(part("pool", x), 1.0, 1.0)], STEP, workers)
    at = Threshold(1.5, 0.2)
    kernel = transform(dual.cost, dual.target, EPSILON, torch.from_numpy(g))
    streamed, held = stream.look(kernel, at), dual.look(g, at)
    assert torch.allclose(streamed.marginal, held.marginal, atol=1e-6)
    assert streamed[1:] == pytest.approx(held[1:], rel=1e-5)


def test_copies_of_rows_with_their_part_of_the_mass_change_nothing(workers: Workers) -> None:
    x, a, c, y, b, g = problem()
    at = Threshold(1.5, 0.2)
    once = Dual((x, a, c, y, b, g), workers).value(g, at)
    twice = Dual((np.r_[x, x], np.r_[a, a] / 2, np.r_[c, c] / 2, y, b, g), workers).value(g, at)
    assert twice == pytest.approx(once, rel=1e-9)
