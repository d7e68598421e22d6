"""The best of a pool for one target, below what was looked at before: what may be chosen, and what is left out."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

import numpy as np

from gotd.choice.budgets import RECORDS, Unit
from gotd.choice.candidates import Candidate
from gotd.choice.noise import Noise
from gotd.choice.quotas import NO_KIND, Quotas
from gotd.choice.ranking import BELOW_ALL_RECORDS, Kept, LeftOut, Ranked, WithinLimit
from gotd.content import copy_key, has_content
from gotd.errors import GotdError

WITHOUT_CONTENT, EXCLUDED, COPIES, NEAR_COPIES = "without content", "excluded", "copies", "near copies"
#: Near copies are looked for among so many times what is wanted; where too few are left, below those.
_WINDOW = 4
#: Texts whose words or tokens are counted at once.
_COUNTED_AT_ONCE = 64


class Pool(Protocol):
    """Records with scores (see choice/candidates.py); read again for each threshold, and below each window."""

    def thresholds(self, wanted: int) -> "Iterator[np.float32 | None]": ...

    def batches(self, least: "np.float32 | None" = None) -> Iterator[list[Candidate]]: ...

    def deviations(self) -> list[float]: ...

    def text(self, line: bytes) -> str: ...


class NearCopies(Protocol):
    """Texts, and which others are near copies of one of them."""

    def add(self, text: str) -> bool:
        """Take the text in; False, and nothing is taken in, where it is a near copy of one that was."""

    def has(self, text: str) -> bool:
        """Return True if it is a near copy of one that was taken in."""


class Rules(NamedTuple):
    """What is chosen.

    limit       : of what `unit` counts, of all records together
    excluded    : which of some texts must not be chosen, bool (n,)
    near        : an empty set, that knows near copies
    temperature : of the noise that ranks get, in standard deviations of the scores; 0 for none. seed : of the noise
    split       : the share of the limit that each target has, where candidates have scores for several
    """

    limit: int
    unit: Unit = RECORDS
    keep_copies: bool = False
    excluded: Callable[[Sequence[str]], np.ndarray] | None = None
    near: NearCopies | None = None
    quotas: Quotas | None = None
    temperature: float = 0.0
    seed: int = 0
    split: tuple[Fraction, ...] = (Fraction(1),)

    @property
    def is_one_reading(self) -> bool:
        """Whether all that is chosen is in the first window."""
        return (self.near is None and self.quotas is None and self.unit.held_per_unit == 1
                and (len(self.split) == 1 or self.unit is RECORDS))

    @property
    def is_of_best(self) -> bool:
        """Whether the records with the best scores are enough to choose from."""
        return self.unit is RECORDS and self.quotas is None and not self.temperature and len(self.split) == 1

    @property
    def window(self) -> int:
        """How much a window holds, in what it counts."""
        return self.limit * self.unit.held_per_unit * (1 if self.near is None else _WINDOW)


class Window:
    """The best of what ranks below what was looked at, by the scores for a target, and what was left out there.

    above : the first record that was not looked at; None for the first window
    is_closed : of kinds, whether there is no room left
    """

    def __init__(self, rules: Rules, noise: Noise | None, target: int, above: Ranked | None,
                 is_closed: Callable[[str], bool]) -> None:
        limit_of = rules.quotas.limits(rules.window) if rules.quotas else None
        self.kept, self.left_out = WithinLimit(rules.window, limit_of), LeftOut()
        self.other_kinds, self.has_kinds = 0, False
        self._rules, self._noise, self._target = rules, noise, target
        self._above, self._is_closed = above, is_closed

    def read(self, batch: Sequence[Candidate]) -> None:
        """Take in what may be chosen."""
        ranked = [pair for pair in map(self._ranked, batch) if pair is not None]
        for record, text in self._allowed(ranked):
            cost, fewest = self._rules.unit.held(text)
            if self._rules.keep_copies:
                self.kept.add(record, cost)
                continue
            copy = self.kept.add(record, cost, copy_key(text), fewest)
            if copy is not None:
                self.left_out.add(COPIES, copy, self.kept.least_rank())

    def _ranked(self, each: Candidate) -> tuple[Ranked, str] | None:
        """A candidate as it ranks, with its text; None where it cannot be chosen any more."""
        score = each.scores[self._target]
        rank: np.floating = score
        if self._rules.quotas is not None:
            self.has_kinds = self.has_kinds or each.kind != NO_KIND
            if not self._rules.quotas.has(each.kind):
                self.other_kinds += 1
                return None
            if self._is_closed(each.kind):
                return None
        if self._noise is not None:
            rank = self._noise.rank(score, each.text, self._target)
        if rank < self.kept.least_rank(each.kind):
            return None
        record = Ranked(rank, -each.row, each.line, score, each.kind, self._target)
        return None if self._above is not None and record > self._above else (record, each.text)

    def _allowed(self, ranked: list[tuple[Ranked, str]]) -> list[tuple[Ranked, str]]:
        """Those with content that are not excluded."""
        allowed = []
        for record, text in ranked:
            if has_content(text):
                allowed.append((record, text))
            else:
                self.left_out.add(WITHOUT_CONTENT, record, self.kept.least_rank())
        if self._rules.excluded is None or not allowed:
            return allowed
        excluded = self._rules.excluded([text for _, text in allowed]).tolist()
        for (record, _), out in zip(allowed, excluded, strict=True):
            if out:
                self.left_out.add(EXCLUDED, record, self.kept.least_rank())
        return [pair for pair, out in zip(allowed, excluded, strict=True) if not out]


class TargetRanking:
    """The ranking of a pool by the scores for one target, best first, read window by window."""

    def __init__(self, rules: Rules, noise: Noise | None, target: int, is_closed: Callable[[str], bool]) -> None:
        self.left_out, self.other_kinds = LeftOut(), 0
        self.is_new = True
        self._rules, self._noise, self._target, self._is_closed = rules, noise, target, is_closed
        self._upcoming: list[Kept] = []  # the best last
        self._costs: list[int] = []
        self._window: Window | None = None
        self._floors: list[tuple[Ranked, str | None]] = []  # the highest last

    @property
    def has_more(self) -> bool:
        """Whether records that may be chosen rank below the window."""
        return self.is_new or (self._floor is not None and not self._rules.is_one_reading)

    @property
    def is_exhausted(self) -> bool:
        """Whether all of the pool that may be chosen has been looked at."""
        return not self.is_new and self._floor is None

    @property
    def _floor(self) -> Ranked | None:
        """The best record that the window does not hold, of what is open: what ranks lower is not known in full."""
        while self._floors and (kind := self._floors[-1][1]) is not None and self._is_closed(kind):
            self._floors.pop()
        return self._floors[-1][0] if self._floors else None

    def head(self) -> Kept | None:
        """Return the best record that is left in the window."""
        while self._upcoming and self._is_closed(self._upcoming[-1].record.kind):
            self.pop()
        if not self._upcoming:
            return None
        floor = self._floor
        return None if floor is not None and self._upcoming[-1].record < floor else self._upcoming[-1]

    def pop(self) -> None:
        """Take the head away."""
        self._upcoming.pop()
        if self._costs:
            self._costs.pop()

    def cost(self, pool: Pool) -> int:
        """Return what the head costs of the limit; those of the following ones are counted with it."""
        if self._rules.unit.held_per_unit == 1:
            return self._upcoming[-1].cost
        if not self._costs:
            following = [pool.text(kept.record.line) for kept in self._upcoming[-_COUNTED_AT_ONCE:]]
            self._costs = list(self._rules.unit.counts(following))
        return self._costs[-1]

    def next_window(self) -> Window:
        """Return an empty window for what ranks below the last one."""
        return Window(self._rules, self._noise, self._target, self._floor, self._is_closed)

    def go_on(self, window: Window, least: np.float32 | None) -> None:
        """Go on in a window that has been filled. least : the lowest score that was looked at; None for all"""
        self.end()
        if self.is_new:
            self.other_kinds = window.other_kinds
            if self._rules.quotas is not None and not window.has_kinds:
                field = self._rules.quotas.field
                raise GotdError(f'no record has a "{field}" field; name one that they have with --per')
        self.is_new, self._window = False, window
        self._upcoming, self._costs = window.kept.ranking()[::-1], []
        floors = window.kept.floors()
        if least is not None:  # below it, and above every float32 that is lower
            floors.append((Ranked(np.nextafter(np.float64(least), -np.inf), 1, b""), None))
        self._floors = sorted(floors, key=lambda each: each[0])

    def end(self) -> None:
        """Count what was left out in the window, as far as it was looked at."""
        if self._window is not None:
            self.left_out.take(self._window.left_out, self._floor or BELOW_ALL_RECORDS)
