"""What no choice, a random choice of the same size, and each given choice would do for a model of the target."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gotd.errors import GotdError
from gotd.probing.counting import Counted, Drawn, Histogram, Reader, count, draw
from gotd.probing.judgement import Estimate, Judgement
from gotd.probing.lookup import Int64s
from gotd.probing.model import Mixture, document_costs
from gotd.probing.overlap import Overlap
from gotd.probing.target import VOCABULARY, Target

#: Fewer texts than this say little about how sure the figures are.
_FEW_TEXTS = 30


class Input(NamedTuple):
    """Texts from somewhere. name : for messages; batches : called for each reading."""

    name: str
    batches: Callable[[], Iterator[list[str]]]


class Settings(NamedTuple):
    """How choices are compared.

    share  : lambda, of the choice in the effective distribution
    budget : words of each choice that count, the first ones; None for all
    order  : of the n-grams
    """

    share: float = 0.3
    budget: int | None = None
    order: int = 3
    resamples: int = 2000
    seed: int = 0


class Row(NamedTuple):
    """One line of the comparison.

    kind    : "none", "random" or "choice"
    tokens  : words that were counted; documents : texts they stand in
    to_random, to_best : differences in nats a token, below zero where this row is better; to a random choice of as many
        words, and to the choice with the lowest cross-entropy
    """

    name: str
    kind: str
    documents: int
    tokens: int
    nats_per_token: Estimate
    bits_per_byte: Estimate
    to_random: Estimate | None
    to_best: Estimate | None


class Comparison(NamedTuple):
    """All rows, and what they were made from.

    facts : counts, for JSON
    judged : which of the target's texts judge, bool (n,)
    random_rows : documents of each random choice in the pool, by its words, int64 (n,)
    """

    rows: list[Row]
    facts: dict[str, Any]
    judged: np.ndarray
    random_rows: Mapping[int, Int64s]
    warnings: list[str]


def compare(name: str, texts: Sequence[str], choices: Sequence[Input], source: Input, pool: Input | None,
            settings: Settings, threads: int) -> Comparison:
    """Reads every choice once, the source once, and what random choices are drawn from twice.

    name, texts : the target's
    Raises: GotdError where there is nothing to judge by, or no random choice can be drawn.
    """
    target, overlap = Target(texts), Overlap(texts)
    if not target.vocabulary:
        raise GotdError(f"{name}: no words in {len(texts)} texts: nothing is held out; check the file and its text key")
    reader = Reader(target, overlap, threads)
    counted = [_count_choice(reader, choice, settings.budget) for choice in choices]
    sizes = sorted({each.counts.total for each in counted})
    histogram = Histogram(settings.seed)
    base = count(reader, source.batches(), histogram=None if pool else histogram)
    if not base.counts.total:
        raise GotdError(f"{source.name}: no words in {base.counts.documents} texts; check the files and --text-key")
    if pool:
        count(reader, pool.batches(), histogram=histogram)
    _require_enough(pool or source, int(histogram.words.sum()), choices, counted, pool is not None)
    drawn = draw(reader, (pool or source).batches(), histogram, sizes)
    judged = _judged(name, target, _standing(overlap, choices, counted, drawn))
    rows = _rows(target, judged, choices, counted, base, drawn, settings)
    warnings = _warnings(name, source, base, sizes[-1], judged, overlap)
    facts = _facts(target, judged, base, settings) | {"source_standing": int(overlap.standing(base.seen).sum())}
    return Comparison(rows, facts, judged, {size: each.rows for size, each in drawn.items()}, warnings)


def _count_choice(reader: Reader, choice: Input, budget: int | None) -> Counted:
    found = count(reader, choice.batches(), budget)
    words = found.counts.total
    if not words:
        raise GotdError(f"{choice.name}: no words in {found.counts.documents} texts; check the file and --text-key")
    if budget is not None and words < budget:
        raise GotdError(f"{choice.name}: {words} words, fewer than --budget {budget}; lower it, or choose more")
    return found


def _require_enough(pool: Input, words: int, choices: Sequence[Input], counted: Sequence[Counted], given: bool) -> None:
    largest = max(range(len(counted)), key=lambda i: counted[i].counts.total)
    wanted = counted[largest].counts.total
    if words < wanted:
        remedy = "a larger --pool" if given else "a larger --source, a --pool to draw from"
        raise GotdError(f"{pool.name}: {words} words, fewer than the {wanted} of {choices[largest].name}, so that no "
                        f"random choice of its size can be drawn; give {remedy}, or a --budget")


def _standing(overlap: Overlap, choices: Sequence[Input], counted: Sequence[Counted],
              drawn: Mapping[int, Drawn]) -> list[tuple[str, np.ndarray]]:
    """Which texts of the target stand in each choice, and in a random one. Shapes: -> bool (n,) each."""
    found = [(choice.name, overlap.standing(each.seen)) for choice, each in zip(choices, counted, strict=True)]
    return [*found, ("random", np.logical_or.reduce([overlap.standing(each.seen) for each in drawn.values()]))]


def _judged(name: str, target: Target, standing: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """Which texts judge: those with words that stand in no choice. Shapes: bool (n,) each -> bool (n,)."""
    judged = (target.numbered.lengths > 0) & ~np.logical_or.reduce([texts for _, texts in standing])
    if not judged.any():
        holding = [choice for choice, texts in standing if texts.any()]
        raise GotdError(f"{name}: every text stands in a choice ({', '.join(holding)}), so that nothing is held out; "
                        "give target texts that were not chosen")
    return np.asarray(judged)


def _rows(target: Target, judged: np.ndarray, choices: Sequence[Input], counted: Sequence[Counted], base: Counted,
          drawn: Mapping[int, Drawn], settings: Settings) -> list[Row]:
    alone, share = Mixture(((1.0, base.counts),)), settings.share
    models = [("no choice", "none", 0, 0, alone)]
    for kind, names, found in (("random", ["random"] * len(drawn), [each.counts for each in drawn.values()]),
                               ("choice", [each.name for each in choices], [each.counts for each in counted])):
        models += [(name, kind, counts.documents, counts.total, Mixture(((1.0 - share, base.counts), (share, counts))))
                   for name, counts in zip(names, found, strict=True)]
    costs = np.stack([document_costs(target, mixture, settings.order)[judged] for *_, mixture in models])
    lengths, sizes = target.numbered.lengths[judged], target.bytes[judged]
    judgement = Judgement(costs, lengths, sizes, settings.resamples, settings.seed)
    random = {size: 1 + place for place, size in enumerate(drawn)}
    best = 1 + len(drawn) + int(costs[1 + len(drawn) :].sum(axis=1).argmin())
    return [
        Row(name, kind, documents, words, judgement.nats_per_token(i), judgement.bits_per_byte(i),
            judgement.difference(i, random[words]) if kind == "choice" else None,
            judgement.difference(i, best) if i != best else None)
        for i, (name, kind, documents, words, _) in enumerate(models)
    ]


def _warnings(name: str, source: Input, base: Counted, largest: int, judged: np.ndarray,
              overlap: Overlap) -> list[str]:
    warnings = []
    if base.counts.total < largest:
        warnings.append(f"{source.name}: the source has {base.counts.total} words, fewer than a choice ({largest}); "
                        "what is known of it is too little to say how a choice would change it")
    if standing := int((overlap.standing(base.seen) & judged).sum()):
        warnings.append(f"{source.name}: {standing} of the texts of {name} stand in the source, too; they are judged "
                        "by, but a model that was trained on it knows them")
    if judged.sum() < _FEW_TEXTS:
        warnings.append(f"{name}: only {judged.sum()} texts judge; the intervals are rough")
    return warnings


def _facts(target: Target, judged: np.ndarray, base: Counted, settings: Settings) -> dict[str, Any]:
    lengths = target.numbered.lengths
    worded = int((lengths > 0).sum())
    return {
        "target_documents": int(judged.sum()), "target_tokens": int(lengths[judged].sum()),
        "target_bytes": int(target.bytes[judged].sum()), "target_left_out": worded - int(judged.sum()),
        "target_empty": len(lengths) - worded, "source_documents": base.counts.documents,
        "source_tokens": base.counts.total, "lambda": settings.share, "order": settings.order,
        "budget": settings.budget, "resamples": settings.resamples, "seed": settings.seed, "vocabulary": VOCABULARY,
    }
