"""The n-gram probe on choices out of one pool: the pool is numbered once a target, then a choice costs a second.

The same model as `ds-probe`, whose parts these are, and the same figures (tests/scripts/test_experiments.py).
"""

from pathlib import Path

import numpy as np
from data import Study, texts
from results import whole

from gotd.overlap import Overlap
from gotd.probing.counting import Reader
from gotd.probing.model import Counts, Mixture, document_costs
from gotd.probing.target import Numbered, Target

_BATCH = 4096


class Judge:
    """What choices do for one target.

    target : the held-out texts; words : int64 (n,), of each text of the pool
    """

    def __init__(self, study: Study, task: str, order: int, share: float, threads: int = 2) -> None:
        self.target = Target(texts(study.held_out(task)))
        self._order, self._share = order, share
        folder = study.folder / "probe"
        self._pool = _numbered(folder / f"{task}-pool.npz", self.target, study.pool, threads)
        self.words = self._pool.lengths
        self._starts = np.cumsum(self.words) - self.words
        source = _numbered(folder / f"{task}-source.npz", self.target, study.source, threads)
        self._base = Counts(self.target)
        self._base.add(source)
        self.base_costs = document_costs(self.target, Mixture(((1.0, self._base),)), order)

    def first_words(self, ranked: np.ndarray, budget: int) -> Numbered:
        """The first `budget` words of the pool's texts in this order, the last one cut. Shapes: int (k,)."""
        needed = int(np.searchsorted(np.cumsum(self.words[ranked]), budget)) + 1
        rows = ranked[:needed]
        lengths = self.words[rows]
        if lengths.sum() < budget:
            raise ValueError(f"the ranking has {lengths.sum()} words, fewer than {budget}")
        ends = np.cumsum(lengths)
        at = np.repeat(self._starts[rows] - (ends - lengths), lengths) + np.arange(ends[-1])
        pool = self._pool
        return Numbered(pool.words[at], pool.pairs[at], pool.triples[at], lengths).first(budget)

    def costs(self, ranked: np.ndarray, budget: int) -> np.ndarray:
        """Nats of each held-out text with this choice. Shapes: -> float64 (texts,)."""
        chosen = Counts(self.target)
        chosen.add(self.first_words(ranked, budget))
        mixture = Mixture(((1.0 - self._share, self._base), (self._share, chosen)))
        return document_costs(self.target, mixture, self._order)


def _numbered(cache: Path, target: Target, records: Path, threads: int) -> Numbered:
    """The texts of a file, numbered, from the cache or into it."""
    if not cache.exists():
        reader = Reader(target, Overlap([]), threads)
        every = texts(records)
        blocks = [block.numbered for block in reader.of(every[i : i + _BATCH] for i in range(0, len(every), _BATCH))]
        arrays = {name: np.concatenate([getattr(block, name) for block in blocks]) for name in Numbered._fields}
        with whole(cache) as draft:
            np.savez(draft, **arrays)
    with np.load(cache) as found:
        return Numbered(*(found[name] for name in Numbered._fields))
