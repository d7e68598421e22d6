"""GOT-D: the calibrated gradient of the optimal-transport distance from the source to the target."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from gotd.errors import GotdError
from gotd.methods.block_scorer import BlockScorer
from gotd.methods.draw import Drawn
from gotd.methods.protocol import Fitted
from gotd.methods.settings import Settings
from gotd.methods.space import Space, cost_from, space_arrays, space_of, space_summary
from gotd.ot.blocks import Workers, padded
from gotd.ot.compress import Compressed, compress
from gotd.ot.cost import Cost, Target, cost_mean_and_std, moments, target_moments
from gotd.ot.diagnosis import epsilon_warnings, top_overlap, weighted_correlation
from gotd.ot.exact import DISTANCE_PAIRS, exact_distance, exact_potentials
from gotd.ot.gradient import calibration
from gotd.ot.marginal import StreamedSource
from gotd.ot.potentials import Potentials, solve_sample
from gotd.ot.sample import Sample, hold, sample_mean_costs, sample_potentials
from gotd.ot.source import Part
from gotd.ot.transform import transform
from gotd.ot.whole_source import solve_stream

#: Absolute; its inverse, times what vectors are made of, has to stay a float32.
_SMALLEST_EPSILON = 1e-30


class Problem(NamedTuple):
    """The transport problem on the sample.

    drawn    : the sample of the source, masses and mean.
    sample   : the same, held for many looks.
    packed   : the target as weighted points, on the host; q the same on the device.
    mean, std : of the cost over (source, target) pairs.
    epsilon  : absolute; relative the same in standard deviations of the cost, usual what that is by default.
    """

    drawn: Drawn
    sample: Sample
    packed: Compressed
    q: Target
    cost: Cost
    mean: float
    std: float
    epsilon: float
    relative: float
    usual: float


def fit(target: np.ndarray, weights: np.ndarray, parts: Sequence[Part], source_is_pool: bool, settings: Settings,
        workers: Workers, device: torch.device, ranked: Part | None = None) -> Fitted:
    """Solves the potentials of the target against the source, a mixture of parts.

    source_is_pool : the rows that will be scored are the rows of the source.
    ranked : what will be scored, where it is not the source (space.py).
    Shapes: target float (m, d), weights float64 (m,) at least 0 and not all 0.
    Arrays: points float32 (m', d), as Cost.points gives them; weights and potentials float64 (m',); centre float32 (d,)
    where the cost has one, whitening float32 (d, d) where rows are whitened.
    """
    space = space_of(target, parts, settings, workers, device, ranked)
    problem = _problem(target, weights, space, settings, workers, device)
    found = _solve(problem, settings, workers)
    streamed = settings.passes > 0 and problem.epsilon > 0.0
    if streamed:
        stream = StreamedSource(parts, workers, device)
        share = len(problem.drawn.rows) / problem.drawn.source_rows
        found = solve_stream(stream, problem.sample, problem.q, problem.cost, found, settings.tolerance,
                             settings.passes, workers, share)
    uniform = source_is_pool and len(parts) == 1 and parts[0].weights is None
    calibrated = calibration(found.mean_potential, problem.drawn.counts.distinct if uniform else None)
    summary = {
        "method": "got", "converged": found.converged, "warnings": [], "distance": found.distance,
        "distance_exact": _exact_distance(problem), "marginal_error": found.marginal_error,
        "measured_on": _measured_on(found, streamed), "score_error": found.score_error,
        "iterations": found.iterations,
        **_ranking(problem, found, workers),
        "epsilon": problem.epsilon, "epsilon_relative": problem.relative, **space_summary(settings),
        "cost_mean": problem.mean, "cost_std": problem.std,
        "calibration_mean": calibrated.mean, "calibration_scale": calibrated.scale,
        "source_rows": problem.drawn.counts.distinct, "sample_rows": len(problem.drawn.rows), "passes": settings.passes,
        "target_rows": len(target), "target_points": len(problem.packed.points), "target_error": problem.packed.error,
        "seed": settings.seed,
    }
    arrays = {"points": problem.packed.points, "weights": problem.packed.weights, "potentials": found.g.cpu().numpy()}
    return Fitted(arrays | space_arrays(problem.cost), summary, space.read)


def _problem(target: np.ndarray, weights: np.ndarray, space: Space, settings: Settings, workers: Workers,
             device: torch.device) -> Problem:
    drawn, cost = space.drawn, space.cost
    relative = space.epsilon if settings.epsilon is None else settings.epsilon
    given = cost.points(torch.from_numpy(target).to(device)).cpu().numpy()
    packed = compress(given, weights / weights.sum(), settings.max_target, settings.seed, workers, device,
                      cost.is_unit)
    q = Target(torch.from_numpy(packed.points).to(device), torch.from_numpy(packed.weights).to(device))
    rows, masses = torch.from_numpy(drawn.rows).to(device), torch.from_numpy(drawn.masses).to(device)
    moved = moments(cost, rows, masses, workers.map)
    mean, std = cost_mean_and_std(cost, moved, target_moments(cost, q))
    if 0.0 < relative * std < _SMALLEST_EPSILON:
        raise GotdError(f"epsilon {relative:g}, where the cost varies by {std:.3g}, is too small to divide by "
                        "in float32; raise --epsilon, or multiply all vectors, the target's too, by one number")
    sample = hold(drawn.rows, drawn.masses, cost, q, workers)
    return Problem(drawn, sample, packed, q, cost, mean, std, relative * std, relative, space.epsilon)


def _solve(problem: Problem, settings: Settings, workers: Workers) -> Potentials:
    sample, q, cost = problem.sample, problem.q, problem.cost
    if problem.epsilon > 0.0:
        return solve_sample(
            sample, q, cost, problem.epsilon, problem.std, settings.tolerance, settings.max_iterations, workers
        )
    if problem.relative > 0.0:  # the cost does not vary: any plan is the best one
        g, distance = torch.zeros_like(q.weights), problem.mean
    else:
        g, distance = exact_potentials(*_points(problem), q, cost)
    f = sample_potentials(sample, transform(cost, q, 0.0, g), workers)
    return Potentials(g, 0.0, True, 1, 0.0, True, distance, float(problem.drawn.masses @ f), q.weights, g, 0.0)


def _points(problem: Problem) -> tuple[torch.Tensor, torch.Tensor]:
    """Points and masses of the sample on the device. Shapes: float32 (n, d), float64 (n,)."""
    device = problem.q.points.device
    points = problem.cost.points(torch.from_numpy(problem.drawn.rows).to(device))
    return points, torch.from_numpy(problem.drawn.masses).to(device)


def _measured_on(found: Potentials, streamed: bool) -> str:
    """What stands behind the marginal error."""
    if not streamed:
        return "sample"
    return "source" if found.measured else "source, and the last correction on the sample"


def _exact_distance(problem: Problem) -> float | None:
    """The unregularised distance of small samples."""
    if len(problem.drawn.rows) * len(problem.q.points) > DISTANCE_PAIRS:
        return None
    return exact_distance(*_points(problem), problem.q, problem.cost)


def _ranking(problem: Problem, found: Potentials, workers: Workers) -> dict[str, Any]:
    """Whether the ranking of the sample still moves, and whether eps lets it say anything."""
    cost, q = problem.cost, problem.q
    f = sample_potentials(problem.sample, transform(cost, q, problem.epsilon, found.g), workers)
    earlier = sample_potentials(problem.sample, transform(cost, q, problem.epsilon, found.previous), workers)
    correlation = weighted_correlation(f, sample_mean_costs(problem.sample, cost, q, workers), problem.drawn.masses)
    # A cosine's terms are 1 and x.y, however small their difference.
    size = max(abs(problem.mean) + problem.std, 1.0 if cost.metric == "cosine" else 0.0)
    warnings = epsilon_warnings(problem.relative, problem.epsilon, correlation, size, problem.usual)
    # There is one look at the exact solution: nothing to compare it with.
    return {"top_overlap": top_overlap(f, earlier) if problem.epsilon > 0.0 else None, "warnings": warnings}


class Scorer(BlockScorer):
    """Scores any rows from a fitted target."""

    def __init__(self, arrays: dict[str, np.ndarray], summary: dict[str, Any], workers: Workers,
                 device: torch.device) -> None:
        super().__init__(workers, device)
        self.dimension = int(arrays["points"].shape[1])
        self._cost = cost_from(arrays, summary["metric"], summary["center"], device)
        target = Target(torch.from_numpy(arrays["points"]).to(device), torch.from_numpy(arrays["weights"]).to(device))
        potentials = torch.from_numpy(arrays["potentials"]).to(device)
        self._kernel = transform(self._cost, target, summary["epsilon"], potentials)
        self._calibration = calibration(summary["calibration_mean"], None)._replace(scale=summary["calibration_scale"])

    def _block(self, rows: np.ndarray) -> np.ndarray:
        points = self._cost.points(padded(rows, self._rows, self._device))
        values = self._calibration.scores(self._kernel.potential(points))
        return np.asarray(values.cpu().numpy()[: len(rows)])
