"""Potentials of the whole source, read as a stream: from a sample's, by Newton's steps with the sample's curvature."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gotd.ot.blocks import Workers
from gotd.ot.marginal import Check, StreamedSource
from gotd.ot.newton import Newton
from gotd.ot.potentials import Potentials, TransportProblem, climb, error_of, gauged, judged, looking, residual_of
from gotd.ot.sample import Sample
from gotd.ot.transform import folded, with_potentials


def solve_stream(problem: TransportProblem, source: StreamedSource, sample: Sample, start: Potentials, passes: int,
                 share: float = 0.0) -> Potentials:
    """Potentials of the whole source: at most `passes` readings, from a solution on its sample that is already close.

    share : of the source's rows that the sample holds.

    Every reading measures, and is followed by a correction until marginals and scores are right; so what is returned
    after all of them has been corrected once more than it was measured, unless that promises nothing.
    """
    kernel = folded(problem.kernel(start.g))
    steps = Newton(sample, kernel, problem.target, share)
    found, g, looks = None, start.g, 0
    while looks < passes:
        found = climb(problem, lambda g: source.check(with_potentials(kernel, problem.target, g)), g, passes - looks,
                      steps)
        looks += found.iterations
        found, g = judged(problem, found, steps, source.workers)
        if found.converged or not math.isfinite(found.score_error):
            break
    assert found is not None
    found = found._replace(iterations=looks)
    look = looking(problem, sample, kernel, source.workers)
    return found if found.converged else _corrected(problem, found, look, steps, source.workers)


def _corrected(problem: TransportProblem, found: Potentials, look: Callable[[Tensor], Check], steps: Newton,
               workers: Workers) -> Potentials:
    """One more step, if its error is expected to be smaller; the source is not read again.

    What the step changes in the marginal c is measured on the sample, and added to what was measured on the source. By
    how much the sample may mistake the change, its two halves tell; the expected errors have both. They are 0.8 to 4
    times, and mostly 1 to 2 times, what a reading finds (tests/ot/test_source_passes.py): the halves do not know that
    the step was made on this sample, which in part makes up for its faults. The distance D,
    whose gradient is b - c, changes by the mean of the gradients at both ends times the step:

        D(g + d) = D(g) + (b - (c(g) + c(g + d)) / 2).d

    The change of D on the sample would not do: the step starts at the sample's own optimum, from where all steps go
    down.
    """
    target = problem.target
    residual = residual_of(problem.epsilon, target, found.marginal)
    g = gauged(steps.next(found.g, residual, found.marginal_error), target)
    before, after = look(found.g), look(g)
    marginal = found.marginal + (after.marginal - before.marginal)[: len(g)]
    doubt = steps.doubt(found.g, g)
    error = math.hypot(error_of(marginal, target), float(doubt.abs().sum().nan_to_num(nan=torch.inf)))
    if not error < max(found.marginal_error, problem.tolerance):
        return found
    distance = found.distance + float((target.weights - (found.marginal + marginal) / 2.0) @ (g - found.g))
    mean = distance - float(target.weights @ g)
    corrected = found._replace(g=g, marginal_error=error, measured=False, distance=distance, mean_potential=mean,
                               marginal=marginal, score_error=math.inf)
    # Scores are judged as if the doubt were the error that there is.
    as_doubted, _ = judged(problem, corrected._replace(marginal=marginal + doubt), steps, workers)
    return as_doubted._replace(marginal=marginal)
