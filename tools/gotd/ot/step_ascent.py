"""L-BFGS on the smoothed dual of the finite step (step_dual.py), on a sample, at one temperature.

Unknowns are scaled by the roots of their curvature at u = c: b_j / eps for g_j, L / gamma for tau. D and its gradient
are summed in float64 (step_dual.sample_look), so that line searches end by the marginal error and not by rounding.

Source: Byrd, Lu, Nocedal and Zhu, A limited memory algorithm for bound constrained optimization, SIAM J. Sci. Comput.
16 (1995), as scipy has it.
"""

import contextlib
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gotd.ot.blocks import Workers
from gotd.ot.potentials import TransportProblem
from gotd.ot.step_dual import Step, StepSample, Threshold, sample_look
from gotd.ot.transform import Transform, exact_bias

#: Differences that L-BFGS keeps.
_MEMORY = 20


@dataclass(frozen=True)
class StepProblem(TransportProblem):
    """The same of what the model will have seen after the step."""

    step: Step


class _ReachedError(Exception):
    """The marginal error is what was asked for."""


class Ascent:
    """L-BFGS on the sample at one temperature.

    wanted, chosen : what m and the mass of the choice shall be: b and 1, or what a look at the source makes of them.
    """

    def __init__(self, problem: StepProblem, held: StepSample, kernel: Transform, wanted: Tensor, chosen: float,
                 workers: Workers) -> None:
        self._problem, self._held, self._kernel, self._workers = problem, held, kernel, workers
        self._wanted, self._chosen = wanted, chosen
        self._best: tuple[float, np.ndarray] = (math.inf, np.zeros(0))
        self.looks = 0

    def run(self, g: Tensor, at: Threshold, tolerance: float, limit: int) -> tuple[Tensor, float]:
        """The g and tau of the smallest marginal error seen, at the temperature of `at`. Shapes: g float64 (m,)."""
        from scipy.optimize import minimize

        problem, self._tolerance, self._gamma = self._problem, tolerance, at.gamma
        b = problem.target.weights
        scales = torch.where(b > 0.0, (b / problem.epsilon).rsqrt(), 0.0)
        self._scales = np.append(scales.cpu().numpy(), math.sqrt(at.gamma / problem.step.share))
        start = np.append(g.cpu().numpy(), at.tau)
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.where(self._scales > 0.0, start / self._scales, 0.0)
        options = {"maxcor": _MEMORY, "maxfun": limit, "maxiter": limit, "ftol": 0.0, "gtol": 0.0}
        with contextlib.suppress(_ReachedError):
            minimize(self._look, scaled, jac=True, method="L-BFGS-B", options=options)
        best = self._best[1] * self._scales
        return torch.from_numpy(best[:-1]).to(g.device), float(best[-1])

    def _look(self, scaled: np.ndarray) -> tuple[float, np.ndarray]:
        """-D and its gradient in the scaled unknowns."""
        problem, unscaled = self._problem, scaled * self._scales
        device = problem.target.points.device
        g, tau = torch.from_numpy(unscaled[:-1]).to(device), float(unscaled[-1])
        bias, at = exact_bias(self._kernel, problem.target, g), Threshold(tau, self._gamma)
        look = sample_look(self._held, self._kernel, bias, problem.step, at, self._workers)
        self.looks += 1
        share = problem.step.share
        gap = (self._wanted - look.marginal[: len(g)]).cpu().numpy()
        error = float(np.abs(gap).sum())
        if error < self._best[0]:
            self._best = (error, scaled.copy())
        if error <= self._tolerance:
            raise _ReachedError
        value = look.value(problem.step, self._chosen * tau, float(self._wanted @ g))
        return -value, -np.append(gap, share * (self._chosen - look.chosen)) * self._scales
