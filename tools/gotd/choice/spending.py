"""How much of its limits a choice has spent: of all, of each kind, of each target."""

from collections import Counter
from fractions import Fraction

from gotd.choice.quotas import apportioned
from gotd.choice.ranking import ABOVE_ALL_RECORDS, BELOW_ALL_RECORDS, Ranked
from gotd.choice.ranking_window import Rules


class Spending:
    """What is chosen costs something of the limit of all, of its kind's and of its target's.

    The first record that does not fit into one of them closes it: a smaller one that ranks lower does not slip in.

    kinds : records chosen of each kind
    """

    def __init__(self, rules: Rules) -> None:
        self.kinds: Counter[str] = Counter()
        self._rules = rules
        self._limit_of = rules.quotas.limits(rules.limit) if rules.quotas else None
        self._shares = apportioned(rules.limit, rules.split)
        self._of_kind: Counter[str] = Counter()
        self._of_target = [0] * len(rules.split)
        self._closed: set[str] = set()
        self._over = {target for target, share in enumerate(self._shares) if not share}
        self._exhausted: set[int] = set()
        self._last: dict[tuple[int, str], Ranked] = {}
        self._is_full = False

    @property
    def total(self) -> int:
        """Of the limit, in its unit."""
        return sum(self._of_target)

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be chosen, whatever it is."""
        return self._is_full or len(self._over) == len(self._shares) or self._all_kinds_are_closed

    @property
    def _all_kinds_are_closed(self) -> bool:
        shares = self._rules.quotas.shares if self._rules.quotas else None
        return shares is not None and len(self._closed) == len(shares)

    def is_closed(self, kind: str) -> bool:
        """Whether nothing more of a kind may be chosen."""
        return kind in self._closed

    def next_target(self) -> int | None:
        """Return the target that has the least of its share so far; None where no more may be chosen."""
        left = [target for target in range(len(self._shares)) if target not in self._over | self._exhausted]
        if self.is_full or not left:
            return None
        return min(left, key=lambda target: Fraction(self._of_target[target], self._shares[target]))

    def end(self, target: int, is_exhausted: bool) -> None:
        """Nothing more is chosen for a target. is_exhausted : as all of the pool has been looked at"""
        (self._exhausted if is_exhausted else self._over).add(target)

    def fits(self, record: Ranked, cost: int) -> bool:
        """Return True if there is room for a record."""
        return (self.total + cost <= self._rules.limit and self._of_target[record.target] + cost
                <= self._shares[record.target] and self._fits_its_kind(record.kind, cost))

    def _fits_its_kind(self, kind: str, cost: int) -> bool:
        return self._limit_of is None or self._of_kind[kind] + cost <= self._limit_of(kind)

    def add(self, record: Ranked, cost: int) -> None:
        """A record is chosen."""
        self._of_target[record.target] += cost
        if self._limit_of is not None:
            self._of_kind[record.kind] += cost
            self.kinds[record.kind] += 1
        self._last[record.target, record.kind] = record
        self.close(record, 1)

    def close(self, record: Ranked, cost: int) -> None:
        """Close what has no room for so much of this kind and for this target."""
        if self.total + cost > self._rules.limit:
            self._is_full = True
        if self._of_target[record.target] + cost > self._shares[record.target]:
            self._over.add(record.target)
        if not self._fits_its_kind(record.kind, cost):
            self._closed.add(record.kind)

    def short(self) -> dict[str, tuple[int, int]]:
        """Return what each kind with room has, and could have: its share, or the most."""
        if self._limit_of is None or self._rules.quotas is None:
            return {}
        kinds = self._rules.quotas.shares or self._of_kind
        return {kind: (self._of_kind[kind], self._limit_of(kind)) for kind in kinds if kind not in self._closed}

    def end_of(self, target: int, kind: str, last: Ranked) -> Ranked:
        """Return the place down to which records of a kind were looked at. last : that was chosen for the target"""
        if kind in self._closed:
            return self._last.get((target, kind), ABOVE_ALL_RECORDS)
        return BELOW_ALL_RECORDS if target in self._exhausted else last
