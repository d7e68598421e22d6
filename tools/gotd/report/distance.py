"""How far the pool and the choice are from the target: the Sinkhorn divergence, as ds-target-stats --screen has it."""

from dataclasses import dataclass

import numpy as np
import torch

from gotd.methods.options import TransportOptions
from gotd.methods.screen import Screened, screen
from gotd.ot.blocks import Workers, has_content
from gotd.ot.source import Part
from gotd.types import EmbedderIdentity

#: Texts of the pool that are embedded for it: as many as an estimate looks at.
SAMPLED_TEXTS = 4096
_POOL, _CHOICE = "the pool", "the choice"


@dataclass(frozen=True)
class Distance:
    """Sinkhorn divergence to the target: at least 0, and 0 where the two are alike; estimates may be below.

    low, high : its interval of 95 %. rows : that were read, sampled : looked at
    """

    distance: float
    low: float
    high: float
    rows: int
    sampled: int


@dataclass(frozen=True)
class Distances:
    """Before: of the pool. After: of the choice."""

    before: Distance
    after: Distance


def distances(target: np.ndarray, pool: Part, chosen: np.ndarray, embedder: EmbedderIdentity | None, seed: int,
              threads: int) -> Distances:
    """Return the distances of both to the target, by one cost and one eps. Shapes: target (m, d), chosen (k, d).

    Raises: GotdError where potentials do not converge.
    """
    workers, device = Workers(threads), torch.device("cpu")
    parts = [pool._replace(name=_POOL), Part(_CHOICE, 1.0, lambda: iter([chosen]), None, chosen.nbytes)]
    rows = target[has_content(target)].astype(np.float32)
    options = TransportOptions(seed=seed).resolved(embedder)
    try:
        found = {each.name: each for each in screen(rows, np.ones(len(rows)), parts, options, workers, device)}
    finally:
        workers.close()
    return Distances(_distance(found[_POOL]), _distance(found[_CHOICE]))


def _distance(found: Screened) -> Distance:
    return Distance(found.distance, found.low, found.high, found.rows, found.sampled)
