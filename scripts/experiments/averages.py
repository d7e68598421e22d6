"""Held-out loss by the word and by the text, which answer two questions (gotd/probing/judgement.py).

By the word (or token) all of them count alike, so that a long text counts more than a short one; by the text every text
counts alike, which is the mass that optimal transport gives it. Texts that are copies or near copies of each other are
one unit, and are resampled together (gotd/probing/units.py).
"""

from functools import lru_cache

import numpy as np
from data import Study, texts

from gotd.probing.judgement import Judgement
from gotd.probing.units import copies

#: What the names of figures by the text end in, and of the ends of a figure's 95 % interval.
BY_TEXT, INTERVAL = "_by_text", "_95"
_RESAMPLES = 2000


@lru_cache
def units_of(study: Study, task: str) -> np.ndarray:
    """The number of each held-out text's unit. Shapes: -> int64 (n,)."""
    return copies(texts(study.held_out(task)))


def averages(name: str, costs: np.ndarray, lengths: np.ndarray, units: np.ndarray) -> dict[str, object]:
    """Both averages of nats and their intervals, as a line of results holds them.

    name : as nats_per_word; costs, lengths, units : float64, int64, int64 (n,); texts without words are left out
    """
    said: dict[str, object] = {}
    there = lengths > 0
    costs, lengths = costs[there], lengths[there].astype(np.float64)
    _, units = np.unique(units[there], return_inverse=True)
    for ending, nats, weights in (("", costs, lengths), (BY_TEXT, costs / lengths, np.ones_like(lengths))):
        found = Judgement(nats[None], weights, units, _RESAMPLES, 0).estimate(np.ones(1))
        said |= {f"{name}{ending}": found.value, f"{name}{ending}{INTERVAL}": [found.low, found.high]}
    return said
