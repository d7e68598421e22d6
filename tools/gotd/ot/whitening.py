"""Whitening: a space in which the source varies alike in all directions.

A distance between embeddings is mostly a distance along the few directions in which all text varies: length, register,
the commonest subjects. Divided by how much the source varies along each, what sets a target apart weighs as much. With
S the covariance of the source, and the identity I,

    W = (S + r I)^(-1/2),   r = RIDGE tr(S) / d

so that squared distances between rows times W are Mahalanobis distances; the ridge keeps directions in which the source
hardly varies at all from being noise made large.

Source: Mahalanobis, On the generalised distance in statistics (1936); symmetric (ZCA) whitening: Kessy, Lewin and
Strimmer, Optimal whitening and decorrelation, arXiv 1512.00809.
"""

import torch
from torch import Tensor

#: Of the mean variance of a direction: what is left of the ridge with many rows, and what each row too few adds.
RIDGE, RIDGE_OF_NOISE = 0.5, 1.2


def ridge(rows: int, dimension: int) -> float:
    """Return r / (tr(S) / d) for a covariance learned from so many distinct rows."""
    return RIDGE + RIDGE_OF_NOISE * dimension / max(rows, 1)


def whitening(covariance: Tensor, rows: int) -> Tensor:
    """W, scaled so that it lengthens nothing (its largest eigenvalue is 1). Costs O(d^3), once.

    rows : distinct rows that the covariance was learned from.
    Shapes: covariance float64 (d, d), symmetric -> float32 (d, d), symmetric. Where nothing varies, the identity.
    """
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp(min=0.0)
    added = ridge(rows, len(covariance)) * values.mean()
    if not added > 0.0:
        return torch.eye(len(covariance), dtype=torch.float32, device=covariance.device)
    scales = ((values[0] + added) / (values + added)).sqrt()
    found: Tensor = (vectors * scales) @ vectors.T
    return found.float()
