"""The best of a stream in one pass: by score, then by input order."""

import heapq
from collections.abc import Hashable
from typing import NamedTuple

import numpy as np

BELOW_ALL = np.float32(-np.inf)
#: Candidates are put in order when this many times k (and at least a block) have gathered.
_SLACK_ROWS = 65536


class TopK:
    """Keeps the k highest of many scores that come in arrays. Memory: O(k)."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._scores = np.empty(0, dtype=np.float32)
        self._held: list[np.ndarray] = []
        self._held_rows = 0

    def add(self, scores: np.ndarray) -> None:
        """The next scores of the stream, float32 (n,)."""
        if len(self._scores) == self._k and self._k:
            scores = scores[scores > self._scores[-1]]
        self._held.append(scores)
        self._held_rows += len(scores)
        if self._held_rows >= max(self._k, _SLACK_ROWS):
            self._settle()

    def best(self) -> np.ndarray:
        """The best, best first. Shapes: -> float32 (min(k, rows),)."""
        self._settle()
        return self._scores

    def _settle(self) -> None:
        self._scores = np.sort(np.concatenate([self._scores, *self._held]))[::-1][: self._k]
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


class _Kept(NamedTuple):
    """A record that may be chosen. least : what it costs at least, whichever record of its key is the best."""

    record: Ranked
    cost: int
    least: int
    key: Hashable


class WithinLimit:
    """Keeps the longest head of a ranking whose costs, added up, stay within a limit. Memory: what it keeps.

    With cost 1 each it is the best k; with their characters, the best records that a budget pays for. The first record
    that does not fit ends the choice: a shorter one that ranks lower does not slip in. Of records with one key only the
    best counts, and of equally good ones the earliest.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._spent = 0  # what all that is kept costs at least
        self._heap: list[_Kept] = []  # with what has been replaced since
        self._kept: dict[Hashable, _Kept] = {}
        #: The best of those that did not fit: nothing that ranks lower can fit any more.
        self._floor: Ranked | None = None

    @property
    def least_score(self) -> np.float32:
        """A record below this score cannot be chosen any more."""
        return BELOW_ALL if self._floor is None else self._floor.score

    @property
    def full(self) -> bool:
        """Whether the limit is reached, so that only better records can change the choice."""
        return self._floor is not None or self._spent >= self._limit

    @property
    def keys(self) -> set[Hashable]:
        """Of all that is kept."""
        return set(self._kept)

    def add(self, record: Ranked, cost: int, key: Hashable = None, least: int | None = None) -> Ranked | None:
        """The next record of the stream; what is left out because another of its key ranks higher.

        key : None for one that no other record has; least : as many as `cost`, where all of one key cost the same
        """
        if record.score < self.least_score:
            return None
        kept = _Kept(record, cost, cost if least is None else least, record.later if key is None else key)
        held = self._kept.get(kept.key)
        if held is not None and record < held.record:
            return record
        if held is None:
            if self._floor is not None and record < self._floor:
                return None
            self._spent += kept.least
        self._kept[kept.key] = kept
        heapq.heappush(self._heap, kept)
        self._settle()
        return held.record if held is not None else None

    def _settle(self) -> None:
        """Lets go of what does not fit, and now and then of what has been replaced."""
        while self._spent > self._limit:
            lowest = heapq.heappop(self._heap)
            if self._kept.get(lowest.key) is lowest:
                del self._kept[lowest.key]
                self._spent -= lowest.least
                self._floor = lowest.record
        if len(self._heap) > 2 * len(self._kept) + _SLACK_ROWS:
            self._heap = list(self._kept.values())
            heapq.heapify(self._heap)

    def ranking(self) -> list[tuple[Ranked, int]]:
        """All that is kept with its cost, best first: at least the head that fits."""
        return sorted(((kept.record, kept.cost) for kept in self._kept.values()), reverse=True)

    def best(self) -> list[Ranked]:
        """The head that fits, best first."""
        return head(self.ranking(), self._limit)


def head(ranking: list[tuple[Ranked, int]], limit: int) -> list[Ranked]:
    """Return the longest head whose costs, added up, stay within the limit."""
    costs = np.cumsum([cost for _, cost in ranking])
    return [record for record, _ in ranking[: int(np.searchsorted(costs, limit, side="right"))]]


class LeftOut:
    """Counts records that are left out, by reason and score. Memory: a number for each score that may still matter."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[float, int]] = {}
        self._room = _SLACK_ROWS

    def add(self, reason: str, score: np.float32, least: np.float32 = BELOW_ALL) -> None:
        """One more. least : what scores lower will not be asked for."""
        counts = self._counts.setdefault(reason, {})
        value = float(score)
        counts[value] = counts.get(value, 0) + 1
        if len(counts) > self._room:
            self._counts[reason] = {each: count for each, count in counts.items() if each >= least}
            self._room = 2 * len(self._counts[reason]) + _SLACK_ROWS

    def take(self, other: "LeftOut", least: np.float32) -> None:
        """What another has counted of this score or a higher one."""
        for reason, counts in other._counts.items():
            mine = self._counts.setdefault(reason, {})
            for score, count in counts.items():
                if score >= least:
                    mine[score] = mine.get(score, 0) + count

    def counts(self, least: np.float32) -> dict[str, int]:
        """How many of this score or a higher one, for each reason that has any."""
        sums = {reason: sum(count for score, count in counts.items() if score >= least)
                for reason, counts in self._counts.items()}
        return {reason: sums[reason] for reason in sorted(sums) if sums[reason]}
