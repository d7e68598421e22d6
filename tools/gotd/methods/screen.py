"""Domains before documents: how far each set of rows is from the target, all by one cost and one eps.

The paper keeps the two to four nearest domains before it ranks documents.

Source: arXiv 2405.02774, appendix on the choice of domains (20,000 samples of each).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from gotd.methods.draw import Drawn, Wanted, draw, mixed_covariance
from gotd.methods.protocol import SourceCounts
from gotd.methods.ruler import Ruler
from gotd.methods.settings import Settings
from gotd.ot.blocks import Workers
from gotd.ot.source import Part


class Screened(NamedTuple):
    """A set of rows and its distance to the target.

    name     : of the part.
    rows     : how many it has; sampled : how many of them were looked at.
    distance : entropic, <P, C> + eps KL(P | a b).
    """

    name: str
    rows: int
    sampled: int
    distance: float


def screen(target: np.ndarray, weights: np.ndarray, parts: Sequence[Part], settings: Settings, workers: Workers,
           device: torch.device) -> list[Screened]:
    """The parts, nearest first. The sample is shared out evenly: the same number of rows for each.

    Centre and eps are those of all rows together, so that the distances can be compared.
    Shapes: target float (m, d), weights float64 (m,).
    Raises: GotdError where eps is 0, or a part's potentials do not converge.
    """
    wanted = Wanted(max(1, settings.sample // len(parts)), settings.seed, settings.whiten)
    drawn = [draw([part], wanted, workers, device) for part in parts]
    ruler = Ruler(target, weights, _together(drawn), settings, workers, device)
    found = [Screened(part.name, each.counts.rows, len(each.rows), ruler.distance(part.name, each))
             for part, each in zip(parts, drawn, strict=True)]
    return sorted(found, key=lambda each: each.distance)


def _together(drawn: Sequence[Drawn]) -> Drawn:
    """All samples as one, every row alike; the mean is that of all rows they were drawn from."""
    rows = np.array([each.counts.distinct for each in drawn], dtype=np.float64)
    shares = rows / rows.sum()
    means = np.stack([each.mean for each in drawn]).astype(np.float64)
    mean = shares @ means
    covariance = None
    if drawn[0].covariance is not None:
        covariance = mixed_covariance(shares.tolist(), drawn, torch.from_numpy(means - mean))
    joined = np.concatenate([each.rows for each in drawn])
    counts = SourceCounts(*(sum(column) for column in zip(*(each.counts for each in drawn), strict=True)))
    return Drawn(joined, np.full(len(joined), 1 / len(joined)), mean.astype(np.float32), covariance,
                 sum(each.moment_rows for each in drawn), counts)
