"""A seeded sample of a weighted stream that does not depend on how the stream was cut: priority sampling.

Row i of the stream has u_i = splitmix64(seed, i) / 2^64 and weight w_i; the n rows with the smallest u_i / w_i are the
sample. Let t be the next smallest: a row of the sample stands for the weight max(w_i, 1/t), which makes every weighted
sum unbiased. Rows that weigh more than 1/t, so those that hold much of the mass, are in the sample for certain and with
their own weight; where all weigh alike, the sample is uniform.

Source: Duffield, Lund and Thorup, Priority sampling for estimation of arbitrary subset sums (JACM 2007), section 2;
keys: Steele, Lea and Flood, Fast splittable pseudorandom number generators (OOPSLA 2014), Figure 17.
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
    """Keeps the `size` rows with the smallest log u - log w.

    Memory: size rows in the widest dtype of the rows it kept.
    """

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._seed = seed
        self._seen = 0
        self._keys = np.empty(0, dtype=np.float64)
        self._index = np.empty(0, dtype=np.int64)
        self._log_weights = np.empty(0, dtype=np.float64)
        self._next_key = np.inf  # the smallest that is not kept
        self._rows: np.ndarray | None = None

    def add(self, rows: np.ndarray, weights: np.ndarray) -> None:
        """The next rows of the stream; rows of weight 0 count in the numbering but are not kept.

        Shapes: rows (n, d), weights float64 (n,).
        """
        index = np.flatnonzero(weights > 0.0)
        logs = np.log(weights[index])
        keys = log_uniform(row_keys(self._seed, self._seen, len(rows))[index]) - logs
        if len(self._keys) == self._size:
            wanted = keys < self._keys.max()
            self._next_key = min(self._next_key, keys[~wanted].min(initial=np.inf))
            index, logs, keys = index[wanted], logs[wanted], keys[wanted]
        if len(index):
            self._merge(rows[index], keys, index + self._seen, logs)
        self._seen += len(rows)

    def _merge(self, rows: np.ndarray, keys: np.ndarray, index: np.ndarray, logs: np.ndarray) -> None:
        """Lets the new rows take the places of the largest keys."""
        held = len(self._keys)
        best = np.arange(held + len(keys))
        if len(best) > self._size:
            every = np.concatenate([self._keys, keys])
            order = np.argpartition(every, self._size - 1)
            best = order[: self._size]
            self._next_key = min(self._next_key, every[order[self._size :]].min())
        arriving = best[best >= held] - held
        kept = best[best < held]
        grown = min(self._size, held + len(keys))
        held_still = np.zeros(grown, dtype=bool)
        held_still[kept] = True
        free = np.flatnonzero(~held_still)
        self._grow(grown, rows)[free] = rows[arriving]
        self._keys[free], self._index[free], self._log_weights[free] = keys[arriving], index[arriving], logs[arriving]

    def _grow(self, size: int, rows: np.ndarray) -> np.ndarray:
        """Room for `size` rows that holds `rows` exactly, doubled at each need: a row is copied a few times at most."""
        self._keys.resize(size, refcheck=False)
        self._index.resize(size, refcheck=False)
        self._log_weights.resize(size, refcheck=False)
        held = rows[:0] if self._rows is None else self._rows
        dtype = np.result_type(held, rows)
        if len(held) < size or dtype != held.dtype:
            self._rows = np.empty((min(self._size, 2 * size), rows.shape[1]), dtype=dtype)
            self._rows[: len(held)] = held
            return self._rows
        return held

    def take(self) -> tuple[np.ndarray, np.ndarray]:
        """The sample in the order of the stream, and the masses it stands for, which sum to 1.

        Shapes: -> (k, d), float64 (k,), k = min(size, rows with weight).
        """
        order = np.argsort(self._index)
        rows = np.empty((0, 0), dtype=np.float32) if self._rows is None else self._rows[: len(order)][order]
        logs = np.maximum(self._log_weights[order], -self._next_key)
        masses = np.exp(logs - logs.max(initial=-np.inf))  # weights may be in any unit
        return rows, masses / masses.sum()


def log_uniform(keys: np.ndarray) -> np.ndarray:
    """log u, u uniform between 0 and 1. Shapes: uint64 (n,) -> float64 (n,)."""
    return np.asarray(np.log((keys.astype(np.float64) + 0.5) / 2.0**64))
