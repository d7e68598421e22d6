"""Distances of several sources to one target, all by one cost and one eps, so that they can be compared."""

import numpy as np
import torch

from gotd.errors import GotdError
from gotd.methods.options import TransportOptions, default_epsilon
from gotd.methods.source_sample import Drawn
from gotd.methods.space import cost_of
from gotd.methods.target_points import packed_target
from gotd.ot.blocks import Workers
from gotd.ot.cost import Target, cost_mean_and_std, moments
from gotd.ot.potentials import TransportProblem, solve_distance
from gotd.ot.sample import hold


class TargetDistance:
    """The target, and the cost and eps that a reference gives.

    Shapes: target float (m, d), weights float64 (m,).
    Raises: GotdError where eps is 0.
    """

    def __init__(self, target: np.ndarray, weights: np.ndarray, reference: Drawn, options: TransportOptions,
                 workers: Workers, device: torch.device) -> None:
        if options.epsilon == 0.0:
            raise GotdError("entropic distances are compared: give an epsilon above 0")
        self._options, self._workers = options, workers
        self._cost = cost_of(options, reference, device)
        packed = packed_target(target, weights, self._cost, options.max_target, workers, device)
        self._q, self._within = packed.q, packed.compressed.within(self._cost)
        rows, masses = torch.from_numpy(reference.rows).to(device), torch.from_numpy(reference.masses).to(device)
        moved = moments(self._cost, rows, masses, workers.map)
        usual = default_epsilon(bool(options.whiten), reference.moment_rows, len(reference.mean))
        self._relative = usual if options.epsilon is None else options.epsilon
        self._std = cost_mean_and_std(self._cost, moved, packed.moments)[1]

    def distance(self, name: str, drawn: Drawn) -> float:
        """Entropic distance to the target, <P, C> + eps KL(P | a b).

        Raises: GotdError where its potentials do not converge.
        """
        return self._solved(name, drawn.rows, drawn.masses, self._q) + self._within

    def between(self, name: str, rows: np.ndarray, others: np.ndarray, weights: np.ndarray | None = None) -> float:
        """Entropic distance between two sets of rows, the second with weights where they do not weigh alike.

        Shapes: (n, d), (k, d), float64 (k,). Raises: GotdError where the potentials do not converge.
        """
        points = self._cost.points(torch.from_numpy(others).to(self._q.points.device))
        masses = np.ones(len(others)) if weights is None else weights
        target = Target(points, torch.from_numpy(masses / masses.sum()).to(points.device))
        return self._solved(name, rows, np.full(len(rows), 1 / len(rows)), target)

    def _solved(self, name: str, rows: np.ndarray, masses: np.ndarray, target: Target) -> float:
        options, epsilon = self._options, self._relative * self._std
        if not epsilon:
            raise GotdError(f"{name}: all rows are at one distance from the target; check that the vectors are what "
                            "they should be")
        sample = hold(rows, masses, self._cost, target, self._workers)
        problem = TransportProblem(target, self._cost, epsilon, self._std, options.tol, options.max_iterations)
        solved = solve_distance(problem, sample, self._workers)
        if solved.marginal_error > options.tol:  # a distance needs no more: it is stationary
            raise GotdError(f"{name}: not converged (marginal error {solved.marginal_error:.2g}); raise --epsilon")
        return solved.distance
