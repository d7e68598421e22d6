"""A seeded sample of the distinct rows of a weighted stream: priority sampling by a key of each row's content.

A row x has u = key(x) / 2^64 (content_keys.py) and weight w; the n distinct rows with the smallest u / w are the
sample. Copies of a row share its u, so that they are one row, and it does not matter how often, where or in which order
they stand. A row counts with the largest weight among its copies. Let t be the next smallest u / w: a row of the sample
stands for the weight max(w, 1/t), which makes every weighted sum over distinct rows unbiased. Where all weigh alike the
sample is uniform, and n / t, t being the next smallest u, tells how many distinct rows there are.

Source: Duffield, Lund and Thorup, Priority sampling for estimation of arbitrary subset sums (JACM 2007), section 2;
the count: Bar-Yossef et al., Counting distinct elements in a data stream (RANDOM 2002), algorithm 1.
"""

from typing import NamedTuple

import numpy as np

from gotd.methods.row_sample import log_uniform

#: Room for rows that wait for their place, as a part of the sample and at least: the less, the more often it is sorted.
_WAITING_PART, _LEAST_WAITING = 8, 4096


class Outside(NamedTuple):
    """Rows that are not, or no longer, in the sample.

    keys : uint64 (n,). places : int64 (n,), where they stand in `block`, (m, d): most are never looked at.
    """

    keys: np.ndarray
    places: np.ndarray
    block: np.ndarray


class Distinct(NamedTuple):
    """The sample, in the order of its keys.

    rows   : float16 or float32 (k, d).
    masses : float64 (k,), summing to 1.
    copies : int64 (k,), how often each stood in the stream.
    """

    rows: np.ndarray
    masses: np.ndarray
    copies: np.ndarray


class DistinctSample:
    """Keeps the `size` distinct rows with the smallest log u - log w.

    Memory: the rows of the sample and an eighth of them, in the widest dtype of the rows it kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys = np.empty(0, dtype=np.uint64)
        self._log_weights = np.empty(0, dtype=np.float64)
        self._copies = np.empty(0, dtype=np.int64)
        self._rows: np.ndarray | None = None
        self._held = 0
        self._limit = self._next = np.inf  # the largest priority that is kept, the smallest that is not

    @property
    def is_whole(self) -> bool:
        """Return True while every distinct row so far is in the sample."""
        return self._next == np.inf

    def add(self, rows: np.ndarray, keys: np.ndarray, weights: np.ndarray) -> list[Outside]:
        """Take the next rows of the stream; return those that stay out, and those that have to leave.

        Shapes: rows (n, d); keys uint64 (n,), as from `content_keys`; weights float64 (n,), all above 0.
        """
        logs = np.log(weights)
        priorities = log_uniform(keys) - logs
        near = priorities <= self._limit
        outside = []
        if not near.all():
            self._next = min(self._next, priorities[~near].min())
            outside.append(Outside(keys[~near], np.flatnonzero(~near), rows))
            rows, keys, logs = rows[near], keys[near], logs[near]
        room = self._size + max(self._size // _WAITING_PART, _LEAST_WAITING)
        for start in range(0, len(keys), _LEAST_WAITING):
            piece = slice(start, start + _LEAST_WAITING)
            if self._held + len(keys[piece]) > room:
                outside.append(self._settle())
            self._append(rows[piece], keys[piece], logs[piece])
        return outside

    def _append(self, rows: np.ndarray, keys: np.ndarray, logs: np.ndarray) -> None:
        held, needed = self._held, self._held + len(keys)
        if needed > len(self._keys):
            grown = min(2 * needed, self._size + max(self._size // _WAITING_PART, _LEAST_WAITING))
            for array in (self._keys, self._log_weights, self._copies):
                array.resize(max(needed, grown), refcheck=False)
        self._room(needed, rows)[held:needed] = rows
        self._keys[held:needed], self._log_weights[held:needed], self._copies[held:needed] = keys, logs, 1
        self._held = needed

    def _room(self, needed: int, rows: np.ndarray) -> np.ndarray:
        """Return room for `needed` rows that holds `rows` exactly."""
        current = rows[:0] if self._rows is None else self._rows
        dtype = np.result_type(current, rows)
        if len(current) >= needed and dtype == current.dtype:
            return current
        self._rows = np.empty((max(len(self._keys), needed), rows.shape[1]), dtype=dtype)
        self._rows[: self._held] = current[: self._held]
        return self._rows

    def _settle(self) -> Outside:
        """Make copies one row, keep the best `size` distinct rows, and return those that leave."""
        if self._rows is None:
            nothing = np.empty(0, dtype=np.int64)
            return Outside(nothing.astype(np.uint64), nothing, np.empty((0, 0), dtype=np.float32))
        keys = self._keys[: self._held]
        order = np.argsort(keys)
        ranked = keys[order]
        first = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        places, ranked = order[first], ranked[first]
        copies = np.add.reduceat(self._copies[order], first)
        logs = np.maximum.reduceat(self._log_weights[order], first)
        priorities = log_uniform(ranked) - logs
        best = np.lexsort((ranked, priorities))
        kept, gone = np.sort(best[: self._size]), best[self._size :]
        if len(kept) == self._size:
            self._limit = priorities[best[self._size - 1]]
        self._next = min(self._next, priorities[gone].min(initial=np.inf))
        outside = Outside(ranked[gone], np.arange(len(gone)), self._rows[places[gone]])
        places = self._moved_down(places[kept])
        self._keys[places], self._log_weights[places], self._copies[places] = ranked[kept], logs[kept], copies[kept]
        self._held = len(kept)
        return outside

    def _moved_down(self, places: np.ndarray) -> np.ndarray:
        """Move the rows at these places to the first places of all, as few as need be; return where they are now."""
        count = len(places)
        is_free = np.ones(count, dtype=bool)
        is_free[places[places < count]] = False
        high = np.flatnonzero(places >= count)
        free = np.flatnonzero(is_free)
        if self._rows is not None:
            self._rows[free] = self._rows[places[high]]
        places[high] = free
        return places

    def take(self) -> tuple[Distinct, Outside]:
        """Return the sample, and the rows that leave it in the end; the memory is then the caller's."""
        outside = self._settle()
        order = np.argsort(self._keys[: self._held])
        rows = np.empty((0, 0), dtype=np.float32) if self._rows is None else self._rows[order]
        self._rows = None
        logs = np.maximum(self._log_weights[order], -self._next)
        masses = np.exp(logs - logs.max(initial=-np.inf))  # weights may be in any unit
        return Distinct(rows, masses / masses.sum(), self._copies[order]), outside

    def distinct(self) -> int:
        """Return how many distinct rows there were, estimated where not all are held; for rows that weigh alike."""
        return self._held if self.is_whole else round(self._size / float(np.exp(self._next)))
