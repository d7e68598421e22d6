"""What one look at the source says of potentials g: the column marginal and the mean of f.

    p_ij = b_j exp((f_i + g_j - C_ij)/eps), with f the transform of g, so that every row of p sums to 1
    c_j  = sum_i a_i p_ij

g is optimal when c = b. Here the source is streamed: one block of it and M sums are held, whatever its size.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gotd.ot.blocks import Workers, block_rows, padded
from gotd.ot.source import Part, shares, weighted_blocks, without_mass
from gotd.ot.transform import Transform, exponentials_


class Check(NamedTuple):
    """One look at the source.

    marginal       : float64 (m,), c_j.
    mean_potential : sum_i a_i f_i.
    """

    marginal: Tensor
    mean_potential: float


def block_check(kernel: Transform, logits: Tensor, alpha: Tensor, masses: Tensor) -> tuple[Tensor, float]:
    """A block's share of the sums, in host memory.

    Shapes: logits float32 (n, m'), alpha float32 (n,), masses float64 (n,) -> float64 (m',), number.
    """
    top, total = exponentials_(logits)
    potential = alpha - kernel.unit * (top + total.log())
    # Largest mass 1 in float32, whatever unit the weights are in: nothing over- or underflows.
    unit = masses.max().clamp_min(torch.finfo(torch.float64).tiny)
    rows = (masses / unit / total.double()).float()
    return (torch.mv(logits.T, rows).double() * unit).cpu(), float(masses @ potential.double())


class StreamedSource:
    """The whole source, read once per check: O(block + M) memory."""

    def __init__(self, parts: Sequence[Part], workers: Workers) -> None:
        self._parts = list(zip(parts, shares(parts), strict=True))
        self.workers, self._device = workers, workers.device

    def check(self, kernel: Transform) -> Check:
        """Marginal and mean potential over every row of every part."""
        marginal = torch.zeros(len(kernel.points), dtype=torch.float64)
        mean = 0.0
        for part, share in self._parts:
            if share > 0.0:
                part_marginal, part_mean = self._part_check(kernel, part)
                marginal += share * part_marginal
                mean += share * part_mean
        return Check(marginal.to(self._device), mean)

    def _part_check(self, kernel: Transform, part: Part) -> tuple[Tensor, float]:
        rows = block_rows(self._device)

        def work(block: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, float]:
            masses = np.zeros(rows)
            masses[: len(block[1])] = block[1]
            points = kernel.cost.points(padded(block[0], rows, self._device))
            return block_check(
                kernel, kernel.logits(points), kernel.cost.alpha(points), torch.from_numpy(masses).to(self._device)
            )

        total = 0.0

        def counted() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            nonlocal total
            for block in weighted_blocks(part, rows):
                total += float(block[1].sum())
                yield block

        marginal = torch.zeros(len(kernel.points), dtype=torch.float64)
        mean = 0.0
        for block_marginal, block_mean in self.workers.map(work, counted()):
            marginal += block_marginal
            mean += block_mean
        if not total:
            raise without_mass(part)
        return marginal / total, mean / total
