"""How much more than the best of several choices each model costs, the best having been found by the same figures.

Which choice is the best is not known: the one with the lowest average has been selected, and its average is too low for
that. For each choice k let c_k be the 95 % quantile, over resamples, of the largest |t*| among the differences of all
models to k. If k is the best, all of these differences are within c_k standard errors at once in 95 % of cases, so that
no choice is below k by more; the choices that this does not rule out may be the best. A model's interval is the union
of its intervals, c_k standard errors to either side, to each choice that may be the best. It holds for all models at
once, whichever choice is the best. For a choice it begins at 0 where that choice may be the best itself.

Sources: Edwards and Hsu, Multiple comparisons with the best treatment, JASA 1983 (comparisons with each treatment in
turn as the control, and their union); Westfall and Young, Resampling-based multiple testing, 1993 (the largest |t*|).
"""

from collections.abc import Sequence

import numpy as np

from gotd.probing.judgement import CONFIDENCE, Estimate, Judgement, quantile


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
