"""Whitening: a space in which the source varies alike in all directions.

A distance between embeddings is mostly a distance along the few directions in which all text varies: length, register,
the commonest subjects. Divided by how much the source varies along each, what sets a target apart weighs as much. With
S the covariance of the source, and the identity I,

    W = (S + r I)^(-1/2),   r = 2 s mu,   mu = tr(S) / d,   s = sqrt(d / n)

so that squared distances between rows times W are Mahalanobis distances; the ridge keeps directions in which the source
hardly varies at all from being noise made large, and grows where S is learned from few rows n.

Source: Mahalanobis, On the generalised distance in statistics (1936); symmetric (ZCA) whitening: Kessy, Lewin and
Strimmer, Optimal whitening and decorrelation, arXiv 1512.00809.
"""

import math

import torch
from torch import Tensor

#: How many standard deviations of the estimate the ridge is.
_DEVIATIONS = 2.0


def sampling_spread(rows: int, dimension: int) -> float:
    """Return s = sqrt(d / n), the standard deviation of an estimated variance in mean variances of a direction.

    E |S - Sigma|_F^2 is about (tr Sigma)^2 / n for n independent rows, which is mu sqrt(d / n) for each of d
    directions, mu the mean variance. It is also the standard deviation of Marchenko and Pastur's law, whose bulk goes
    from mu (1 - s)^2 to mu (1 + s)^2.
    Source: Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices (2004), section 3.
    """
    return math.sqrt(dimension / max(rows, 1))


def ridge(rows: int, dimension: int) -> float:
    """Return r / mu for a covariance learned from so many distinct rows: 2 s, half the width of the bulk.

    Directions that vary less than the error with which their variance is known are not told from each other.
    """
    return _DEVIATIONS * sampling_spread(rows, dimension)


def whitening(covariance: Tensor, rows: int, wanted: float | None = None) -> Tensor:
    """W, scaled so that it lengthens nothing (its largest eigenvalue is 1). Costs O(d^3), once.

    rows : distinct rows that the covariance was learned from. wanted : another r / (tr(S) / d) than ridge's.
    Shapes: covariance float64 (d, d), symmetric -> float32 (d, d), symmetric. Where nothing varies, the identity.
    """
    values, vectors = _eigh(covariance)
    values = values.clamp(min=0.0)
    added = (ridge(rows, len(covariance)) if wanted is None else wanted) * values.mean()
    if not added > 0.0:
        return torch.eye(len(covariance), dtype=torch.float32, device=covariance.device)
    scales = ((values[0] + added) / (values + added)).sqrt()
    found: Tensor = (vectors * scales) @ vectors.T
    return found.float()


def _eigh(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, ascending, and eigenvectors in columns.

    MKL's divide and conquer, which torch calls, gives up on some covariances of very few rows, whose eigenvalues are
    nearly all 0; LAPACK's relatively robust representations do not.
    """
    try:
        values, vectors = torch.linalg.eigh(matrix)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        from scipy.linalg import eigh

        values, vectors = (torch.from_numpy(each).to(matrix.device) for each in eigh(matrix.cpu().numpy()))
    return values, vectors
