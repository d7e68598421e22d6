"""One reading of the source: a seeded sample of its distinct rows, its mean and covariance, and what was met in it."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gotd.errors import GotdError
from gotd.methods.base import SourceCounts
from gotd.methods.content_keys import content_keys
from gotd.methods.distinct_sample import Distinct, DistinctSample
from gotd.methods.row_moments import RowMoments, RowSums, moment_rows, row_sums
from gotd.ot.blocks import Workers
from gotd.ot.cost import Cost, moments
from gotd.ot.source import Part, RowCounts, shares, weighted_blocks, without_mass

#: Rows are taken in groups of this many, wherever the files end; and weighted ones summed by so few at a time that
#: float32 loses nothing that shows.
_BLOCK_ROWS, _ROWS_AT_ONCE = 4096, 128


class Drawn(NamedTuple):
    """A sample that stands for the source, and what was learned from the whole of it.

    rows   : float16 or float32 (n, d), distinct, in the order of their keys.
    masses : float64 (n,), summing to 1; each part has its share of them.
    mean   : float32 (d,); covariance : float64 (d, d), or None where it was not asked for.
    moment_rows : how many rows those were learned from.
    counts : rows of the source by kind.
    """

    rows: np.ndarray
    masses: np.ndarray
    mean: np.ndarray
    covariance: Tensor | None
    moment_rows: int
    counts: SourceCounts


class Wanted(NamedTuple):
    """What is to be drawn.

    size : rows of the sample, about. covariance : whether it is wanted. watched : rows to look out for, (m, d).
    """

    size: int
    seed: int
    covariance: bool = False
    watched: np.ndarray | None = None


def draw(parts: Sequence[Part], wanted: Wanted, workers: Workers, device: torch.device) -> Drawn:
    """Return about `wanted.size` distinct rows of the source, of each part by its share of the mass, small ones whole.

    Raises: GotdError where a part that should have mass has none.
    """
    present = [(part, share) for part, share in zip(parts, shares(parts), strict=True) if share > 0.0]
    taken = [_drawn(part, max(1, math.ceil(wanted.size * share)), wanted, workers, device) for part, share in present]
    if len(taken) == 1:
        return taken[0]
    weights = [share for _, share in present]
    dtype = np.result_type(*(drawn.rows.dtype for drawn in taken))
    means = np.stack([drawn.mean for drawn in taken]).astype(np.float64)
    mean = np.asarray(weights) @ means
    return Drawn(
        np.concatenate([drawn.rows.astype(dtype, copy=False) for drawn in taken]),
        np.concatenate([share * drawn.masses for share, drawn in zip(weights, taken, strict=True)]),
        mean.astype(np.float32),
        mixed_covariance(weights, taken, torch.from_numpy(means - mean)) if wanted.covariance else None,
        sum(drawn.moment_rows for drawn in taken),
        SourceCounts(*(sum(column) for column in zip(*(drawn.counts for drawn in taken), strict=True))),
    )


def _drawn(part: Part, size: int, wanted: Wanted, workers: Workers, device: torch.device) -> Drawn:
    """Read a part; once more where its size promised more distinct rows than it has."""
    reading = _PartReading(part, size, wanted, device)
    if reading.read(workers):
        return reading.drawn(workers)
    reading = _PartReading(part._replace(size=None), size, wanted, device)
    reading.read(workers)
    return reading.drawn(workers)


def mixed_covariance(weights: Sequence[float], taken: Sequence[Drawn], offsets: Tensor) -> Tensor:
    """Return sum_k w_k (S_k + o_k o_k^T), o_k the offset of a part's mean from that of all."""
    every = [share * (drawn.covariance.cpu() + torch.outer(offset, offset))
             for share, drawn, offset in zip(weights, taken, offsets, strict=True) if drawn.covariance is not None]
    return torch.stack(every).sum(dim=0)


class _PartReading:
    """One reading of a part of the source."""

    def __init__(self, part: Part, size: int, wanted: Wanted, device: torch.device) -> None:
        self._part, self._wanted, self._device = part, wanted, device
        self._size, self._sample = size, DistinctSample(size)
        self._found = Distinct(np.empty((0, 0)), np.empty(0), np.empty(0, dtype=np.int64))
        self._outside = RowMoments(0, size)  # until rows say of what dimension they are
        self._counts = RowCounts()
        self._weight, self._shift = 0.0, torch.empty(0)
        self._weighted_sum = np.zeros(1)
        keys = np.empty(0, dtype=np.uint64) if wanted.watched is None else content_keys(wanted.watched, wanted.seed)
        self._watched = np.unique(keys)
        self._met = np.zeros(len(self._watched), dtype=bool)

    def read(self, workers: Workers) -> bool:
        """Read the part; return whether all was summed that had to be."""
        for sums in workers.map(self._sums, self._left_outside(workers)):
            self._outside.add(sums)
        if not self._weight:
            raise self._nothing()
        if not (np.isfinite(self._weight) and np.isfinite(self._weighted_sum).all()):
            raise GotdError(f"{self._part.name}: rows times weights sum to infinity; divide rows or weights by some "
                            "number")
        self._found, late = self._sample.take()
        if self._part.weights is None:
            for item in (*self._outside.select(late), *self._outside.rest()):
                self._outside.add(self._sums(item))
        return self._outside.is_whole

    def drawn(self, workers: Workers) -> Drawn:
        """Return what was read."""
        found = self._found
        mean, covariance, learned_from = self._moments(found, workers)
        distinct = self._distinct(len(found.rows))
        counts = SourceCounts(self._counts.rows, self._counts.blank, distinct, int(found.copies.sum()),
                              int((found.copies - 1).sum()), int(self._met.sum()))
        return Drawn(found.rows, found.masses, mean, covariance, learned_from, counts)

    def _distinct(self, held: int) -> int:
        """Return the number of distinct rows; of weighted ones that are not all held, of all."""
        if self._sample.is_whole:
            return held
        there = self._counts.rows - self._counts.blank
        if self._part.weights is not None:
            return there
        return min(there, self._outside.distinct(held) or self._sample.distinct())

    def _nothing(self) -> GotdError:
        if self._counts.blank and self._counts.blank == self._counts.rows:
            return GotdError(f"{self._part.name}: none of the {self._counts.rows:,} rows has content, all are zero; "
                             "check the texts they were embedded from, and --text-key")
        return without_mass(self._part)

    def _left_outside(self, workers: Workers) -> Iterator[tuple[int, np.ndarray]]:
        """Yield rows that are not in the sample and count for mean and covariance, by level."""
        for rows, keys, weights in workers.map(self._keyed, weighted_blocks(self._part, _BLOCK_ROWS, self._counts)):
            if not len(self._shift):
                self._shift = torch.tensor(rows).float().mean(dim=0).to(self._device)
                expected = self._expected(rows.shape[1] * rows.itemsize)
                self._outside = RowMoments(moment_rows(rows.shape[1]), self._size, expected)
            self._weight += float(weights.sum())
            self._watch(keys)
            outside = self._sample.add(rows, keys, weights)
            if self._part.weights is None:
                for each in outside:
                    yield from self._outside.select(each)
            elif len(rows):
                self._weighted_sum = self._weighted_sum + _weighted_sum(rows, weights)

    def _expected(self, row_bytes: int) -> int:
        """Return how many rows there will be, if all are distinct; 0 where that is not known."""
        part = self._part
        return 0 if part.size is None or part.weights is not None else part.size // row_bytes

    def _keyed(self, block: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows that have weight, their keys and weights."""
        rows, weights = block
        if not (weights > 0.0).all():
            rows, weights = rows[weights > 0.0], weights[weights > 0.0]
        return rows, content_keys(rows, self._wanted.seed), weights

    def _watch(self, keys: np.ndarray) -> None:
        if len(self._watched):
            place = np.searchsorted(self._watched, keys) % len(self._watched)
            self._met[place[self._watched[place] == keys]] = True

    def _sums(self, item: tuple[int, np.ndarray]) -> RowSums:
        return row_sums(*item, self._shift, self._wanted.covariance)

    def _moments(self, found: Distinct, workers: Workers) -> tuple[np.ndarray, Tensor | None, int]:
        """Return mean, covariance and the number of rows they are of.

        While the sample holds every distinct row they are the sample's: the same bits in whatever order rows came.
        """
        rows, masses = torch.from_numpy(found.rows).to(self._device), torch.from_numpy(found.masses).to(self._device)
        outside = self._outside.total()
        if self._wanted.covariance:
            held = moments(Cost("sqeuclidean"), rows, masses, workers.map)
            mean, covariance = held.mean, held.covariance
        else:
            mean, covariance = _mean(rows, masses), None
        if self._part.weights is not None and not self._sample.is_whole:
            mean = torch.from_numpy(self._weighted_sum / self._weight)
        elif outside is not None:
            mean, covariance = _together(len(found.rows), mean, covariance, outside, self._shift.double())
        count = round(1.0 / float(np.square(found.masses).sum())) + (0 if outside is None else outside.rows)
        return mean.cpu().numpy().astype(np.float32), covariance, count


def _together(held: int, mean: Tensor, covariance: Tensor | None, outside: RowSums,
              shift: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return mean and covariance of the sample's rows and of those outside, every row alike."""
    first = outside.first.to(mean.device)
    whole = held + outside.rows
    offset = mean - shift
    middle = (held * offset + first) / whole
    if covariance is None or outside.second is None:
        return shift + middle, None
    second = held * (covariance + torch.outer(offset, offset)) + outside.second.to(mean.device)
    return shift + middle, second / whole - torch.outer(middle, middle)


def _mean(rows: Tensor, masses: Tensor) -> Tensor:
    """Return sum_i a_i x_i, in blocks. Shapes: (n, d), float64 (n,) -> float64 (d,)."""
    pieces = zip(torch.split(rows, _BLOCK_ROWS), torch.split(masses, _BLOCK_ROWS), strict=True)
    return torch.stack([mass @ piece.double() for piece, mass in pieces]).sum(dim=0)


def _weighted_sum(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return sum_i w_i x_i. Shapes: (n, d), float64 (n,) -> float64 (d,)."""
    unit = max(float(weights.max()), float(np.finfo(np.float64).tiny))  # weights may be in any unit, float32 not
    # torch widens float16 eight times faster than numpy.
    weighted = torch.tensor(rows).float().mul_(torch.from_numpy(weights / unit).float()[:, None])
    sums = torch.stack([piece.sum(dim=0) for piece in torch.split(weighted, _ROWS_AT_ONCE)])
    return unit * np.asarray(sums.double().sum(dim=0).numpy())
