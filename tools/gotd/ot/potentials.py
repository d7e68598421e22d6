"""Potentials of the target points: the semi-dual of entropic transport, climbed by better steps than Sinkhorn's.

    maximise over g  sum_i a_i f_i(g) + sum_j b_j g_j,   f(g) the transform of g

whose gradient is b_j - c_j. Sinkhorn's step is g_j += eps (log b_j - log c_j). On a sample, where a look is cheap,
Anderson acceleration takes a third to a quarter of its iterations (acceleration.py). On the whole source, where a look
is a reading of it, Newton's steps with the sample's curvature take fewest (source_passes.py, newton.py). State is the
vector g alone, whatever the size of the source.

The marginals alone do not say how far the scores are from right: where the dual is flat they hold for many g. So what
is called converged is certified: one more step of Newton's, which is long where the dual is flat, would change the
scores by little.

Source: Cuturi, arXiv 1306.0895; Peyre and Cuturi, Computational Optimal Transport, arXiv 1803.00567, section 4.4 and
Eq. 4.41.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from gotd.ot.acceleration import Anderson
from gotd.ot.blocks import Workers
from gotd.ot.cost import Cost, Target
from gotd.ot.marginal import Check
from gotd.ot.newton import Newton
from gotd.ot.sample import Sample, sample_check
from gotd.ot.transform import Transform, transform, with_potentials

_LOG = logging.getLogger(__name__)
#: Smallest number of rows worth a level of its own: below it an iteration costs less than starting one.
_SMALLEST_LEVEL = 2048
#: Each level is this many times the one before. Levels are solved only as well as their own sampling error deserves.
_LEVEL_FACTOR = 4
#: On all but the last level, stop when the marginal error is this small: about what the next level's new rows bring.
_LEVEL_TOLERANCE = 0.02
#: The first level starts at eps = 1 standard deviation of the cost and halves it until eps is reached.
_ANNEALING_FACTOR = 0.5
#: Each eps is solved this well. Between clusters that are many eps apart the marginals no longer say how far g is from
#: right: what is left of an error then stays for ever (0.1 did not converge on two clusters of unit vectors).
_ANNEALING_TOLERANCE = 1e-3
_ANNEALING_ITERATIONS = 100
#: Looks at a level before something else is tried; text vectors take 10 to 60.
_PATIENCE = 100
#: Scores are right when one more step changes them by at most so many of their standard deviations. The step falls
#: short by up to a third (200 problems with far clusters): what is certified is 0.05.
SCORE_TOLERANCE = 0.02
#: Newton's steps taken on a sample to get there, each followed by looks.
_STEPS = 10


class Potentials(NamedTuple):
    """A solution of the semi-dual and how good it is.

    g              : float64 (m,), target potentials with sum_j b_j g_j = 0; 0 where b_j is 0.
    epsilon        : eps, absolute.
    converged      : marginal_error <= the tolerance asked for, and score_error <= SCORE_TOLERANCE.
    iterations     : looks at the source that the last stage took.
    marginal_error : sum_j |c_j - b_j| at this g: measured, or what is to be expected (source_passes.py).
    measured       : which of the two.
    distance       : sum_i a_i f_i + sum_j b_j g_j = <P, C> + eps KL(P | a b), the entropic distance.
    mean_potential : sum_i a_i f_i at this g.
    marginal       : float64 (m,), c_j at this g.
    score_error    : standard deviation of what one more step of Newton's changes in the scores, in standard deviations
                     of the scores; infinite where it is not known.
    """

    g: Tensor
    epsilon: float
    converged: bool
    iterations: int
    marginal_error: float
    measured: bool
    distance: float
    mean_potential: float
    marginal: Tensor
    score_error: float = math.inf


class Steps(Protocol):
    """What proposes the next g: `Anderson`, `Newton`."""

    def next(self, g: Tensor, residual: Tensor, error: float) -> Tensor:
        """Shapes: g, residual float64 (m,), both measured at g -> float64 (m,)."""


@dataclass(frozen=True)
class TransportProblem:
    """The transport to a target, and how well it is to be solved.

    epsilon        : eps, absolute.
    spread         : standard deviation of the cost, where annealing starts.
    tolerance      : marginal error to reach.
    max_iterations : looks at a sample, at most.
    """

    target: Target
    cost: Cost
    epsilon: float
    spread: float
    tolerance: float
    max_iterations: int

    def kernel(self, g: Tensor) -> Transform:
        """Return the transform at eps. Shapes: g float64 (m,)."""
        return transform(self.cost, self.target, self.epsilon, g)


def solve_sample(problem: TransportProblem, sample: Sample, workers: Workers) -> Potentials:
    """Potentials of a sample, by way of ever larger parts of it.

    Where the parts differ from the whole in the balance of clusters that are far apart, the way through them ends
    nowhere; then the whole sample is annealed.
    """
    kernel, g = _begun(problem, sample, workers)
    most = problem.max_iterations
    limit = most if len(_levels(sample)) == 1 else min(most, _PATIENCE)
    found = _certified(problem, sample, kernel, g, limit, workers)
    if not found.converged and limit < most:
        again = _certified(problem, sample, kernel, _annealed(problem, sample, workers), most - limit, workers)
        found = min(found, again, key=lambda each: (not each.converged, each.marginal_error))
    return found


def solve_distance(problem: TransportProblem, sample: Sample, workers: Workers) -> Potentials:
    """As `solve_sample`, for the distance alone, which is stationary in the potentials: marginals that hold are enough.

    Between points that are many eps apart, as single texts are, certified scores took ten times as long.
    """
    kernel, g = _begun(problem, sample, workers)
    found = climb(problem, looking(problem, sample, kernel, workers), g, min(_PATIENCE, problem.max_iterations))
    return found if found.marginal_error <= problem.tolerance else solve_sample(problem, sample, workers)


def _begun(problem: TransportProblem, sample: Sample, workers: Workers) -> tuple[Transform, Tensor]:
    """The kernel at eps, and a g that ever larger parts of the sample lead to. Shapes: -> float64 (m,)."""
    levels = _levels(sample)
    g = _annealed(problem, levels[0], workers)
    kernel = problem.kernel(g)
    coarse = replace(problem, tolerance=max(problem.tolerance, _LEVEL_TOLERANCE))
    for level in levels[:-1]:
        g = climb(coarse, looking(problem, level, kernel, workers), g, _PATIENCE).g
    return kernel, g


def _certified(problem: TransportProblem, sample: Sample, kernel: Transform, start: Tensor, limit: int,
               workers: Workers) -> Potentials:
    """Looks until the marginals hold and one more step of Newton's changes no scores, or `limit` of them.

    Where looks alone do not get there, as between clusters that are far apart, such steps do.
    """
    look = looking(problem, sample, kernel, workers)
    steps = Newton(sample, kernel, problem.target, is_source=True, judges=True)
    found = climb(problem, look, start, min(_PATIENCE, limit))
    looks = found.iterations
    for _ in range(_STEPS):
        found, g = judged(problem, found, steps, workers)
        if found.converged or looks >= limit or not math.isfinite(found.score_error):
            break
        after = climb(problem, look, g, min(_PATIENCE, limit - looks))
        looks += after.iterations
        if not after.marginal_error <= max(found.marginal_error, problem.tolerance):
            break
        found = after
    if found.marginal_error > problem.tolerance and looks < limit:
        found = climb(problem, look, found.g, limit - looks)
        looks += found.iterations
    return judged(problem, found, steps, workers)[0]._replace(iterations=looks)


def judged(problem: TransportProblem, found: Potentials, steps: Newton, workers: Workers) -> tuple[Potentials, Tensor]:
    """Whether the potentials are right, and where the step that tells it leads. Shapes: -> float64 (m,)."""
    if math.isfinite(found.score_error):
        return found, found.g
    step = steps.step(found.g, residual_of(problem.epsilon, problem.target, found.marginal))
    g = gauged(found.g + step, problem.target)
    error = steps.effect(found.g, g, workers)
    holds = found.marginal_error <= problem.tolerance and error <= SCORE_TOLERANCE
    return found._replace(score_error=error, converged=holds), g


def _levels(sample: Sample) -> Sequence[Sample]:
    strides = [1]
    while sample.size // (strides[0] * _LEVEL_FACTOR) >= _SMALLEST_LEVEL:
        strides.insert(0, strides[0] * _LEVEL_FACTOR)
    return [sample if stride == 1 else sample.thinned(stride) for stride in strides]


def looking(problem: TransportProblem, sample: Sample, kernel: Transform, workers: Workers
            ) -> Callable[[Tensor], Check]:
    """Return what looks at the sample at a g."""
    return lambda g: sample_check(sample, with_potentials(kernel, problem.target, g), workers)


def _annealed(problem: TransportProblem, sample: Sample, workers: Workers) -> Tensor:
    """A g from which eps can be solved: no column so far from the rest that its weights underflow."""
    g = torch.zeros_like(problem.target.weights)
    warm = replace(problem, epsilon=max(problem.spread, problem.epsilon), tolerance=_ANNEALING_TOLERANCE)
    while warm.epsilon > problem.epsilon:
        g = climb(warm, looking(warm, sample, warm.kernel(g), workers), g, _ANNEALING_ITERATIONS).g
        warm = replace(warm, epsilon=warm.epsilon * _ANNEALING_FACTOR)
    return g


def climb(problem: TransportProblem, look: Callable[[Tensor], Check], start: Tensor, limit: int,
          steps: Steps | None = None) -> Potentials:
    """Steps (by default Anderson's) until the marginal error is at most the tolerance, or for `limit` looks.

    Returns the best g measured.
    """
    target = problem.target
    steps = steps or Anderson(target.weights)
    g = start
    best: Potentials | None = None
    for iteration in range(1, limit + 1):
        measured = look(g)
        marginal = measured.marginal[: len(g)]
        error = error_of(marginal, target)
        _LOG.info("iteration %d: marginal error %.1e, wanted %.1e", iteration, error, problem.tolerance)
        if best is None or error < best.marginal_error:
            distance = measured.mean_potential + float(target.weights @ g)
            best = Potentials(g, problem.epsilon, False, iteration, error, True, distance,
                              measured.mean_potential, marginal)
        if error <= problem.tolerance or iteration == limit:  # a step after the last look would not be measured
            break
        g = gauged(steps.next(g, residual_of(problem.epsilon, target, marginal), error), target)
    assert best is not None
    return best._replace(iterations=iteration)


def error_of(marginal: Tensor, target: Target) -> float:
    """sum_j |c_j - b_j|; infinite where it is no number. Shapes: float64 (m,)."""
    return float((marginal - target.weights).abs().sum().nan_to_num(nan=torch.inf))


def residual_of(epsilon: float, target: Target, marginal: Tensor) -> Tensor:
    """Sinkhorn's step eps (log b - log c), without its part along constants. Shapes: float64 (m,) -> float64 (m,)."""
    floor = torch.finfo(torch.float32).tiny
    ratio = target.weights.clamp_min(floor).log() - marginal.clamp_min(floor).log()
    return gauged(epsilon * ratio, target)


def gauged(g: Tensor, target: Target) -> Tensor:
    """g less its mean under b, which changes no plan; 0 where b is 0. Shapes: float64 (m,) -> float64 (m,)."""
    return torch.where(target.weights > 0.0, g - target.weights @ g, 0.0)
