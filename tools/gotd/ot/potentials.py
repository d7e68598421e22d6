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


def solve_sample(sample: Sample, target: Target, cost: Cost, epsilon: float, spread: float, tolerance: float,
                 max_iterations: int, workers: Workers) -> Potentials:
    """Potentials of a sample, by way of ever larger parts of it.

    spread : standard deviation of the cost, where annealing starts.

    Where the parts differ from the whole in the balance of clusters that are far apart, the way through them ends
    nowhere; then the whole sample is annealed.
    """
    kernel, g = _begun(sample, target, cost, epsilon, spread, tolerance, workers)
    limit = max_iterations if len(_levels(sample)) == 1 else min(max_iterations, _PATIENCE)
    found = _certified(sample, kernel, target, g, tolerance, limit, workers)
    if not found.converged and limit < max_iterations:
        g = _annealed(sample, target, cost, epsilon, spread, workers)
        again = _certified(sample, kernel, target, g, tolerance, max_iterations - limit, workers)
        found = min(found, again, key=lambda each: (not each.converged, each.marginal_error))
    return found


def solve_distance(sample: Sample, target: Target, cost: Cost, epsilon: float, spread: float, tolerance: float,
                   max_iterations: int, workers: Workers) -> Potentials:
    """As `solve_sample`, for the distance alone, which is stationary in the potentials: marginals that hold are enough.

    Between points that are many eps apart, as single texts are, certified scores took ten times as long.
    """
    kernel, g = _begun(sample, target, cost, epsilon, spread, tolerance, workers)
    found = climb(_checker(sample, workers), kernel, target, g, tolerance, min(_PATIENCE, max_iterations))
    if found.marginal_error <= tolerance:
        return found
    return solve_sample(sample, target, cost, epsilon, spread, tolerance, max_iterations, workers)


def _begun(
    sample: Sample, target: Target, cost: Cost, epsilon: float, spread: float, tolerance: float, workers: Workers
) -> tuple[Transform, Tensor]:
    """The kernel at eps, and a g that ever larger parts of the sample lead to. Shapes: -> float64 (m,)."""
    levels = _levels(sample)
    g = _annealed(levels[0], target, cost, epsilon, spread, workers)
    kernel = transform(cost, target, epsilon, g)
    for level in levels[:-1]:
        g = climb(_checker(level, workers), kernel, target, g, max(tolerance, _LEVEL_TOLERANCE), _PATIENCE).g
    return kernel, g


def _certified(
    sample: Sample, kernel: Transform, target: Target, start: Tensor, tolerance: float, limit: int, workers: Workers
) -> Potentials:
    """Looks until the marginals hold and one more step of Newton's changes no scores, or `limit` of them.

    Where looks alone do not get there, as between clusters that are far apart, such steps do.
    """
    check, steps = _checker(sample, workers), Newton(sample, kernel, target, is_source=True, judges=True)
    found = climb(check, kernel, target, start, tolerance, min(_PATIENCE, limit))
    looks = found.iterations
    for _ in range(_STEPS):
        found, g = judged(found, steps, kernel, target, tolerance, workers)
        if found.converged or looks >= limit or not math.isfinite(found.score_error):
            break
        after = climb(check, kernel, target, g, tolerance, min(_PATIENCE, limit - looks))
        looks += after.iterations
        if not after.marginal_error <= max(found.marginal_error, tolerance):
            break
        found = after
    if found.marginal_error > tolerance and looks < limit:
        found = climb(check, kernel, target, found.g, tolerance, limit - looks)
        looks += found.iterations
    return judged(found, steps, kernel, target, tolerance, workers)[0]._replace(iterations=looks)


def judged(found: Potentials, steps: Newton, kernel: Transform, target: Target, tolerance: float, workers: Workers
            ) -> tuple[Potentials, Tensor]:
    """Whether the potentials are right, and where the step that tells it leads. Shapes: -> float64 (m,)."""
    if math.isfinite(found.score_error):
        return found, found.g
    g = gauged(found.g + steps.step(found.g, residual_of(kernel.epsilon, target, found.marginal)), target)
    error = steps.effect(found.g, g, workers)
    holds = found.marginal_error <= tolerance and error <= SCORE_TOLERANCE
    return found._replace(score_error=error, converged=holds), g


def _levels(sample: Sample) -> Sequence[Sample]:
    strides = [1]
    while sample.size // (strides[0] * _LEVEL_FACTOR) >= _SMALLEST_LEVEL:
        strides.insert(0, strides[0] * _LEVEL_FACTOR)
    return [sample if stride == 1 else sample.thinned(stride) for stride in strides]


def _checker(sample: Sample, workers: Workers) -> Callable[[Transform], Check]:
    return lambda kernel: sample_check(sample, kernel, workers)


def _annealed(
    sample: Sample, target: Target, cost: Cost, epsilon: float, spread: float, workers: Workers
) -> Tensor:
    """A g from which eps can be solved: no column so far from the rest that its weights underflow."""
    g = torch.zeros_like(target.weights)
    step = max(spread, epsilon)
    while step > epsilon:
        kernel = transform(cost, target, step, g)
        g = climb(
            _checker(sample, workers), kernel, target, g, _ANNEALING_TOLERANCE, _ANNEALING_ITERATIONS
        ).g
        step *= _ANNEALING_FACTOR
    return g


def climb(
    check: Callable[[Transform], Check],
    kernel: Transform,
    target: Target,
    start: Tensor,
    tolerance: float,
    limit: int,
    steps: Steps | None = None,
) -> Potentials:
    """Steps (by default Anderson's) until the marginal error is at most tolerance, or for `limit` looks.

    Returns the best g measured.
    """
    steps = steps or Anderson(target.weights)
    g = start
    best: Potentials | None = None
    for iteration in range(1, limit + 1):
        measured = check(with_potentials(kernel, target, g))
        marginal = measured.marginal[: len(g)]
        error = error_of(marginal, target)
        _LOG.info("iteration %d: marginal error %.1e, wanted %.1e", iteration, error, tolerance)
        if best is None or error < best.marginal_error:
            distance = measured.mean_potential + float(target.weights @ g)
            best = Potentials(g, kernel.epsilon, False, iteration, error, True, distance,
                              measured.mean_potential, marginal)
        if error <= tolerance or iteration == limit:  # a step after the last look would not be measured
            break
        g = gauged(steps.next(g, residual_of(kernel.epsilon, target, marginal), error), target)
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
