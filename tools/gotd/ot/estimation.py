"""How well a covariance is known from the rows that it is learned from."""

import math


def sampling_spread(rows: int, dimension: int) -> float:
    """Return s = sqrt(d / n), the standard deviation of an estimated variance in mean variances of a direction.

    E |S - Sigma|_F^2 is about (tr Sigma)^2 / n for n independent rows, which is mu sqrt(d / n) for each of d
    directions, mu the mean variance. It is also the standard deviation of Marchenko and Pastur's law, whose bulk goes
    from mu (1 - s)^2 to mu (1 + s)^2.
    Source: Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices (2004), section 3.
    """
    return math.sqrt(dimension / max(rows, 1))
