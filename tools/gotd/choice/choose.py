"""The best records of a pool, but for those that say nothing, stand in other texts, or say what a better one says.

A choice goes down the ranking: by score, then by input order. What is left out on the way does not count towards
the limit. How many are left out is counted down to the score of the last record chosen, which does not depend on how
the pool was read.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from gotd.choice.candidates import Candidate
from gotd.choice.ranking import BELOW_ALL, LeftOut, Ranked, WithinLimit
from gotd.content import copy_key, fewest_chars, has_content
from gotd.streams.embedded_records import SCORE, with_scores
from gotd.streams.json_fields import parse_object
from gotd.streams.record_text import RecordText
from gotd.streams.records import Record

WITHOUT_CONTENT, EXCLUDED, COPIES, NEAR_COPIES = "without content", "excluded", "copies", "near copies"
#: Near copies are looked for among so many times what is wanted; where too few are left, below those.
_WINDOW = 4


class Pool(Protocol):
    """Records with scores (see choice/candidates.py); read again for each threshold, and below each window."""

    def thresholds(self, wanted: int) -> "Iterator[np.float32 | None]": ...

    def batches(self, least: "np.float32 | None" = None) -> Iterator[list[Candidate]]: ...

    def text(self, line: bytes) -> str: ...


class NearCopies(Protocol):
    """Texts, and which others are near copies of one of them."""

    def add(self, text: str) -> bool:
        """Take the text in; False, and nothing is taken in, where it is a near copy of one that was."""


class Rules(NamedTuple):
    """What is chosen.

    limit    : of records, or with `by_chars` of the characters of their texts
    excluded : which of some texts must not be chosen, bool (n,)
    near     : an empty set, that knows near copies
    """

    limit: int
    by_chars: bool = False
    keep_copies: bool = False
    excluded: Callable[[Sequence[str]], np.ndarray] | None = None
    near: NearCopies | None = None


class Choice(NamedTuple):
    """What was chosen, best first.

    left_out : by the reason, how many records of the last one's score or a higher one were not chosen; near copies,
        how many were met on the way to it, copies of what stands higher up among them
    """

    records: list[Ranked]
    left_out: dict[str, int]


def choose(pool: Pool, rules: Rules) -> Choice:
    """Return the best records that the rules allow. Memory: O(limit)."""
    if rules.near is not None:
        return _choose_apart(pool, rules, rules.near)
    window = _window(pool, rules, rules.limit, None)
    best = window.kept.best()
    return _choice(best, window.kept.full or len(best) < len(window.ranking), window.left_out)


def _choose_apart(pool: Pool, rules: Rules, near: NearCopies) -> Choice:
    """The best that are no near copies of better ones: by windows of the ranking, each below the one before."""
    chosen: list[Ranked] = []
    left_out, spent = LeftOut(), 0
    window: _Window | None = None
    while window is None or (window.kept.full and window.ranking):
        window = _window(pool, rules, _WINDOW * rules.limit, window)
        for record, cost in window.ranking:
            if spent >= rules.limit:
                break
            if not near.add(pool.text(record.line)):
                left_out.add(NEAR_COPIES, record.score)
                continue
            spent += cost
            if spent <= rules.limit:
                chosen.append(record)
        if spent >= rules.limit:
            left_out.take(window.left_out, chosen[-1].score if chosen else -BELOW_ALL)
            return _choice(chosen, True, left_out)
        goes_on = window.kept.full and window.ranking
        left_out.take(window.left_out, window.ranking[-1][0].score if goes_on else BELOW_ALL)
    return _choice(chosen, False, left_out)


def _choice(records: list[Ranked], full: bool, left_out: LeftOut) -> Choice:
    last = records[-1].score if records else -BELOW_ALL
    return Choice(records, left_out.counts(last if full else BELOW_ALL))


def _window(pool: Pool, rules: Rules, limit: int, above: "_Window | None") -> "_Window":
    """The best of the pool within a limit, below those of another window."""
    window = _Window(rules, limit, above)
    for least in [None] if rules.by_chars or above else pool.thresholds(limit):
        window = _Window(rules, limit, above)
        window.read(pool, least)
        if window.kept.full:
            break
    window.ranking = window.kept.ranking()
    return window


class _Window:
    """The best of what ranks below another window, and what was left out there."""

    def __init__(self, rules: Rules, limit: int, above: "_Window | None") -> None:
        self.kept, self.left_out = WithinLimit(limit), LeftOut()
        self.ranking: list[tuple[Ranked, int]] = []
        self._rules = rules
        self._above = above.ranking[-1][0] if above else None
        self._keys_above = above.kept.keys if above else set[Hashable]()

    def read(self, pool: Pool, least: "np.float32 | None") -> None:
        """Take in what may be chosen."""
        for batch in pool.batches(least):
            for each in self._allowed([each for each in batch if self._is_of_interest(each)]):
                record = Ranked(each.score, -each.row, each.line)
                cost, fewest = (len(each.text), fewest_chars(each.text)) if self._rules.by_chars else (1, 1)
                if self._rules.keep_copies:
                    self.kept.add(record, cost)
                    continue
                key = copy_key(each.text)
                if self._above and each.score == self._above.score and key in self._keys_above:
                    continue  # it was counted as a copy there
                copy = self.kept.add(record, cost, key, fewest)
                if copy is not None:
                    self.left_out.add(COPIES, copy.score, self.kept.least_score)

    def _is_of_interest(self, each: Candidate) -> bool:
        below = self._above is None or (each.score, -each.row) < (self._above.score, self._above.later)
        return below and bool(each.score >= self.kept.least_score)

    def _allowed(self, batch: list[Candidate]) -> list[Candidate]:
        """Those with content that are not excluded."""
        allowed = []
        for each in batch:
            if has_content(each.text):
                allowed.append(each)
            else:
                self._leave_out(WITHOUT_CONTENT, each)
        if self._rules.excluded is None or not allowed:
            return allowed
        excluded = self._rules.excluded([each.text for each in allowed]).tolist()
        for each, out in zip(allowed, excluded, strict=True):
            if out:
                self._leave_out(EXCLUDED, each)
        return [each for each, out in zip(allowed, excluded, strict=True) if not out]

    def _leave_out(self, reason: str, each: Candidate) -> None:
        """Count it, unless the window above has counted all of its score."""
        if self._above is None or each.score < self._above.score:
            self.left_out.add(reason, each.score, self.kept.least_score)


def scored(records: Sequence[Ranked]) -> tuple[list[Ranked], int]:
    """Return the records with their scores in their lines, and how many scores that they had were replaced."""
    parsed = [Record(item.line, parse_object(item.line), "", None) for item in records]
    lines = with_scores(parsed, np.array([item.score for item in records], dtype=np.float32))
    replaced = sum(SCORE in record.fields for record in parsed)
    return [item._replace(line=line) for item, line in zip(records, lines, strict=True)], replaced


def count_copies(records: Sequence[Ranked], text: RecordText) -> int:
    """Return how many of the records are copies of one before them."""
    return len(records) - len({copy_key(text.of(parse_object(record.line))) for record in records})
