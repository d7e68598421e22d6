"""The dual of the finite step (step_dual.py) climbed: L-BFGS in g and tau, the temperature lowered from stage to stage.

At a high temperature everybody is chosen a little and D is as smooth as GOT-D's own dual; each stage starts from the
last one's answer with a third of its temperature, until gamma is small against the spread of the potentials of what is
chosen: tau less their mean. A stage takes 10 to 40 looks.

A source that is larger than the sample is looked at as a whole between solutions: with m the marginal there and m' the
sample's at the same g, the sample is solved again for b_j m'_j / m_j in place of b_j, whose solution has the right
marginal on the source to first order: again one streamed look a step, and a sample for the curvature. What the sample
mistakes in that from step to step (a threshold among its own rows is stiffer, or softer, than among all rows), Anderson
acceleration learns: without it errors fell by a tenth a reading where the sample had 4,000 of 20,000 rows.

Source: a sample corrected by the whole gradient: Shamir, Srebro and Zhang, arXiv 1312.7853.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gotd.ot.acceleration import Anderson
from gotd.ot.blocks import Workers
from gotd.ot.sample import sample_potentials
from gotd.ot.step_ascent import Ascent, StepProblem
from gotd.ot.step_dual import Look, StepSample, StreamedStep, Threshold, sample_look
from gotd.ot.transform import Transform, exact_bias, with_potentials

#: Each stage has this part of the temperature of the one before.
_COOLING = 1.0 / 3.0
#: The last temperature, of the spread of the potentials of what is chosen. On toys of 2,000 rows a quarter of it chose
#: no better.
_LAST_TEMPERATURE = 0.05
#: Marginal error at which a stage that is not the last may end.
_STAGE_TOLERANCE = 0.01
#: Temperatures as near as this to the last one are the last one.
_CLOSE = 1.2
#: Stages at most: temperatures fall by 10^9.
_STAGES = 20
#: Rows of the smallest part of the sample that is solved for a start, and how much larger each next one is.
_SMALLEST_LEVEL, _LEVEL_FACTOR = 4096, 4
#: Stages that a larger part of the sample repeats.
_REHEATING = _COOLING**-2
#: gamma is at least so many times the rounding of a float32 potential.
_ROUNDINGS = 16.0
_FLOAT32 = float(np.finfo(np.float32).eps)


class StepPotentials(NamedTuple):
    """A solution of the dual and how good it is.

    g              : float64 (m,), target potentials with sum_j b_j g_j = 0; 0 where b_j is 0.
    tau, gamma     : the threshold of what is chosen, and the last temperature.
    converged      : marginal_error <= the tolerance asked for.
    iterations     : looks that the last part of the way took, of the whole sample or the source.
    marginal_error : sum_j |m_j - b_j| of the effective distribution at this g and tau, measured.
    mean_potential : sum_i a_i f_i, of the source.
    lower          : D(g, tau) on the same rows: no choice brings the distance below.
    """

    g: Tensor
    tau: float
    gamma: float
    converged: bool
    iterations: int
    marginal_error: float
    mean_potential: float
    lower: float


def solve_step_sample(problem: StepProblem, held: StepSample, start: Tensor, workers: Workers) -> StepPotentials:
    """Solve the step on a sample, by way of larger and larger parts of it.

    start : float64 (m,), potentials of the source, as of potentials.solve_sample.
    """
    kernel = problem.kernel(start)
    g, at, solution = start, None, None
    for level in _levels(held):
        f = _potentials(level, kernel, problem, g, workers)
        if at is None:
            at = Threshold(lowest(f, level.candidates, problem.step.fraction).threshold, _spread(f, level.candidates))
        else:
            at = at._replace(gamma=at.gamma * _REHEATING)
        solution = _cooled(problem, level, kernel, g, at, workers)
        g, at = solution.g, Threshold(solution.tau, solution.gamma)
    assert solution is not None
    return solution


def solve_step_stream(problem: StepProblem, source: StreamedStep, held: StepSample, start: StepPotentials, passes: int,
                      workers: Workers) -> StepPotentials:
    """Solve the step on the whole source: at most `passes` readings, from a solution on its sample.

    Every reading measures; all but the last are followed by a correction. Returns the best that was measured.
    """
    kernel, b = problem.kernel(start.g), problem.target.weights
    steps = Anderson(torch.cat([b, b.new_tensor([problem.step.share])]))
    g, at, best = start.g, Threshold(start.tau, start.gamma), start._replace(marginal_error=math.inf)
    for reading in range(1, passes + 1):
        look = source.look(with_potentials(kernel, problem.target, g), at)
        measured = _solution(problem, g, at, look, reading)
        best = min(best, measured, key=lambda each: each.marginal_error)._replace(iterations=reading)
        if best.converged or reading == passes:
            break
        now = torch.cat([measured.g, b.new_tensor([measured.tau])])
        step = _correction(problem, held, kernel, measured, look, workers)
        after = steps.next(now, step, measured.marginal_error)
        g, at = after[:-1], at._replace(tau=float(after[-1]))
    return best


class Lowest(NamedTuple):
    """The rows of the lowest potentials, of kappa of the mass in all.

    threshold : the potential of the last of them, tau.
    mean      : their mean potential.
    masses    : float64 (n,), u_i, summing to 1; the row at the threshold in part.
    """

    threshold: float
    mean: float
    masses: np.ndarray


def lowest(f: np.ndarray, candidates: np.ndarray, fraction: float) -> Lowest:
    """The best choice at potentials f. Shapes: f float (n,), candidates float64 (n,) summing to 1."""
    order = np.argsort(f, kind="stable")
    before = np.minimum(np.cumsum(candidates[order]), fraction)
    taken = np.diff(before, prepend=0.0)
    masses = np.zeros(len(f))
    masses[order] = taken / taken.sum()
    last = order[np.flatnonzero(taken)[-1]]
    return Lowest(float(f[last]), float(masses @ f.astype(np.float64)), masses)


def lower_bound(problem: StepProblem, held: StepSample, g: Tensor, workers: Workers) -> float:
    """D(g, tau) at the best tau and gamma = 0: no choice brings the sample's distance below it."""
    kernel = problem.kernel(g)
    f = sample_potentials(held.sample, kernel, workers).astype(np.float64)
    share = problem.step.share
    chosen = lowest(f, held.candidates, problem.step.fraction)
    source = float(held.sample.masses @ f)
    return (1.0 - share) * source + share * chosen.mean + float(problem.target.weights @ g)


def _levels(held: StepSample) -> list[StepSample]:
    strides = [1]
    while held.sample.size // (strides[0] * _LEVEL_FACTOR) >= _SMALLEST_LEVEL:
        strides.insert(0, strides[0] * _LEVEL_FACTOR)
    return [held if stride == 1 else held.thinned(stride) for stride in strides]


def _potentials(held: StepSample, kernel: Transform, problem: StepProblem, g: Tensor, workers: Workers) -> np.ndarray:
    return sample_potentials(held.sample, with_potentials(kernel, problem.target, g), workers)


def _spread(f: np.ndarray, candidates: np.ndarray) -> float:
    """Standard deviation of f under c."""
    centred = f.astype(np.float64) - candidates @ f
    return max(math.sqrt(candidates @ centred**2), float(np.abs(f).max()) * _ROUNDINGS * _FLOAT32)


def _cooled(problem: StepProblem, held: StepSample, kernel: Transform, g: Tensor, at: Threshold, workers: Workers
            ) -> StepPotentials:
    """The solution at the last temperature, by way of higher ones."""
    left = problem.max_iterations
    for _ in range(_STAGES):
        climb = Ascent(problem, held, kernel, problem.target.weights, 1.0, workers)
        g, tau = climb.run(g, at, max(problem.tolerance, _STAGE_TOLERANCE), left)
        left -= climb.looks
        f = _potentials(held, kernel, problem, g, workers)
        chosen = lowest(f, held.candidates, problem.step.fraction)
        floor = max(_LAST_TEMPERATURE * (chosen.threshold - chosen.mean),
                    _ROUNDINGS * _FLOAT32 * float(np.abs(f).max()))
        at = Threshold(tau, at.gamma)
        if at.gamma <= _CLOSE * floor or left <= 0:
            break
        at = Threshold(tau, max(_COOLING * at.gamma, floor))
    climb = Ascent(problem, held, kernel, problem.target.weights, 1.0, workers)
    g, tau = climb.run(g, at, problem.tolerance, max(left, 1))
    at = Threshold(tau, at.gamma)
    look = sample_look(held, kernel, exact_bias(kernel, problem.target, g), problem.step, at, workers)
    return _solution(problem, g, at, look, problem.max_iterations - left + climb.looks)


def _correction(problem: StepProblem, held: StepSample, kernel: Transform, measured: StepPotentials, look: Look,
                workers: Workers) -> Tensor:
    """The way in g and tau to where the sample's marginal is what it has to be for the source's to be right.

    Shapes: -> float64 (m + 1,).
    """
    step, b = problem.step, problem.target.weights
    at = Threshold(measured.tau, measured.gamma)
    seen = sample_look(held, kernel, exact_bias(kernel, problem.target, measured.g), step, at, workers)
    ratio = torch.where(b > 0.0, seen.marginal[: len(b)] / look.marginal[: len(b)], 0.0).nan_to_num(1.0, 1.0, 1.0)
    chosen = seen.chosen / look.chosen if look.chosen > 0.0 else 1.0
    wanted = b * ratio
    wanted = wanted * ((1.0 - step.share + step.share * chosen) / wanted.sum())
    climb = Ascent(problem, held, kernel, wanted, chosen, workers)
    g, tau = climb.run(measured.g, at, problem.tolerance, problem.max_iterations)
    return torch.cat([g - measured.g, b.new_tensor([tau - at.tau])])


def _solution(problem: StepProblem, g: Tensor, at: Threshold, look: Look, iterations: int) -> StepPotentials:
    """What a look at g and tau makes of them."""
    b = problem.target.weights
    error = _error(look.marginal, b)
    offset = float(b @ g)
    gauged = torch.where(b > 0.0, g - offset, 0.0)
    return StepPotentials(gauged, at.tau + offset, at.gamma, error <= problem.tolerance, iterations, error,
                          look.mean_potential + offset, look.value(problem.step, at.tau, offset))


def _error(marginal: Tensor, b: Tensor) -> float:
    return float((marginal[: len(b)] - b).abs().sum().nan_to_num(nan=torch.inf))
