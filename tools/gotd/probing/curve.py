"""Which k: the prefixes of one ranking, judged whole, and by as many words of each.

Whole prefixes say what more text brings: more words are known of the target's kind, and the words that are added are
less and less like it. As many words of each, drawn from all of the prefix, say the second alone: how good the text is
down to there. The share of the choice in the effective distribution is the same for all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from gotd.errors import GotdError
from gotd.probing.comparing import Input, Probe
from gotd.probing.comparison import Comparison, Row

#: The smallest prefix is this part of the ranking, unless a person says otherwise: seven prefixes.
_SMALLEST = 64


@dataclass(frozen=True)
class Flat:
    """Where a curve flattens. lowest : documents of the prefix with the lowest average

    flat : of the smallest prefix of which it is not certain that another is better
    """

    lowest: int
    flat: int


@dataclass(frozen=True)
class Curve:
    """Prefixes of a ranking, shortest first.

    name  : of the ranking. sizes : documents of each prefix
    whole : the prefixes as they are. equal : so many words of each, as many as the shortest has, mean of several draws
    """

    name: str
    sizes: list[int]
    whole: Comparison
    equal: Comparison

    def rows(self, comparison: Comparison) -> list[Row]:
        """Return the rows of the prefixes, shortest first."""
        return [row for row in comparison.rows if row.kind == "choice"]

    def flat(self, measure: str) -> Flat:
        """Return where it flattens. measure : by_word or by_text"""
        figures = [getattr(row, measure) for row in self.rows(self.whole)]
        lowest = min(range(len(figures)), key=lambda place: figures[place].nats.value)
        flat = next(place for place, each in enumerate(figures) if each.to_best is None or each.to_best.low <= 0.0)
        return Flat(self.sizes[lowest], self.sizes[flat])

    def as_good(self, measure: str) -> int:
        """Return the documents of the longest prefix whose text may be as good, word by word, as any other's."""
        figures = [getattr(row, measure) for row in self.rows(self.equal)]
        return max(size for size, each in zip(self.sizes, figures, strict=True)
                   if each.to_best is None or each.to_best.low <= 0.0)


def sizes_of(documents: int, first: int | None) -> list[int]:
    """Return first, twice, four times as many ... up to all of so many documents, which are the last."""
    size = max(1, documents // _SMALLEST) if first is None else first
    found = []
    while size < documents:
        found.append(size)
        size *= 2
    return [*found, documents]


def judge_prefixes(probe: Probe, ranking: Input, first: int | None) -> Curve:
    """Judge the prefixes of a ranking, best first. Reads it as often as there are prefixes, and three times more.

    first : documents of the shortest; a 64th of all by default. Raises: GotdError where it has fewer documents.
    """
    documents = sum(len(batch) for batch in ranking.batches())
    if not documents or (first is not None and first > documents):
        raise GotdError(f"{ranking.name}: {documents} documents, fewer than --first {first or 1}; lower it, or choose "
                        "more")
    sizes = sizes_of(documents, first)
    prefixes = [_prefix(ranking, size) for size in sizes]
    whole = probe.compare(prefixes)
    words = next(row.tokens for row in whole.rows if row.kind == "choice")
    return Curve(ranking.name, sizes, whole, probe.compare(prefixes, words))


def _prefix(ranking: Input, size: int) -> Input:
    def batches() -> Iterator[list[str]]:
        left = size
        for batch in ranking.batches():  # to the end all the same: that is where a cut file is found out
            if left:
                yield list(islice(batch, left))
                left -= min(left, len(batch))

    return Input(f"first {size:,} of {ranking.name}", batches)
