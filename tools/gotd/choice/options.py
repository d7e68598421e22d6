"""What a choice can be told, the same for ds-topk, gotd.topk and gotd.select, and its defaults."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gotd.choice import budgets
from gotd.choice.budgets import Unit
from gotd.choice.near_copies import NearCopies
from gotd.choice.quotas import Quotas, checked_shares, share_of
from gotd.choice.ranking_window import Rules
from gotd.errors import UsageError
from gotd.types import JSON

#: Amounts, of which one is given.
_AMOUNTS = ("k", "fraction", "budget_chars", "budget_words", "budget_tokens")


@dataclass(frozen=True)
class ChoiceOptions:
    """How much is chosen, and of what.

    k, fraction, budget_chars, budget_words, budget_tokens : one of them: so many records, this share of them, or the
        best whose texts have together at most so many characters, words or tokens
    tokenizer   : folder of the tokenizer that counts tokens
    keep_copies : choose also what says the same as a better record, but for case and white space
    distinct    : leave out near copies of better records, from this Jaccard similarity of runs of 5 words on
    per         : field whose values are kinds. at_most : no kind has more than this share; shares : the share of each
        kind, in place of it. allow_fewer : choose fewer where these quotas cannot be filled
    temperature : draw by chance, with odds by score: standard deviations of the scores; 0 takes the best. seed : of it
    split       : share of each target, where there are scores for several; none for equal ones
    """

    k: int | None = None
    fraction: float | None = None
    budget_chars: int | None = None
    budget_words: int | None = None
    budget_tokens: int | None = None
    tokenizer: str | None = None
    keep_copies: bool = False
    distinct: float | None = None
    per: str | None = None
    at_most: float | str | None = None
    shares: Mapping[str, object] | None = None
    allow_fewer: bool = False
    temperature: float = 0.0
    seed: int = 0
    split: Sequence[object] = ()

    def __post_init__(self) -> None:
        """Raise UsageError for what contradicts itself, or does nothing."""
        amounts = [value for name in _AMOUNTS if (value := getattr(self, name)) is not None]
        if len(amounts) != 1 or not amounts[0] > 0 or (self.fraction is not None and self.fraction > 1.0):
            raise UsageError("give one of k (at least 1), fraction (up to 1), budget_chars, budget_words and "
                             "budget_tokens (at least 1)")
        if (self.budget_tokens is None) != (self.tokenizer is None):
            raise UsageError("--budget-tokens counts with --tokenizer FOLDER: give both or none")
        if self.distinct is not None and self.keep_copies:
            raise UsageError("--distinct leaves near copies out, --keep-copies has them all: give one")
        if (self.per is None) != (self.at_most is None and self.shares is None):
            raise UsageError("--per FIELD names the kinds, --at-most S or --shares FILE how much of each: give both")
        if self.at_most is not None and self.shares is not None:
            raise UsageError("--at-most is for any kind, --shares for each: give one")
        if self.allow_fewer and self.per is None:
            raise UsageError("--allow-fewer is for quotas (--per FIELD), which may ask for more than there is")
        if not (self.temperature >= 0.0 and math.isfinite(self.temperature)):
            raise UsageError(f"--temperature {self.temperature}: at least 0, and finite")
        if self.seed and not self.temperature:
            raise UsageError("--seed is of --temperature: give that, too")
        self.quotas()

    @property
    def unit(self) -> str:
        """The name of what is counted."""
        given = [name.removeprefix("budget_") for name in _AMOUNTS[2:] if getattr(self, name) is not None]
        return given[0] if given else "records"

    def reads_again(self, targets: int) -> bool:
        """Whether records may be read more than once. targets : scores are for so many"""
        by_rank = self.unit == "records" or (self.unit == "chars" and targets == 1)
        return not by_rank or bool(self.temperature) or any(
            value is not None for value in (self.fraction, self.distinct, self.per))

    def quotas(self) -> Quotas | None:
        """Return the quotas. Raises: UsageError where a share is none, DataError where shares do not sum to 1."""
        if self.per is None:
            return None
        if self.shares is not None:
            return Quotas(self.per, None, checked_shares(self.shares, "--shares"), self.allow_fewer)
        try:
            return Quotas(self.per, share_of(self.at_most), None, self.allow_fewer)
        except ValueError as error:
            raise UsageError(f"--at-most: {error}") from error

    def rules(self, rows: Callable[[], int], targets: int = 1,
              excluded: Callable[[Sequence[str]], np.ndarray] | None = None) -> Rules:
        """Return the rules of the choice. rows : how many records there are, for a fraction of them"""
        near = NearCopies(self.distinct) if self.distinct is not None else None
        return Rules(self._limit(rows), self._unit(), self.keep_copies, excluded, near, self.quotas(), self.temperature,
                     self.seed, self._split(targets))

    def _limit(self, rows: Callable[[], int]) -> int:
        """So many; of a fraction rounded up, by the decimal number that was given: 0.07 of 100 is 7."""
        if self.fraction is not None:
            return math.ceil(Fraction(str(self.fraction)) * rows())
        return int(next(value for name in _AMOUNTS if (value := getattr(self, name)) is not None))

    def _unit(self) -> Unit:
        if self.budget_tokens is not None and self.tokenizer is not None:
            return budgets.tokens(self.tokenizer)
        if self.budget_words is not None:
            return budgets.words()
        return budgets.RECORDS if self.budget_chars is None else budgets.CHARACTERS

    def _split(self, targets: int) -> tuple[Fraction, ...]:
        if not self.split:
            return (Fraction(1, targets),) * targets
        if len(self.split) != targets:
            raise UsageError(f"--split: {len(self.split)} shares for {targets} targets: give one for each")
        shares = checked_shares({str(target): share for target, share in enumerate(self.split)}, "--split")
        return tuple(shares.values())

    def sealed(self) -> dict[str, JSON]:
        """Return what a seal says of it, as far as the choice depends on it."""
        said: dict[str, JSON] = {"k": self.k, "fraction": self.fraction, "budget_chars": self.budget_chars,
                                 "distinct": self.distinct, "keep_copies": self.keep_copies}
        more: dict[str, JSON] = {
            "budget_words": self.budget_words, "budget_tokens": self.budget_tokens, "per": self.per,
            "at_most": None if self.at_most is None else str(self.at_most), "allow_fewer": self.allow_fewer or None,
            "shares": None if self.shares is None else {kind: str(share) for kind, share in self.shares.items()},
            "temperature": self.temperature or None, "seed": self.seed if self.temperature else None,
            "split": [str(share) for share in self.split] or None,
        }
        return said | {name: value for name, value in more.items() if value is not None}
