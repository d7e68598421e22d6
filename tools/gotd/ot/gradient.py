"""From potentials to scores: the calibrated gradient of the distance.

The derivative of OT(P, Q) by the mass a_i, taken from all other rows in proportion to theirs, is

    f_i - sum_{k != i} a_k f_k / (1 - a_i)  =  (f_i - mean f) / (1 - a_i)

so with uniform mass 1/N it is (f_i - mean f) N / (N - 1), and for a row that is not in the source (a_i = 0) f - mean f.

Source: LAVA, arXiv 2305.00054, Eq. 5; GOT-D, arXiv 2405.02774, section 3.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Calibration(NamedTuple):
    """score = -scale (f - mean): how fast the distance to the target falls per unit of mass added there.

    mean  : mean potential of the source.
    scale : 1 / (1 - mass of the row in the source).
    """

    mean: float
    scale: float

    def scores(self, potentials: Tensor) -> Tensor:
        """Shapes: potentials float32 (n,) -> float32 (n,). The difference is taken in float64 and rounded once."""
        return ((potentials.double() - self.mean) * -self.scale).to(torch.float32)


def calibration(mean_potential: float, rows: int | None) -> Calibration:
    """The calibration for rows of a source of `rows` rows of equal mass, or for rows outside the source (None).

    One row alone has no others: its score is 0 by its own mean, whatever the scale, so 1 is kept.
    """
    scale = rows / (rows - 1) if rows is not None and rows > 1 else 1.0
    return Calibration(mean_potential, scale)
