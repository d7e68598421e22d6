"""What a comparison of choices says: its rows, its counts and its warnings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gotd.chunking import much_longer
from gotd.lookup import Int64s
from gotd.probing.figures import Figures
from gotd.probing.judgement import Estimate
from gotd.probing.model import Counts
from gotd.probing.target import VOCABULARY, Target
from gotd.types import JSON

#: Of fewer units than this intervals of skewed figures are known to be too narrow (scripts/bench/coverage.py).
_FEW_UNITS = 30


class Settings(NamedTuple):
    """How choices are compared.

    share  : lambda, of the choice in the effective distribution
    budget : words of each choice that count, the first ones; None for all
    order  : of the n-grams
    draws  : random choices of each size
    """

    share: float = 0.3
    budget: int | None = None
    order: int = 3
    draws: int = 5
    resamples: int = 2000
    seed: int = 0


class Row(NamedTuple):
    """One line of the comparison.

    kind    : "none", "random" or "choice"
    tokens  : words that were counted; documents : texts they stand in, of random choices the mean
    by_word, by_text : what it says by either average
    """

    name: str
    kind: str
    documents: int
    tokens: int
    by_word: Figures
    by_text: Figures
    bits_per_byte: Estimate


@dataclass(frozen=True)
class Facts:
    """Counts and settings of a comparison, in the order in which they are printed.

    target_left_out : texts that stand in a choice. target_empty : texts without words. share : lambda
    source_standing : texts of the target that stand in the source, too. target_units : of those that judge
    """

    target_documents: int
    target_tokens: int
    target_bytes: int
    target_left_out: int
    target_empty: int
    source_documents: int
    source_tokens: int
    share: float
    order: int
    draws: int
    budget: int | None
    resamples: int
    seed: int
    vocabulary: int
    source_standing: int
    target_units: int

    def as_json(self) -> dict[str, JSON]:
        """Return them by the names that ds-probe prints."""
        return {"lambda" if name == "share" else name: value for name, value in vars(self).items()}


class Comparison(NamedTuple):
    """All rows, and what they were made from.

    judged : which of the target's texts judge, bool (n,)
    random_rows : documents in the pool of the draws of each size in words, int64 (n,) each
    """

    rows: list[Row]
    facts: Facts
    judged: np.ndarray
    random_rows: Mapping[int, list[Int64s]]
    warnings: list[str]


def warnings_of(name: str, source: str, facts: Facts, rows: Sequence[Row], standing: int) -> list[str]:
    """Return what a person should know. standing : texts that judge and stand in the source, too"""
    warnings = []
    if facts.source_tokens < (largest := max(row.tokens for row in rows)):
        warnings.append(f"{source}: the source has {facts.source_tokens} words, fewer than a choice ({largest}); "
                        "what is known of it is too little to say how a choice would change it")
    if standing:
        warnings.append(f"{source}: {standing} of the texts of {name} stand in the source, too; they are judged "
                        "by, but a model that was trained on it knows them")
    if (count := facts.target_units) < _FEW_UNITS:
        texts = facts.target_documents
        said = f"{count} texts" if count == texts else f"{count} units of {texts} texts"
        warnings.append(f"{name}: only {said} judge; the intervals are rough")
    return [*warnings, *_of_lengths(facts, [row for row in rows if row.kind == "choice"])]


def _of_lengths(facts: Facts, choices: Sequence[Row]) -> Iterator[str]:
    """Yield a warning of the choice with the longest texts."""
    longest = max(choices, key=lambda row: row.tokens / row.documents, default=None)
    if longest is None:
        return
    said = much_longer(longest.tokens / longest.documents, facts.target_tokens / facts.target_documents, "words")
    if said:
        yield f"{longest.name}: {said}"


def facts_of(target: Target, judged: np.ndarray, base: Counts, settings: Settings, standing: int, units: int) -> Facts:
    """Return what was counted. Shapes: judged bool (n,)."""
    lengths, documents = target.numbered.lengths, int(judged.sum())
    worded = int((lengths > 0).sum())
    return Facts(
        target_documents=documents, target_tokens=int(lengths[judged].sum()),
        target_bytes=int(target.bytes[judged].sum()), target_left_out=worded - documents,
        target_empty=len(lengths) - worded, source_documents=base.documents, source_tokens=base.total,
        share=settings.share, order=settings.order, draws=settings.draws, budget=settings.budget,
        resamples=settings.resamples, seed=settings.seed, vocabulary=VOCABULARY, source_standing=standing,
        target_units=units,
    )
