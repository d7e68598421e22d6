"""Quotas: how much of a choice may be of each kind, by a field of the records."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from gotd.errors import DataError, UsageError
from gotd.streams.json_fields import value_at
from gotd.types import JSON

#: The kind of records that lack the field, or have null there.
NO_KIND = "null"
#: Shares may miss the sum 1 by this much: 0.333 three times. They are divided by their sum then.
_ROUNDING = Fraction(1, 100)


@dataclass(frozen=True)
class Quotas:
    """How much of a choice each kind may have.

    field       : of the records, whose values are the kinds; a path with dots where none has the whole name.
    at_most     : no kind has more than this share of the limit.
    shares      : the share of each kind, in place of `at_most`; other kinds have none.
    allow_fewer : choose fewer where a kind, or the pool, has too few.
    """

    field: str
    at_most: Fraction | None = None
    shares: Mapping[str, Fraction] | None = None
    allow_fewer: bool = False

    def limits(self, limit: int) -> Callable[[str], int]:
        """Return the limit of each kind, of a limit of all."""
        if self.shares is not None:
            shared = dict(zip(self.shares, apportioned(limit, list(self.shares.values())), strict=True))
            return lambda kind: shared.get(kind, 0)
        most = math.floor((self.at_most or 0) * limit)
        if not most:
            raise UsageError(f"at most {float(self.at_most or 0):g} of {limit:,} is nothing: raise one of them")
        return lambda _kind: most

    def has(self, kind: str) -> bool:
        """Return True if records of this kind may be chosen."""
        return self.shares is None or kind in self.shares


def apportioned(limit: int, shares: Sequence[Fraction]) -> list[int]:
    """Return whole numbers that sum to the limit, by largest remainders; of equal ones the earlier.

    shares : summing to 1
    """
    parts = [math.floor(limit * share) for share in shares]
    by_rest = sorted(range(len(parts)), key=lambda place: parts[place] - limit * shares[place])
    for place in by_rest[: limit - sum(parts)]:
        parts[place] += 1
    return parts


def kind_of(fields: Mapping[str, JSON], field: str) -> str:
    """Return the kind of a record: a string as it is, a number, true or false as JSON, NO_KIND where there is none.

    Raises: ValueError for a list or an object.
    """
    value = value_at(fields, field)
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        what = "object" if isinstance(value, dict) else "array"
        raise ValueError(f'"{field}" is a JSON {what}; a kind is a string, a number, true, false or null')
    return json.dumps(value)


def share_of(value: object) -> Fraction:
    """Return a share, above 0 and up to 1, as the decimal number that it was given as: 0.07 of 100 is 7.

    Raises: ValueError where it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
        raise ValueError(f"{value!r} is no share")
    try:
        share = Fraction(str(value).strip())
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{value!r} is no share") from error
    if not 0 < share <= 1:
        raise ValueError(f"{value} is no share: it is not above 0 and at most 1")
    return share


def checked_shares(given: Mapping[str, object], place: str) -> dict[str, Fraction]:
    """Return shares that sum to 1. Raises: DataError where they are none, or their sum is another."""
    shares = {}
    for kind, value in given.items():
        try:
            shares[kind] = share_of(value)
        except ValueError as error:
            raise DataError(place, f"{kind}: {error}", "give each kind a share, as 0.25") from error
    total = sum(shares.values(), Fraction())
    if abs(total - 1) > _ROUNDING:
        raise DataError(place, f"shares that sum to {float(total):g}", "make the sum 1")
    return {kind: share / total for kind, share in shares.items()}


def read_shares(data: bytes, place: str) -> dict[str, Fraction]:
    """Return the shares in a file: a JSON object {"kind": share}, or a line "kind<TAB>share" for each kind."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(place, "not UTF-8", "save it as UTF-8") from error
    if text.lstrip().startswith("{"):
        try:
            pairs = json.loads(text, object_pairs_hook=list, parse_float=str, parse_int=str)
        except ValueError as error:
            raise DataError(place, f"not JSON: {error}", 'write {"kind": share, ...}') from error
    else:
        pairs = []
        for number, line in enumerate(text.splitlines(), 1):
            kind, tab, share = line.rpartition("\t")
            if line.strip() and not tab:
                raise DataError(f"{place}:{number}", "no tab", 'write a line "kind<TAB>share" for each, or JSON')
            pairs += [(kind, share)] if tab else []
    twice = next((kind for number, (kind, _) in enumerate(pairs) if kind in dict(pairs[:number])), None)
    if twice is not None:
        raise DataError(place, f"{twice} stands there twice", "give each kind one share")
    return checked_shares(dict(pairs), place)
