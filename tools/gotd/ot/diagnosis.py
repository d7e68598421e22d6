"""Is eps one that means something? Warnings as data: each with its number and a better value."""

import numpy as np

#: Above this correlation of f with the mean cost to the target, the score is the mean distance under another name.
_MEAN_COST_CORRELATION = 0.999
#: eps should be this many times the rounding of a float32 cost, or weights exp(-C/eps) are mostly rounding.
_ROUNDINGS_PER_EPSILON = 64.0


def weighted_correlation(u: np.ndarray, v: np.ndarray, masses: np.ndarray) -> float:
    """Pearson's correlation under masses that sum to 1; 0 where either does not vary. Shapes: all (n,)."""
    if np.ptp(u) == 0.0 or np.ptp(v) == 0.0:
        return 0.0
    u = u.astype(np.float64) - masses @ u
    v = v.astype(np.float64) - masses @ v
    norm = np.sqrt((masses @ u**2) * (masses @ v**2))
    return float(masses @ (u * v) / norm) if norm > 0.0 else 0.0


def epsilon_warnings(relative: float, epsilon: float, correlation: float, largest_cost: float, usual: float
                     ) -> list[str]:
    """What is wrong with eps, if anything.

    relative     : eps over the standard deviation of the cost.
    epsilon      : the same, absolute; 0 where the cost has no deviation.
    correlation  : of f with the mean cost to the target, over the source.
    largest_cost : size of the terms a cost is made of, which float32 rounds.
    usual        : the relative eps to suggest instead.
    """
    if relative == 0.0:
        return []
    if epsilon == 0.0:
        return ["the cost does not vary: all rows are at one distance from the target and score alike; check that the "
                "vectors are what they should be"]
    found = []
    # A target of one kind gives such scores at any eps, and loses nothing by it.
    if relative > usual and correlation > _MEAN_COST_CORRELATION:
        found.append(
            f"epsilon {relative:g} is so large that the score is the mean distance to the target (correlation "
            f"{correlation:.5f}); rare kinds of target text are lost: try {usual:g}"
        )
    floor = _ROUNDINGS_PER_EPSILON * float(np.finfo(np.float32).eps) * largest_cost
    if epsilon < floor:
        better = min(usual, relative * floor / epsilon)
        found.append(
            f"epsilon {relative:g} is {epsilon:.3g} in units of the cost, near the rounding of float32 at costs of "
            f"{largest_cost:.3g}: try {better:.2g}, or 0 for the exact solver"
        )
    return found


def top_overlap(potentials: np.ndarray, others: np.ndarray, fraction: float = 0.01) -> float:
    """Share of the best `fraction` of rows (the lowest potentials) that two sets of potentials agree on.

    Shapes: both (n,). Ties go to the earlier row.
    """
    count = max(1, int(np.ceil(fraction * len(potentials))))
    best = np.argsort(potentials, kind="stable")[:count]
    other = np.argsort(others, kind="stable")[:count]
    return len(np.intersect1d(best, other)) / count
