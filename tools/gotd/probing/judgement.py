"""Averages of what held-out texts cost several models, and how sure they are, given how few texts there are.

Model i has the average R_i = sum_u c_iu / sum_u w_u over units u of texts that are resampled together (units.py): by
the word, c is the nats of a unit and w its words, so that a long text counts more than a short one; by the text, c is
the sum of its texts' own nats a word and w their number, so that each text counts the same.

Intervals are symmetric bootstrap-t: units are drawn again with replacement, the same ones for all models, so that what
makes a unit hard for all of them drops out of the differences. With the linearised standard error of a ratio

    s^2 = G / (G - 1) sum_u (c_u - R w_u)^2 / (sum_u w_u)^2        G units

each resample gives t* = (R* - R) / s*, and the interval is R - c s to R + c s, c the 95 % quantile of |t*|. Quantiles
of R* alone, also BCa ones, do not know that a few skewed units show too little of their own spread, and hold the truth
less often (scripts/bench/coverage.py).

How much more than the best of several choices each model costs: which is the best is not known, and the one with the
lowest average has been selected, so that its average is too low. For each choice k let c_k be the 95 % quantile, over
resamples, of the largest |t*| among the differences of all models to k. If k is the best, all of these are within c_k
standard errors at once in 95 % of cases, so that no choice is below k by more; the choices that this does not rule out
may be the best. A model's interval is the union of its intervals, c_k standard errors to either side, to each of those.
It holds for all models at once, whichever choice is the best, and begins at 0 for a choice that may be the best itself.

Sources: Hall, On symmetric bootstrap confidence intervals, JRSS B 1988; Davison and Hinkley, Bootstrap methods and
their application, 1997, sections 2.4 (ratios) and 5.2 (studentised); Edwards and Hsu, Multiple comparisons with the
best treatment, JASA 1983 (comparisons with each treatment in turn as the control, and their union); Westfall and Young,
Resampling-based multiple testing, 1993 (the largest |t*|).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
#: Numbers of a block of resamples: 32 MB.
_NUMBERS_AT_ONCE = 1 << 22
#: A variance that is less than this part of another is rounding: of equal models, or of one unit drawn alone.
_NOTHING = 1e-12


class Estimate(NamedTuple):
    """A figure and its 95 % interval, infinite where one unit says nothing of how units differ."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> "Estimate":
        """Return it in another unit, which is `factor` (> 0) to one of this."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)


class Judgement:
    """Averages of models over the same texts, resampled by units.

    values : float64 (models,), the averages
    units  : how many there are
    """

    def __init__(self, costs: np.ndarray, weights: np.ndarray, units: np.ndarray, resamples: int, seed: int) -> None:
        """Resample.

        costs   : float64 (models, n), of each text; weights : float64 (n,), > 0
        units   : int64 (n,), number of each text's unit, from 0
        """
        self.values = costs.sum(axis=1) / weights.sum()
        of_units = np.bincount(units, weights)
        residuals = np.stack([np.bincount(units, row) for row in costs - self.values[:, None] * weights])
        # Models differ by less than they have in common: apart, the differences keep their digits.
        self._columns = np.concatenate([residuals - residuals[:1], residuals[:1]])  # (models + 1, units)
        self.units = len(of_units)
        once = np.ones((1, self.units))
        self._covariance = _resampled(self._columns, of_units, once)[1][0]
        random = np.random.default_rng(seed)
        at_once = max(1, _NUMBERS_AT_ONCE // self.units)
        parts = [_resampled(self._columns, of_units, _drawn(random, min(at_once, resamples - start), self.units))
                 for start in range(0, resamples, at_once)]
        self._moved, self._covariances = (np.concatenate(part) for part in zip(*parts, strict=True))

    def estimate(self, contrast: np.ndarray) -> Estimate:
        """Return a sum of averages with its interval. contrast : float64 (models,), the factors of the averages"""
        value, (error, studentised) = float(contrast @ self.values), self.studentised(contrast)
        half_width = error and error * quantile(np.abs(studentised), CONFIDENCE)
        return Estimate(value, value - half_width, value + half_width)

    def studentised(self, contrast: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the standard error of a sum of averages, and t* of every resample. Shapes: -> float64 (resamples,).

        Of one unit t* is infinite, as is that of a resample which has one unit alone: they show no spread.
        """
        factors = np.append(contrast, contrast.sum())
        moved = self._moved @ factors
        if self.units == 1:
            return 1.0, np.full_like(moved, np.inf)
        variances = np.einsum("m,rmk,k->r", factors, self._covariances, factors, optimize=True)
        variance = float(factors @ self._covariance @ factors)
        scale = float((factors**2) @ np.diag(self._covariance))
        if variance <= _NOTHING * scale:
            return 0.0, np.zeros_like(moved)
        degenerate = variances <= _NOTHING * variance
        errors = np.sqrt(np.where(degenerate, 1.0, variances))
        return variance**0.5, np.where(degenerate & (moved != 0.0), np.copysign(np.inf, moved), moved / errors)


def _drawn(random: np.random.Generator, resamples: int, units: int) -> np.ndarray:
    """Return how often each resample has each unit. Shapes: -> float64 (resamples, units)."""
    places = random.integers(0, units, (resamples, units)) + units * np.arange(resamples)[:, None]
    return np.bincount(places.ravel(), minlength=resamples * units).reshape(resamples, units).astype(np.float64)


def _resampled(columns: np.ndarray, weights: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the averages move in each resample, and the covariance of their errors there.

    Shapes: residuals float64 (k, units), float64 (units,), float64 (r, units) -> float64 (r, k), float64 (r, k, k)
    """
    total = times @ weights
    moved = times @ columns.T / total[:, None]
    squares = np.stack([(times * column) @ columns.T for column in columns], axis=1)
    crossed = moved[:, :, None] * (times @ (columns * weights).T)[:, None, :]
    squares += moved[:, :, None] * moved[:, None, :] * (times @ weights**2)[:, None, None]
    squares -= crossed + crossed.transpose(0, 2, 1)
    units = times.shape[1]
    return moved, squares * (units / max(1, units - 1) / total**2)[:, None, None]


def quantile(values: np.ndarray, share: float) -> float:
    """Return the value that a share of draws does not exceed, one more draw being as likely in each gap."""
    at = min(int(np.ceil(share * (len(values) + 1))), len(values)) - 1
    return float(np.partition(values, at)[at])


def to_best(judgement: Judgement, choices: Sequence[int]) -> list[Estimate]:
    """Return every model's average less that of the best choice. choices : the models that may be the best"""
    values, some = judgement.values, list(choices)
    bounds = {choice: _to(judgement, choice) for choice in some}
    candidates = [choice for choice, (_, high) in bounds.items() if (high[some] >= 0.0).all()]
    low = np.min([bounds[choice][0] for choice in candidates], axis=0)
    high = np.max([bounds[choice][1] for choice in candidates], axis=0)
    low[some], high[some] = np.maximum(low[some], 0.0), np.maximum(high[some], 0.0)
    differences = values - values[some].min()
    return [Estimate(*map(float, each)) for each in zip(differences, low, high, strict=True)]


def _to(judgement: Judgement, choice: int) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds of all differences to a choice, at once. Shapes: -> float64 (models,), float64 (models,)."""
    one = np.eye(len(judgement.values))
    others = [model for model in range(len(one)) if model != choice]
    found = [judgement.studentised(one[model] - one[choice]) for model in others]
    differences, halves = judgement.values - judgement.values[choice], np.zeros(len(one))
    if found:
        critical = quantile(np.max([np.abs(studentised) for _, studentised in found], axis=0), CONFIDENCE)
        halves[others] = [error and critical * error for error, _ in found]
    return differences - halves, differences + halves
