"""The k best of a stream in one pass: by score, then by input order."""

import numpy as np

#: Candidates are put in order when this many times k (and at least a block) have gathered.
_SLACK_ROWS = 65536


class TopK:
    """Keeps the k highest scores seen. Memory: O(k)."""

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
