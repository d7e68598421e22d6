"""The potentials of GOT-D: the transport problem on a sample, its solution, and what is to be said of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gotd.errors import GotdError
from gotd.methods.base import Fitted, Read, SourceCounts, VectorProblem
from gotd.methods.finite_step import Fit, HeldStep, Pool, finite_step, hold_step
from gotd.methods.got import GotOptions, GotSummary, StepFigures, StepSummary
from gotd.methods.space import Space, space_arrays, space_of
from gotd.methods.target_points import packed_target
from gotd.ot.blocks import Workers
from gotd.ot.compress import Compressed
from gotd.ot.cost import cost_mean_and_std, moments
from gotd.ot.diagnosis import (
    change_on_another_sample,
    expected_overlap,
    mean_cost_warning,
    rounding_warning,
    weighted_correlation,
)
from gotd.ot.exact import exact_potentials
from gotd.ot.gradient import calibration
from gotd.ot.marginal import StreamedSource
from gotd.ot.newton import Newton
from gotd.ot.potentials import Potentials, TransportProblem, residual_of, solve_sample
from gotd.ot.sample import Sample, hold, sample_mean_costs, sample_potentials
from gotd.ot.source import Part
from gotd.ot.source_passes import solve_stream
from gotd.ot.transform import with_potentials

#: Absolute; its inverse, times what vectors are made of, has to stay a float32.
_SMALLEST_EPSILON = 1e-30
#: Rows of the sample on which other values of eps are tried, and how well.
_PART_ROWS, _PART_TOLERANCE = 2048, 1e-3


class SampledProblem(NamedTuple):
    """The transport problem on the sample.

    sample   : of the source, held for many looks.
    rows     : how many it was drawn with; counts : rows of the source by kind.
    packed   : the target as weighted points, on the host.
    transport : to them; its eps may be 0, which exact.py solves.
    mean     : of the cost over (source, target) pairs, the target as it was before it was compressed, as the spread.
    relative : eps in standard deviations of the cost.
    """

    sample: Sample
    rows: int
    counts: SourceCounts
    packed: Compressed
    transport: TransportProblem
    mean: float
    relative: float

    @property
    def share(self) -> float:
        """Of the source's rows that the sample holds."""
        return self.rows / max(self.counts.distinct, 1)

    @property
    def within(self) -> float:
        """What the mean cost to the target is above that to its points: distances are printed of the target."""
        return self.packed.within(self.transport.cost)


def fit_potentials(problem: VectorProblem, options: GotOptions) -> Fitted:
    """Solve the potentials of the target against the source."""
    workers, parts = problem.workers, problem.parts
    sampled, read = _sampled(problem, space_of(problem, options, options.share), options)
    solved, remarks = _solve(sampled, workers)
    transport = sampled.transport
    streamed = options.passes > 0 and transport.epsilon > 0.0
    step: StepFigures | None = None
    uniform = problem.source_is_pool and len(parts) == 1 and parts[0].weights is None
    if options.share and transport.epsilon > 0.0:
        step_pool = _step_pool(sampled, problem, uniform and sampled.rows == sampled.counts.distinct)
        fit = Fit(transport, solved)
        if not step_pool.whole:  # products are kept for one sample at a time
            sampled = sampled._replace(sample=sampled.sample._replace(products=None))
        held = hold_step(sampled.sample, fit, step_pool, options, workers)
        if not step_pool.whole:  # and so are rows: what is still to be said is said of some of the first sample's
            sampled = sampled._replace(sample=_part(sampled.sample))
        solved, step = _finite_step(fit, parts, step_pool, held, options, workers)
    elif streamed:
        stream = StreamedSource(parts, workers)
        solved = solve_stream(transport, stream, sampled.sample, solved, options.passes, sampled.share)
    calibrated = calibration(solved.mean_potential, sampled.counts.distinct if uniform else None)
    summary = GotSummary(
        method="got", converged=solved.converged, warnings=remarks + _warnings(sampled, solved, workers),
        distance=solved.distance + sampled.within, marginal_error=solved.marginal_error,
        measured_on=_measured_on(solved, streamed),
        score_error=None if step else solved.score_error, iterations=solved.iterations,
        expected_overlap=None if step else _overlap(sampled, solved, options, streamed, workers),
        choose=int(options.choose) if step and options.choose >= 1.0 else options.choose,
        epsilon=transport.epsilon, epsilon_relative=sampled.relative,
        metric=options.metric, center=options.centers, whiten=bool(options.whiten),
        cost_mean=sampled.mean, cost_std=transport.spread,
        calibration_mean=calibrated.mean, calibration_scale=calibrated.scale,
        source_rows=sampled.counts.distinct, sample_rows=sampled.rows, passes=options.passes,
        target_rows=len(problem.target), target_points=len(sampled.packed.points),
        target_error=sampled.packed.error, seed=options.seed,
    )
    arrays = {"points": sampled.packed.points, "weights": sampled.packed.weights, "potentials": solved.g.cpu().numpy()}
    figures = StepSummary(**vars(summary), **vars(step.raised(sampled.within))) if step else summary
    return Fitted(arrays | space_arrays(transport.cost), figures, read)


def _sampled(problem: VectorProblem, space: Space, options: GotOptions) -> tuple[SampledProblem, Read]:
    """The problem on the sample, and what was met when it was drawn."""
    drawn, cost, device, workers = space.drawn, space.cost, problem.device, problem.workers
    relative = space.epsilon if options.epsilon is None else options.epsilon
    packed, q, of_target = packed_target(problem.target, problem.masses, cost, options.max_target, workers, device)
    rows, masses = torch.from_numpy(drawn.rows).to(device), torch.from_numpy(drawn.masses).to(device)
    moved = moments(cost, rows, masses, workers.map)
    mean, std = cost_mean_and_std(cost, moved, of_target)
    if 0.0 < relative * std < _SMALLEST_EPSILON:
        raise GotdError(f"epsilon {relative:g}, where the cost varies by {std:.3g}, is too small to divide by "
                        "in float32; raise --epsilon, or multiply all vectors, the target's too, by one number")
    sample = hold(drawn.rows, drawn.masses, cost, q, workers)
    if relative > 0.0 and not options.share:  # the exact solver and the finite step look at the rows themselves
        sample = sample.without_rows()
    size, counts = sample.size, drawn.counts
    transport = TransportProblem(q, cost, relative * std, std, options.tol, options.max_iterations)
    return SampledProblem(sample, size, counts, packed, transport, mean, relative), space.read


def _solve(problem: SampledProblem, workers: Workers) -> tuple[Potentials, list[str]]:
    """The potentials on the sample, and what is to be said of them."""
    sample, transport = problem.sample, problem.transport
    if transport.epsilon > 0.0:
        return solve_sample(transport, sample, workers), []
    q = transport.target
    g, distance, remarks = torch.zeros_like(q.weights), problem.mean - problem.within, []
    if problem.relative == 0.0:  # else the cost does not vary: any plan is the best one
        exact = exact_potentials(*_points(problem), q, transport.cost)
        g, distance = exact.g, exact.distance
        if not exact.is_centred:
            remarks = ["the exact potentials are not unique: the masses of source and target are multiples of each "
                       "other, and the order of rows decides which are found; give an epsilon above 0"]
    f = sample_potentials(sample, transport.kernel(g), workers)
    return Potentials(g, 0.0, True, 1, 0.0, True, distance, float(sample.masses @ f), q.weights, 0.0), remarks


def _points(problem: SampledProblem) -> tuple[torch.Tensor, torch.Tensor]:
    """Points and masses of the sample on the device. Shapes: float32 (n, d), float64 (n,)."""
    sample, transport = problem.sample, problem.transport
    if sample.rows is None:
        raise ValueError("the exact solver needs the rows")
    rows, masses = (torch.from_numpy(each).to(transport.target.points.device) for each in (sample.rows, sample.masses))
    return transport.cost.points(rows), masses


def _step_pool(sampled: SampledProblem, problem: VectorProblem, whole: bool) -> Pool:
    """What the finite step chooses from. whole : the sample is all of it."""
    in_source = problem.ranked is None and problem.parts[0].weights is None
    rows = sampled.counts.distinct if in_source and len(problem.parts) == 1 else None
    return Pool(problem.ranked or problem.parts[0]._replace(weights=None), whole, in_source, rows)


def _finite_step(fit: Fit, parts: Sequence[Part], pool: Pool, held: HeldStep, options: GotOptions,
                 workers: Workers) -> tuple[Potentials, StepFigures]:
    """The potentials of the finite step in place of the first order's, and what the summary says of it."""
    solution, figures = finite_step(fit, parts, pool, held, options, workers)
    return fit.potentials._replace(
        g=solution.g, converged=solution.converged, iterations=solution.iterations, measured=True,
        marginal_error=solution.marginal_error, mean_potential=solution.mean_potential,
    ), figures


def _measured_on(found: Potentials, streamed: bool) -> str:
    """What stands behind the marginal error."""
    if not streamed:
        return "sample"
    return "source" if found.measured else "source, and the last correction on the sample"


def _overlap(problem: SampledProblem, found: Potentials, options: GotOptions, streamed: bool,
             workers: Workers) -> float | None:
    """Part of the choice that a fit with another seed would make, too; None at eps 0, whose potentials have no steps.

    After readings of the whole source the sample's part of the error is gone; what is left is the next step.
    """
    transport = problem.transport
    if not transport.epsilon > 0.0:
        return None
    q, kernel = transport.target, transport.kernel(found.g)
    change: Tensor | None
    if streamed:
        steps = Newton(problem.sample, kernel, q, judges=True)
        change = steps.step(found.g, residual_of(transport.epsilon, q, found.marginal))
    else:
        change = change_on_another_sample(problem.sample, kernel, q, found.g, problem.share, workers)
    if change is None or not bool(change.isfinite().all()):
        return None
    before = sample_potentials(problem.sample, kernel, workers)
    moved = with_potentials(kernel, q, found.g + change)

    def changes(at: np.ndarray) -> np.ndarray:
        return np.asarray(sample_potentials(problem.sample.rows_at(at), moved, workers) - before[at])

    fraction = options.choose if options.choose < 1.0 else options.choose / problem.counts.distinct
    return expected_overlap(before, changes, problem.sample.masses, fraction)


def _warnings(problem: SampledProblem, found: Potentials, workers: Workers) -> list[str]:
    """Whether eps lets the scores say anything."""
    transport = problem.transport
    if problem.relative == 0.0:
        return []
    if transport.epsilon == 0.0:
        return ["the cost does not vary: all rows are at one distance from the target and score alike; check that the "
                "vectors are what they should be"]
    # A cosine's terms are 1 and x.y, however small their difference.
    size = max(abs(problem.mean) + transport.spread, 1.0 if transport.cost.metric == "cosine" else 0.0)
    part = _part(problem.sample)

    def at(relative: float) -> float:
        other = replace(transport, epsilon=relative * transport.spread, tolerance=_PART_TOLERANCE)
        return _correlation(other, part, solve_sample(other, part, workers), workers)

    said = (rounding_warning(problem.relative, transport.epsilon, size, transport.cost.centre is not None),
            mean_cost_warning(problem.relative, _correlation(transport, part, found, workers), at))
    return [warning for warning in said if warning is not None]


def _part(sample: Sample) -> Sample:
    """Every so many rows of it, copied, so that the rest can go. Of a part it is the whole part."""
    return sample.rows_at(np.arange(0, sample.size, -(-sample.size // _PART_ROWS)))


def _correlation(problem: TransportProblem, sample: Sample, found: Potentials, workers: Workers) -> float:
    """Of the potentials with the mean cost to the target."""
    f = sample_potentials(sample, problem.kernel(found.g), workers)
    return weighted_correlation(f, sample_mean_costs(sample, problem.cost, problem.target, workers), sample.masses)
