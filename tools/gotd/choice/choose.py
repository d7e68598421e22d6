"""The best records of a pool, but for those that say nothing, stand in other texts, or say what a better one says.

A choice goes down the ranking: by score (or by score and chance), then by input order. What is left out on the way does
not count towards the limit. How many are left out is counted down to the last record chosen, of a kind that has its
quota to the kind's last one, which does not depend on how the pool was read.

Several targets, each with a ranking of its own, take turns: always the one that has the least of its share so far. A
record that is taken, and every copy of it, is passed over by the others.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from gotd.choice.noise import Noise
from gotd.choice.ranking import ABOVE_ALL_RECORDS, Kept, Ranked
from gotd.choice.ranking_window import COPIES, NEAR_COPIES, Pool, Rules, TargetRanking
from gotd.choice.spending import Spending
from gotd.content import copy_key
from gotd.errors import GotdError
from gotd.streams.embedded_records import SCORE, with_scores, with_targets
from gotd.streams.json_fields import parse_object
from gotd.streams.record_text import RecordText
from gotd.streams.records import Record

#: Kinds that a message names.
_KINDS_NAMED = 8


class Choice(NamedTuple):
    """What was chosen, best first.

    left_out : by the reason, how many records above the last one were not chosen. Of several targets' rankings, the
        sum.
    spent    : of the limit, in its unit.
    kinds    : how many records of each kind, where kinds have quotas; most first.
    other_kinds : records of the pool whose kinds have no share.
    shared   : records that were chosen for one target and would have been for another.
    """

    records: list[Ranked]
    left_out: dict[str, int]
    spent: int
    kinds: dict[str, int]
    other_kinds: int
    shared: int


def choose(pool: Pool, rules: Rules) -> Choice:
    """Return the best records that the rules allow. Memory: O(limit), and some bytes for each that is left out.

    Raises: GotdError where quotas cannot be filled.
    """
    noise = Noise(rules.temperature, rules.seed, pool.deviations()) if rules.temperature else None
    spending = Spending(rules)
    rankings = [TargetRanking(rules, noise, target, spending.is_closed) for target in range(len(rules.split))]
    walk = _Walk(pool, rules, spending)
    while (target := spending.next_target()) is not None:
        ranking = rankings[target]
        if (entry := ranking.head()) is not None:
            walk.take(entry, ranking)
            ranking.pop()
        elif ranking.has_more:
            _read(pool, rules, [each for each in rankings if each.has_more and each.head() is None])
        else:
            spending.end(target, ranking.is_exhausted)
    if rules.quotas is not None and not rules.quotas.allow_fewer:
        _require_filled(rules, spending)
    return _choice(walk, rankings, spending)


def _read(pool: Pool, rules: Rules, rankings: Sequence[TargetRanking]) -> None:
    """Read the pool for the next window of each ranking."""
    is_first = all(ranking.is_new for ranking in rankings)
    for least in pool.thresholds(rules.window) if is_first and rules.is_of_best else [None]:
        windows = [ranking.next_window() for ranking in rankings]
        for batch in pool.batches(least):
            for window in windows:
                window.read(batch)
        if all(window.kept.is_full for window in windows):
            break
    for ranking, window in zip(rankings, windows, strict=True):
        ranking.go_on(window, least)


class _Walk:
    """The way down the rankings."""

    def __init__(self, pool: Pool, rules: Rules, spending: Spending) -> None:
        self.chosen: list[Ranked] = []
        self.shared = 0
        self._pool, self._rules, self._spending = pool, rules, spending
        self._rows: dict[Hashable, int] = {}
        #: Of targets: keys of near copies, whose own copies the windows below meet.
        self._near: set[tuple[int, Hashable]] = set()

    def take(self, entry: Kept, ranking: TargetRanking) -> None:
        """Choose a record, or leave it out."""
        record, near = entry.record, self._rules.near
        key = record.later if entry.key is None else entry.key
        if key in self._rows:
            if self._rows[key] == record.row:
                self.shared += 1
            else:
                ranking.left_out.add(COPIES, record)
            return
        cost = ranking.cost(self._pool)
        fits = self._spending.fits(record, cost)
        text = "" if near is None else self._pool.text(record.line)
        if (record.target, key) in self._near:
            ranking.left_out.add(COPIES, record)
        elif near is not None and not (near.add(text) if fits else not near.has(text)):
            ranking.left_out.add(NEAR_COPIES, record)
            self._near.add((record.target, key))
        elif fits:
            self.chosen.append(record)
            self._spending.add(record, cost)
            self._rows[key] = record.row
        else:
            self._spending.close(record, cost)


def _choice(walk: _Walk, rankings: Sequence[TargetRanking], spending: Spending) -> Choice:
    left_out: Counter[str] = Counter()
    for target, ranking in enumerate(rankings):
        ranking.end()
        last = next((record for record in reversed(walk.chosen) if record.target == target), ABOVE_ALL_RECORDS)
        left_out.update(ranking.left_out.counts(partial(spending.end_of, target, last=last)))
    return Choice(walk.chosen, dict(sorted(left_out.items())), spending.total, dict(spending.kinds.most_common()),
                  rankings[0].other_kinds, walk.shared)


def _require_filled(rules: Rules, spending: Spending) -> None:
    """Raise GotdError where quotas leave room that nothing fills."""
    quotas, unit = rules.quotas, rules.unit.name
    short = {kind: spent for kind, spent in spending.short().items() if spent[0] < spent[1]}
    if quotas is None or spending.is_full or (quotas.shares is not None and not short):
        return
    named = [f"{kind} has {spent:,} of {limit:,}" for kind, (spent, limit) in list(short.items())[:_KINDS_NAMED]]
    more = f" and {len(short) - _KINDS_NAMED:,} more kinds" if len(short) > _KINDS_NAMED else ""
    if quotas.shares is not None:
        missing = sum(limit - spent for spent, limit in short.values())
        what = f"{', '.join(named)}{more}: {missing:,} {unit} too few"
    else:
        missing = rules.limit - spending.total
        what = (f"{spending.total:,} of {rules.limit:,} {unit} can be chosen, {missing:,} too few; no kind may have "
                f"more than {float(quotas.at_most or 0):g} of them"
                + (f", and {', '.join(named)}{more}" if named else ""))
    raise GotdError(f'quotas by "{quotas.field}" cannot be filled: {what}; choose less, mend the quotas, or let fewer '
                    "be chosen (--allow-fewer)")


def lines_of(records: Sequence[Ranked], with_score: bool, targets: Sequence[str] = ()) -> tuple[list[Ranked], int]:
    """Return the records with their scores in their lines, and how many scores that they had were replaced.

    with_score : or as they are. targets : names of several; their lines say which of them it was
    """
    parsed = [Record(item.line, parse_object(item.line), "", None) for item in records]
    lines, replaced = [record.line for record in parsed], 0
    if with_score:
        lines = with_scores(parsed, np.array([item.score for item in records], dtype=np.float32))
        replaced = sum(SCORE in record.fields for record in parsed)
    if len(targets) > 1:
        lines = with_targets([record._replace(line=line) for record, line in zip(parsed, lines, strict=True)],
                             [targets[item.target] for item in records])
    return [item._replace(line=line) for item, line in zip(records, lines, strict=True)], replaced


def count_copies(records: Sequence[Ranked], text: RecordText) -> int:
    """Return how many of the records are copies of one before them."""
    return len(records) - len({copy_key(text.of(parse_object(record.line))) for record in records})
