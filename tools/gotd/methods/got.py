"""GOT-D: the calibrated gradient of the optimal-transport distance from the source to the target."""

from typing import Any, NamedTuple

import numpy as np
import torch

from gotd.methods.sampling import RowSample
from gotd.ot.blocks import Workers, block_rows, padded, rechunked
from gotd.ot.compress import compress
from gotd.ot.cost import Cost, Metric, Target, cost_mean_and_std, moments, target_moments
from gotd.ot.diagnosis import epsilon_warnings, top_overlap, weighted_correlation
from gotd.ot.exact import exact_distance, exact_potentials
from gotd.ot.gradient import calibration
from gotd.ot.marginal import StreamedSource
from gotd.ot.potentials import Potentials, solve_sample, solve_stream
from gotd.ot.sample import Sample, hold, sample_potentials
from gotd.ot.source import Part, weighted_blocks, without_mass
from gotd.ot.transform import transform

#: Rows are summed in groups of this many, wherever the files end, so that the mean has the same bits.
_MEAN_ROWS = 4096


class Settings(NamedTuple):
    """How to fit. epsilon : relative to the standard deviation of the cost; `solves` says the rest by its options."""

    epsilon: float = 0.05
    metric: Metric = "sqeuclidean"
    center: bool = False
    sample: int = 65536
    passes: int = 0
    tolerance: float = 1e-4
    max_iterations: int = 1000
    max_target: int = 4096
    seed: int = 0


class Fitted(NamedTuple):
    """What `ds-score` needs, and what a person wants to read.

    arrays  : points float32 (m, d), as Cost.points gives them; weights and potentials float64 (m,); centre float32 (d,)
              where the cost has one.
    summary : numbers for JSON: epsilon, metric, calibration, distance, convergence, counts, warnings.
    """

    arrays: dict[str, np.ndarray]
    summary: dict[str, Any]


def fit(target: np.ndarray, source: Part, source_is_pool: bool, settings: Settings, workers: Workers,
        device: torch.device) -> Fitted:
    """Solves the potentials of the target against the source. Shapes: target float (m, d)."""
    rows, masses, mean, count = _sampled(source, settings)
    # The squared distance is the same wherever the origin is; at the mean float32 rounds it least.
    centred = settings.center or settings.metric == "sqeuclidean"
    cost = Cost(settings.metric, torch.from_numpy(mean).to(device) if centred else None, settings.center)
    given = cost.points(torch.from_numpy(target).to(device)).cpu().numpy()
    packed = compress(given, np.full(len(given), 1 / len(given)), settings.max_target, settings.seed, workers, device)
    q = Target(torch.from_numpy(packed.points).to(device), torch.from_numpy(packed.weights).to(device))
    source_moments = moments(cost, torch.from_numpy(rows), torch.from_numpy(masses))
    cost_mean, cost_std = cost_mean_and_std(cost, source_moments, target_moments(cost, q))
    sample = hold(rows, masses, cost, q, workers)
    epsilon = settings.epsilon * cost_std
    x = cost.points(torch.from_numpy(rows)) if len(rows) * len(q.points) <= 1 << 25 else None
    found = _solve(sample, x, masses, q, cost, epsilon, cost_std, settings, workers)
    if settings.passes and epsilon > 0.0:
        stream = StreamedSource([source], workers, device)
        found = solve_stream(stream, q, cost, found, settings.tolerance, settings.passes)
    kernel = transform(cost, q, epsilon, found.g)
    f = sample_potentials(sample, kernel, workers)
    earlier = sample_potentials(sample, transform(cost, q, epsilon, found.previous), workers)
    mean_cost = _mean_cost(cost, rows, q)
    calibrated = calibration(found.mean_potential, count if source_is_pool and source.weights is None else None)
    summary = {
        "method": "got", "metric": settings.metric, "epsilon": epsilon, "epsilon_relative": settings.epsilon,
        "cost_mean": cost_mean, "cost_std": cost_std, "distance": found.distance,
        "distance_exact": None if x is None else exact_distance(x, torch.from_numpy(masses), q, cost),
        "converged": found.converged, "iterations": found.iterations, "marginal_error": found.marginal_error,
        "measured_on": "pool" if settings.passes and epsilon > 0.0 else "sample",
        "top_overlap": top_overlap(f, earlier), "source_rows": count, "sample_rows": len(rows),
        "target_rows": len(target), "target_points": len(packed.points), "target_error": packed.error,
        "center": settings.center, "passes": settings.passes, "seed": settings.seed,
        "calibration_mean": calibrated.mean, "calibration_scale": calibrated.scale,
        "warnings": epsilon_warnings(
            settings.epsilon, epsilon, weighted_correlation(f, mean_cost, masses), abs(cost_mean) + cost_std
        ),
    }
    arrays = {"points": packed.points, "weights": packed.weights, "potentials": found.g.cpu().numpy()}
    return Fitted(arrays | ({"centre": mean} if centred else {}), summary)


def _sampled(source: Part, settings: Settings) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Sample, its masses, the mean of all rows, float32 (d,), and their number, in one reading.

    Raises: GotdError where no row has weight.
    """
    sample, total, weight, count = RowSample(settings.sample, settings.seed), np.zeros(1), 0.0, 0
    for rows, weights in weighted_blocks(source, _MEAN_ROWS):
        sample.add(rows, weights)
        total = total + weights @ rows.astype(np.float64)
        weight += float(weights.sum())
        count += len(rows)
    if not weight:
        raise without_mass(source)
    rows, weights = sample.take()
    return rows, weights / weights.sum(), (total / weight).astype(np.float32), count


def _solve(sample: Sample, x: torch.Tensor | None, masses: np.ndarray, q: Target, cost: Cost, epsilon: float,
           spread: float, settings: Settings, workers: Workers) -> Potentials:
    if epsilon > 0.0:
        return solve_sample(sample, q, cost, epsilon, spread, settings.tolerance, settings.max_iterations, workers)
    points = cost.points(torch.from_numpy(sample.rows)) if x is None else x
    g, distance = exact_potentials(points, torch.from_numpy(masses), q, cost)
    f = sample_potentials(sample, transform(cost, q, 0.0, g), workers)
    return Potentials(g, 0.0, True, 1, 0.0, distance, float(masses @ f), g)


def _mean_cost(cost: Cost, rows: np.ndarray, q: Target) -> np.ndarray:
    """Mean cost of each row to the target, less a constant. Shapes: -> float32 (n,)."""
    middle = (q.weights @ q.points.double()).float()
    pieces = [cost.points(torch.from_numpy(rows[i : i + _MEAN_ROWS])) for i in range(0, len(rows), _MEAN_ROWS)]
    return np.concatenate([(cost.alpha(x) - cost.slope * (x @ middle)).numpy() for x in pieces])


class Scorer:
    """Scores any rows from a fitted target; the same bits for a row wherever it stands."""

    def __init__(self, arrays: dict[str, np.ndarray], summary: dict[str, Any], workers: Workers,
                 device: torch.device) -> None:
        centre = torch.from_numpy(arrays["centre"]).to(device) if "centre" in arrays else None
        self.dimension = int(arrays["points"].shape[1])
        self._cost = Cost(summary["metric"], centre, summary["center"])
        target = Target(torch.from_numpy(arrays["points"]).to(device), torch.from_numpy(arrays["weights"]).to(device))
        potentials = torch.from_numpy(arrays["potentials"]).to(device)
        self._kernel = transform(self._cost, target, summary["epsilon"], potentials)
        self._calibration = calibration(summary["calibration_mean"], None)._replace(scale=summary["calibration_scale"])
        self._workers, self._device = workers, device

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Shapes: rows float16 or float32 (n, d) -> float32 (n,)."""
        count = block_rows(self._device)

        def work(block: np.ndarray) -> np.ndarray:
            points = self._cost.points(padded(block, count, self._device))
            values = self._calibration.scores(self._kernel.potential(points))
            return np.asarray(values.cpu().numpy()[: len(block)])

        pieces = list(self._workers.map(work, rechunked([rows], count)))
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.float32)
