"""The step of finite size on a user's source and pool (ot/finite_step.py): which rows stand for what, and what to say.

Where the sample is the whole pool, its rows are source and candidates alike. Else the pool is read once more for the
candidates, because what a choice is decided by is the tail of the pool, of which a sample has next to nothing. A row is
drawn in proportion to

    v(x) = 1 / (F(f(x)) + 1/n),   F the distribution of GOT-D's own potential f on the sample of n rows

and stands for c ~ 1 / v: each doubling of the rank by f has as many rows in the draw as any other. Half of the rows
held are then the source's and half candidates, so that the memory stays what it was.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from gotd.allocator import return_freed_memory
from gotd.errors import GotdError
from gotd.methods.content_keys import content_keys
from gotd.methods.distinct_sample import DistinctSample
from gotd.methods.got import GotOptions, StepFigures, StepSummary
from gotd.ot.blocks import Workers, block_rows, padded
from gotd.ot.finite_step import StepPotentials, lower_bound, lowest, solve_step_sample, solve_step_stream
from gotd.ot.potentials import Potentials, TransportProblem, solve_distance
from gotd.ot.sample import Sample, hold, sample_potentials
from gotd.ot.source import Part, shares, weighted_blocks
from gotd.ot.step_ascent import StepProblem
from gotd.ot.step_dual import Role, Step, StepSample, StreamedStep
from gotd.ot.transform import Transform

#: Distances that are printed are solved this well: an error of the marginal is squared in them.
_DISTANCE_TOLERANCE, _DISTANCE_ITERATIONS = 1e-3, 300
#: The exact step matters where the first-order choice misses this part of the fall that is possible.
_MATTERS = 0.05


class Fit(NamedTuple):
    """GOT-D's own fit, which the step starts from. potentials : of the source"""

    problem: TransportProblem
    potentials: Potentials


class Pool(NamedTuple):
    """What will be chosen from.

    part     : its rows, all alike.
    whole    : the sample's rows are its rows.
    in_source : the first part of the source is this one.
    rows      : how many distinct rows it has, where that is known; else rows are counted with their copies.
    """

    part: Part
    whole: bool
    in_source: bool
    rows: int | None


class HeldStep(NamedTuple):
    """What the step is solved on. rows : of the pool."""

    sample: StepSample
    rows: int


def hold_step(sample: Sample, fit: Fit, pool: Pool, options: GotOptions, workers: Workers) -> HeldStep:
    """Return the source's rows and the candidates, held for many looks; the sample's rows are not needed any more.

    sample : of the source, as GOT-D was fitted on it.
    Raises: GotdError where more is to be chosen than the pool has.
    """
    if pool.whole:
        held = HeldStep(StepSample(sample, sample.masses), sample.size)
    else:
        rows, masses, candidates, read = _with_candidates(sample, fit, pool.part, options, workers)
        both = hold(rows, masses, fit.problem.cost, fit.problem.target, workers).without_rows()
        held = HeldStep(StepSample(both, candidates), pool.rows or read)
    if options.choose > held.rows:
        raise GotdError(f"--choose {options.choose:g}: the pool has {held.rows:,} rows; choose fewer")
    return held


def finite_step(fit: Fit, parts: Sequence[Part], pool: Pool, on: HeldStep, options: GotOptions, workers: Workers
                ) -> tuple[StepPotentials, StepFigures]:
    """Solve the step; return its potentials, and the figures for the summary."""
    if options.share is None:
        raise ValueError("a step needs a share")
    held, rows = on
    return_freed_memory()  # of the reading before
    step = Step(options.share, options.choose / rows if options.choose >= 1.0 else options.choose)
    problem = StepProblem(**vars(fit.problem), step=step)
    solution = on_sample = solve_step_sample(problem, held, fit.potentials.g, workers)
    if options.passes:
        stream = StreamedStep(_roles(parts, pool), step, workers)
        solution = solve_step_stream(problem, stream, held, on_sample, options.passes, workers)
    first, choice, bound, common = _distances(fit, problem, held, on_sample, solution, workers)
    return solution, StepFigures(
        share=step.share, chosen_fraction=step.fraction, candidate_rows=rows, distance_first_order=first,
        distance_choice=choice, distance_bound=bound, choice_in_common=common)


def advice(figures: StepSummary) -> str:
    """Return what the distances say of the step, in a sentence."""
    before, bound = figures.distance or 0.0, figures.distance_bound
    first, choice = figures.distance_first_order, figures.distance_choice
    told = (f"with {figures.share:g} of the mass on the choice the distance goes from {before:.5g} to {choice:.5g} "
            f"(first-order choice: {first:.5g}; no choice comes below {bound:.5g}; {figures.choice_in_common:.0%} "
            "in common)")
    if first - choice > _MATTERS * max(before - bound, 0.0):
        return f"{told}: the exact step matters here"
    return f"{told}: the first-order choice does as well here, --share can be left out"


def _distances(fit: Fit, problem: StepProblem, held: StepSample, on_sample: StepPotentials, solution: StepPotentials,
               workers: Workers) -> tuple[float, float, float, float]:
    """Return the sample's distances after the step with the rows chosen by either potentials, the first order's first,
    the bound, and what is in both choices.
    """
    share, fraction = problem.step
    coarse = replace(problem, tolerance=_DISTANCE_TOLERANCE, max_iterations=_DISTANCE_ITERATIONS)

    def chosen(g: torch.Tensor) -> np.ndarray:
        f = sample_potentials(held.sample, problem.kernel(g), workers)
        return lowest(f, held.candidates, fraction).masses

    def distance(u: np.ndarray) -> float:
        effective = held.sample._replace(masses=(1.0 - share) * held.sample.masses + share * u)
        return solve_distance(coarse, effective, workers).distance

    first, choice = chosen(fit.potentials.g), chosen(solution.g)
    # The bound is the sample's: by the potentials that are right on the sample it is highest.
    bound = lower_bound(problem, held, on_sample.g, workers)
    return distance(first), distance(choice), bound, float(np.minimum(first, choice).sum())


def _roles(parts: Sequence[Part], pool: Pool) -> list[Role]:
    """The source and the candidates as they are read; the pool once where it is both."""
    sources = [Role(part, share, 0.0) for part, share in zip(parts, shares(parts), strict=True)]
    if pool.in_source:
        return [sources[0]._replace(candidates=1.0), *sources[1:]]
    return [*sources, Role(pool.part, 0.0, 1.0)]


def _with_candidates(sample: Sample, fit: Fit, part: Part, options: GotOptions, workers: Workers
                     ) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Every second row of the sample and as many candidates, in one reading of the pool.

    Shapes: -> rows (n, d), their masses as source and as candidates (n,) and (n,), and how many rows the pool has.
    """
    device, kernel = fit.problem.target.points.device, fit.problem.kernel(fit.potentials.g)
    f = np.sort(sample_potentials(sample, kernel, workers))
    size = math.ceil(options.pool_sample / 2)
    drawn, rows, seed = DistinctSample(size), 0, options.seed + 1  # not the rows that the sample has

    def work(block: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return block, content_keys(block, seed), _emphasis(block, kernel, f)

    for block, keys, weights in workers.map(work, _blocks(part, device)):
        drawn.add(block, keys, weights)
        rows += len(block)
    candidates, masses, _ = drawn.take()[0]
    step = block_rows(device)
    emphasis = np.concatenate([_emphasis(candidates[at : at + step], kernel, f)
                               for at in range(0, len(candidates), step)])
    source = sample.thinned(2) if sample.size > size else sample
    if source.rows is None:
        raise ValueError("the step is solved on the rows themselves")
    dtype = np.result_type(source.rows, candidates)
    both = np.concatenate([source.rows.astype(dtype, copy=False), candidates.astype(dtype, copy=False)])
    a = np.concatenate([source.masses, np.zeros(len(candidates))])
    c = np.concatenate([np.zeros(source.size), masses / emphasis])
    return both, a, c / c.sum(), rows


def _blocks(part: Part, device: torch.device) -> Iterator[np.ndarray]:
    return (block for block, _ in weighted_blocks(part, block_rows(device)))


def _emphasis(rows: np.ndarray, kernel: Transform, sorted_f: np.ndarray) -> np.ndarray:
    """v(x) of at most a block of rows. Shapes: (n, d), (s,) -> float64 (n,)."""
    device = kernel.points.device
    points = kernel.cost.points(padded(rows, block_rows(device), device))
    f = kernel.potential(points).cpu().numpy()[: len(rows)]
    return np.asarray(len(sorted_f) / (np.searchsorted(sorted_f, f) + 1.0))
