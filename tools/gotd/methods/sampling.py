"""A seeded uniform sample of a stream that does not depend on how the stream was cut.

Row i of the stream gets the key splitmix64(seed, i); the n rows with the smallest keys are the sample. The keys are
distinct (splitmix64 is a bijection), so the sample is the same however the rows came in blocks or files.

Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators (OOPSLA 2014), Figure 17.
"""

import numpy as np

_GOLDEN_GAMMA = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF


def mix(z: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64. Shapes: uint64 (n,) -> uint64 (n,)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def row_keys(seed: int, start: int, count: int) -> np.ndarray:
    """Pseudo-random keys of rows start .. start + count - 1. Shapes: -> uint64 (count,)."""
    origin = mix(np.array([seed & _MASK], dtype=np.uint64))
    rows = np.arange(start + 1, start + count + 1, dtype=np.uint64)
    return mix(origin + rows * np.uint64(_GOLDEN_GAMMA))


class RowSample:
    """Keeps the `size` rows with the smallest keys. Memory: size rows in the input's own dtype."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._seed = seed
        self._seen = 0
        self._keys = np.empty(0, dtype=np.uint64)
        self._index = np.empty(0, dtype=np.int64)
        self._weights = np.empty(0, dtype=np.float64)
        self._rows: np.ndarray | None = None

    def add(self, rows: np.ndarray, weights: np.ndarray) -> None:
        """The next rows of the stream; rows of weight 0 count in the numbering but are not kept.

        Shapes: rows (n, d), weights float64 (n,).
        """
        keys = row_keys(self._seed, self._seen, len(rows))
        wanted = weights > 0.0
        if len(self._keys) == self._size:
            wanted &= keys < self._keys.max()
        chosen = np.flatnonzero(wanted)
        if len(chosen):
            self._merge(rows[chosen], keys[chosen], chosen + self._seen, weights[chosen])
        self._seen += len(rows)

    def _merge(self, rows: np.ndarray, keys: np.ndarray, index: np.ndarray, weights: np.ndarray) -> None:
        """Lets the new rows take the places of the largest keys."""
        held = len(self._keys)
        best = np.arange(held + len(keys))
        if len(best) > self._size:
            best = np.argpartition(np.concatenate([self._keys, keys]), self._size - 1)[: self._size]
        arriving = best[best >= held] - held
        kept = best[best < held]
        grown = min(self._size, held + len(keys))
        held_still = np.zeros(grown, dtype=bool)
        held_still[kept] = True
        free = np.flatnonzero(~held_still)
        self._grow(grown, rows)
        if self._rows is not None:
            self._rows[free] = rows[arriving]
        self._keys[free], self._index[free], self._weights[free] = keys[arriving], index[arriving], weights[arriving]

    def _grow(self, size: int, rows: np.ndarray) -> None:
        """Room for `size` rows, doubled at each need so that a row is copied a bounded number of times."""
        self._keys.resize(size, refcheck=False)
        self._index.resize(size, refcheck=False)
        self._weights.resize(size, refcheck=False)
        if self._rows is None:
            self._rows = np.empty((min(self._size, 2 * size), rows.shape[1]), dtype=rows.dtype)
        elif len(self._rows) < size:
            larger = np.empty((min(self._size, 2 * size), rows.shape[1]), dtype=self._rows.dtype)
            larger[: len(self._rows)] = self._rows
            self._rows = larger

    def take(self) -> tuple[np.ndarray, np.ndarray]:
        """The sample in the order of the stream. Shapes: -> (k, d), float64 (k,), k = min(size, rows with weight)."""
        order = np.argsort(self._index)
        rows = np.empty((0, 0), dtype=np.float32) if self._rows is None else self._rows[: len(order)][order]
        return rows, self._weights[order]
