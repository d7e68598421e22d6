"""The best of a stream in one pass: by score, then by input order."""

import heapq
from array import array
from collections.abc import Callable, Hashable, Iterable
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

    rank   : what it ranks by: its score, float32, or a score with noise, float64.
    later  : minus the number of the row, so that of equal ranks the earlier row is the greater.
    score  : float32.
    kind   : of its quota; empty where there are none.
    target : by the scores for which of several targets it was chosen.
    """

    rank: np.floating
    later: int
    line: bytes
    score: np.float32 = BELOW_ALL
    kind: str = ""
    target: int = 0

    @property
    def row(self) -> int:
        """Number of the row in the stream."""
        return -self.later


#: Places in a ranking: before its first record, and after its last.
ABOVE_ALL_RECORDS, BELOW_ALL_RECORDS = Ranked(-BELOW_ALL, 1, b""), Ranked(BELOW_ALL, 0, b"")


class Kept(NamedTuple):
    """A record that may be chosen.

    cost  : of the limit. least : what it costs at least, whichever record of its key is the best
    key   : equal for copies; None for one that has none
    place : tells it from all others that are kept
    """

    record: Ranked
    cost: int
    least: int
    key: Hashable
    place: Hashable


class _Level:
    """What shares one limit: all, or one kind.

    heap  : with what is not kept any more. spent, count : of what is kept
    floor : the best of those that did not fit: nothing that ranks lower can fit any more
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.spent, self.count = limit, 0, 0
        self.heap: list[Kept] = []
        self.floor: Ranked | None = None

    @property
    def is_over(self) -> bool:
        """Whether something must go. One record is kept, whatever it costs, so that a ranking can go on below it."""
        return self.spent > self.limit and self.count > 1


class WithinLimit:
    """Keeps the head of a ranking whose costs, added up, stay within a limit, and one record at least.

    With cost 1 each it is the best k; with their characters, the best records that a budget pays for. Of records with
    one key only the best counts, and of equally good ones the earliest. Where kinds have limits of their own, the head
    of each is kept, as long as it is among the best of all. Memory: what it keeps.

    limit_of : of a kind; None where kinds have none
    """

    def __init__(self, limit: int, limit_of: Callable[[str], int] | None = None) -> None:
        self._whole, self._kinds, self._limit_of = _Level(limit), dict[str, _Level](), limit_of
        self._kept: dict[Hashable, Kept] = {}

    def least_rank(self, kind: str = "") -> np.floating:
        """A record of this kind that ranks below cannot be chosen any more."""
        if self._limit_of is not None:
            return max((floor.rank for floor in self._floors(kind)), default=BELOW_ALL)
        return BELOW_ALL if self._whole.floor is None else self._whole.floor.rank

    @property
    def is_full(self) -> bool:
        """Whether the limit of all is reached, so that only better records can change what is kept."""
        return self._whole.floor is not None or self._whole.spent >= self._whole.limit

    def floors(self) -> list[tuple[Ranked, str | None]]:
        """The best records that did not fit, of each kind and, with None, of all: above them all is kept."""
        levels: Iterable[tuple[str | None, _Level]] = [(None, self._whole), *self._kinds.items()]
        return [(level.floor, kind) for kind, level in levels if level.floor is not None]

    def _floors(self, kind: str) -> list[Ranked]:
        levels = (self._whole, self._kinds.get(kind))
        return [level.floor for level in levels if level is not None and level.floor is not None]

    def add(self, record: Ranked, cost: int, key: Hashable = None, least: int | None = None) -> Ranked | None:
        """The next record of the stream; what is left out because another of its key and kind ranks higher.

        key : None for one that no other record has; least : as many as `cost`, where all of one key cost the same
        """
        if record.rank < self.least_rank(record.kind):
            return None
        place = record.later if key is None else (record.kind, key)
        held = self._kept.get(place)
        if held is not None and record < held.record:
            return record
        if held is None and any(record < floor for floor in self._floors(record.kind)):
            return None
        self._insert(Kept(record, cost, cost if least is None else least, key, place), held)
        return held.record if held is not None else None

    def _levels(self, kind: str) -> list[_Level]:
        if self._limit_of is None:
            return [self._whole]
        if kind not in self._kinds:
            self._kinds[kind] = _Level(self._limit_of(kind))
        return [self._kinds[kind], self._whole]

    def _insert(self, kept: Kept, replaced: Kept | None) -> None:
        self._kept[kept.place] = kept
        levels = self._levels(kept.record.kind)
        for level in levels:
            level.spent += kept.least - (0 if replaced is None else replaced.least)
            level.count += replaced is None
            heapq.heappush(level.heap, kept)
        for level in levels:
            while level.is_over:
                lowest = heapq.heappop(level.heap)
                if self._kept.get(lowest.place) is lowest:
                    self._remove(lowest)
                    level.floor = lowest.record
            if len(level.heap) > 2 * level.count + _SLACK_ROWS:
                level.heap = [each for each in level.heap if self._kept.get(each.place) is each]
                heapq.heapify(level.heap)

    def _remove(self, kept: Kept) -> None:
        """Let go of it; of a kind with nothing left, too: the floor of all is above its own then."""
        del self._kept[kept.place]
        kind = kept.record.kind
        for level in self._levels(kind):
            level.spent -= kept.least
            level.count -= 1
        if self._limit_of is not None and not self._kinds[kind].count:
            del self._kinds[kind]

    def ranking(self) -> list[Kept]:
        """All that is kept, best first."""
        return sorted(self._kept.values(), key=lambda kept: kept.record, reverse=True)


class LeftOut:
    """Counts records that are left out, by reason, kind and place. Memory: 8 bytes for each whose rank may matter."""

    def __init__(self) -> None:
        self._later: dict[tuple[str, str], dict[float, array[int]]] = {}
        self._held = 0
        self._room = _SLACK_ROWS

    def add(self, reason: str, record: Ranked, least: np.floating = BELOW_ALL) -> None:
        """One more. least : what ranks lower will not be asked for, of any kind."""
        ranks = self._later.setdefault((reason, record.kind), {})
        ranks.setdefault(float(record.rank), array("q")).append(record.later)
        self._held += 1
        if self._held > self._room:
            self._later = {key: {rank: rows for rank, rows in ranks.items() if rank >= least}
                           for key, ranks in self._later.items()}
            self._held = sum(len(rows) for ranks in self._later.values() for rows in ranks.values())
            self._room = 2 * self._held + _SLACK_ROWS

    def take(self, other: "LeftOut", place: Ranked) -> None:
        """What another has counted above a place."""
        for key, ranks in other._later.items():
            own = self._later.setdefault(key, {})
            for rank, rows in ranks.items():
                own.setdefault(rank, array("q")).extend(_above(rank, rows, place))

    def counts(self, place_of: Callable[[str], Ranked]) -> dict[str, int]:
        """Return how many are above the place of their kind, for each reason that has any."""
        sums: dict[str, int] = {}
        for (reason, kind), ranks in self._later.items():
            place = place_of(kind)
            sums[reason] = sums.get(reason, 0) + sum(len(_above(rank, rows, place)) for rank, rows in ranks.items())
        return {reason: sums[reason] for reason in sorted(sums) if sums[reason]}


def _above(rank: float, rows: "array[int]", place: Ranked) -> "array[int]":
    """Of rows that have this rank (minus their numbers), those that are above a place."""
    if rank == place.rank:
        return array("q", [later for later in rows if later > place.later])
    return rows if rank > place.rank else array("q")
