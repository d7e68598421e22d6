"""The best of a stream in one pass: by score, then by input order."""

import heapq
from typing import NamedTuple

import numpy as np

#: Candidates are put in order when this many times k (and at least a block) have gathered.
_SLACK_ROWS = 65536


class TopK:
    """Keeps the k highest of many scores that come in arrays. Memory: O(k)."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._scores = np.empty(0, dtype=np.float32)
        self._rows = np.empty(0, dtype=np.int64)
        self._held: list[tuple[np.ndarray, np.ndarray]] = []
        self._held_rows = 0
        self.seen = 0

    def add(self, scores: np.ndarray) -> None:
        """The next scores of the stream, float32 (n,)."""
        rows = np.arange(self.seen, self.seen + len(scores))
        self.seen += len(scores)
        if len(self._scores) == self._k and self._k:
            better = scores > self._scores[-1]  # an equal score that comes later ranks lower
            scores, rows = scores[better], rows[better]
        self._held.append((scores, rows))
        self._held_rows += len(scores)
        if self._held_rows >= max(self._k, _SLACK_ROWS):
            self._settle()

    def best(self) -> tuple[np.ndarray, np.ndarray]:
        """Scores float32 and row numbers int64 of the best, best first."""
        self._settle()
        return self._scores, self._rows

    def _settle(self) -> None:
        scores = np.concatenate([self._scores, *(scores for scores, _ in self._held)])
        rows = np.concatenate([self._rows, *(rows for _, rows in self._held)])
        order = np.lexsort((rows, -scores))[: self._k]
        self._scores, self._rows = scores[order], rows[order]
        self._held, self._held_rows = [], 0


class Ranked(NamedTuple):
    """A record with its score; compares as it ranks.

    later : minus the number of the row, so that of equal scores the earlier row is the greater.
    """

    score: np.float32
    later: int
    line: bytes

    @property
    def row(self) -> int:
        """Number of the row in the stream."""
        return -self.later


class WithinLimit:
    """Keeps the longest head of the ranking whose costs, added up, stay within a limit. Memory: what it keeps.

    With cost 1 each it is the best k; with their characters, the best records that a budget pays for. The first record
    that does not fit ends the choice: a shorter one that ranks lower does not slip in.
    """

    def __init__(self, limit: int) -> None:
        self.cost = 0
        self._limit = limit
        self._kept: list[tuple[Ranked, int]] = []
        #: The best of those that did not fit: nothing that ranks lower can fit any more.
        self._floor: Ranked | None = None

    def add(self, record: Ranked, cost: int) -> None:
        """The next record of the stream, whose cost is at least 0."""
        if self._floor is not None and record < self._floor:
            return
        heapq.heappush(self._kept, (record, cost))
        self.cost += cost
        while self.cost > self._limit:
            self._floor, freed = heapq.heappop(self._kept)
            self.cost -= freed

    def best(self) -> list[Ranked]:
        """The records kept, best first."""
        return sorted((record for record, _ in self._kept), reverse=True)
