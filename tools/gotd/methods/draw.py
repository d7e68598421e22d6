"""One reading of the source: a seeded sample of it, its mean and its size."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from gotd.errors import GotdError
from gotd.methods.sampling import RowSample
from gotd.ot.source import Part, shares, weighted_blocks, without_mass

#: Rows are summed in groups of this many, wherever the files end, so that the mean has the same bits; and within a
#: group by so few at a time that float32 loses nothing that shows.
_MEAN_ROWS, _ROWS_AT_ONCE = 4096, 128


class Drawn(NamedTuple):
    """A sample that stands for the source.

    rows   : float16 or float32 (n, d), in the order of the source.
    masses : float64 (n,), summing to 1; each part has its share of them.
    mean   : float32 (d,), of the whole source.
    source_rows : number of rows of the whole source.
    """

    rows: np.ndarray
    masses: np.ndarray
    mean: np.ndarray
    source_rows: int


def draw(parts: Sequence[Part], size: int, seed: int) -> Drawn:
    """About `size` rows of the source, from each part in proportion to its share of the mass; small parts whole.

    Raises: GotdError where a part that should have mass has none.
    """
    taken = [_draw_part(part, max(1, math.ceil(size * share)), seed) for part, share in _present(parts)]
    dtype = np.result_type(*(drawn.rows.dtype for drawn in taken))
    shared = [(share, drawn) for (_, share), drawn in zip(_present(parts), taken, strict=True)]
    mean = np.stack([share * drawn.mean for share, drawn in shared]).sum(axis=0)
    return Drawn(
        np.concatenate([drawn.rows.astype(dtype, copy=False) for drawn in taken]) if len(taken) > 1 else taken[0].rows,
        np.concatenate([share * drawn.masses for share, drawn in shared]),
        mean.astype(np.float32),
        sum(drawn.source_rows for drawn in taken),
    )


def _present(parts: Sequence[Part]) -> list[tuple[Part, float]]:
    return [(part, share) for part, share in zip(parts, shares(parts), strict=True) if share > 0.0]


def _draw_part(part: Part, size: int, seed: int) -> Drawn:
    sample, total, weight, count = RowSample(size, seed), np.zeros(1), 0.0, 0
    for rows, weights in weighted_blocks(part, _MEAN_ROWS):
        sample.add(rows, weights)
        total = total + _weighted_sum(rows, weights)
        weight += float(weights.sum())
        count += len(rows)
    if not weight:
        raise without_mass(part)
    if not (np.isfinite(weight) and np.isfinite(total).all()):
        raise GotdError(f"{part.name}: rows times weights sum to infinity; divide rows or weights by some number")
    return Drawn(*sample.take(), total / weight, count)


def _weighted_sum(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """sum_i w_i x_i. Shapes: (n, d), float64 (n,) -> float64 (d,)."""
    unit = max(float(weights.max()), float(np.finfo(np.float64).tiny))  # weights may be in any unit, float32 not
    # torch widens float16 eight times faster than numpy.
    weighted = torch.tensor(rows).float().mul_(torch.from_numpy(weights / unit).float()[:, None])
    sums = torch.stack([piece.sum(dim=0) for piece in torch.split(weighted, _ROWS_AT_ONCE)])
    return unit * np.asarray(sums.double().sum(dim=0).numpy())
