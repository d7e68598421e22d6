"""Texts as tokens, and the blocks in which models read them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

#: Nothing is to be predicted there.
IGNORED = -100


class Tokens(NamedTuple):
    """Texts as tokens, each with a separator at its end. flat : uint16 (t,); lengths : int64 (n,)"""

    flat: np.ndarray
    lengths: np.ndarray

    def of(self, rows: np.ndarray) -> np.ndarray:
        """These texts one after the other. Shapes: int (k,) -> int64 (t',)."""
        starts = np.cumsum(self.lengths) - self.lengths
        lengths = self.lengths[rows]
        ends = np.cumsum(lengths)
        at = np.repeat(starts[rows] - (ends - lengths), lengths) + np.arange(ends[-1] if len(ends) else 0)
        return self.flat[at].astype(np.int64)

    def first(self, rows: np.ndarray, count: int) -> np.ndarray:
        """The first tokens of these texts, one after the other; fewer than count where there are no more."""
        rows = rows[: int(np.searchsorted(np.cumsum(self.lengths[rows]), count)) + 1]
        return self.of(rows)[:count]

    def cut(self, length: int) -> "Tokens":
        """The beginning of each text, with its separator at most so many tokens."""
        starts, kept = np.cumsum(self.lengths) - self.lengths, np.minimum(self.lengths, length)
        ends = np.cumsum(kept)
        flat = self.flat[np.repeat(starts - (ends - kept), kept) + np.arange(ends[-1] if len(ends) else 0)]
        flat[ends - 1] = self.flat[starts + self.lengths - 1]
        return Tokens(flat, kept)


def blocks_of(flat: np.ndarray, length: int) -> np.ndarray:
    """The stream of tokens in blocks, the last one filled up with nothing. Shapes: int64 (t,) -> int64 (b, length)."""
    filled = np.full(-(-len(flat) // length) * length, IGNORED, dtype=np.int64)
    filled[: len(flat)] = flat
    return filled.reshape(-1, length)


def text_blocks(held_out: Tokens, room: int, at_once: int, end: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Held-out texts, longest first, `at_once` rows of `room` tokens; a longer text goes on in another row."""
    rows, pieces, first = [], [], 0
    for row, length in enumerate(held_out.lengths.tolist()):
        whole = np.concatenate([[end], held_out.flat[first : first + length].astype(np.int64)])
        first += length
        for start in range(0, length, room - 1):
            rows.append(row)
            pieces.append(whole[start : start + room])
    order = sorted(range(len(pieces)), key=lambda i: -len(pieces[i]))
    for start in range(0, len(order), at_once):
        some = order[start : start + at_once]
        block = np.full((len(some), max(2, len(pieces[some[0]]))), IGNORED, dtype=np.int64)
        for place, i in enumerate(some):
            block[place, : len(pieces[i])] = pieces[i]
        yield np.array([rows[i] for i in some]), block
