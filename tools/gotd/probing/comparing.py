"""What no choice, a random choice of the same size, and each given choice would do for a model of the target."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gotd.errors import GotdError
from gotd.lookup import Int64s
from gotd.overlap import Overlap
from gotd.probing.counting import Counted, Drawn, Histogram, Reader, count, draw
from gotd.probing.figures import Figures, Model, Texts, bits_per_byte, by_text, by_word
from gotd.probing.judgement import Estimate
from gotd.probing.model import Mixture, document_costs
from gotd.probing.target import VOCABULARY, Target
from gotd.probing.units import copies
from gotd.types import JSON

#: Of fewer units than this intervals of skewed figures are known to be too narrow (scripts/bench/coverage.py).
_FEW_UNITS = 30


class Input(NamedTuple):
    """Texts from somewhere. name : for messages; batches : called for each reading."""

    name: str
    batches: Callable[[], Iterator[list[str]]]


class HeldOut(NamedTuple):
    """Texts that judge. units : int64 (n,), which of them are resampled together, equal ones; by default copies"""

    name: str
    texts: Sequence[str]
    units: Int64s | None = None


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


def compare(held_out: HeldOut, choices: Sequence[Input], source: Input, pool: Input | None, settings: Settings,
            threads: int) -> Comparison:
    """Reads every choice once, the source once, and what random choices are drawn from twice.

    Raises: GotdError where there is nothing to judge by, or no random choice can be drawn.
    """
    name, texts, units = held_out
    target, overlap = Target(texts), Overlap(texts)
    if not target.vocabulary:
        raise GotdError(f"{name}: no words in {len(texts)} texts: nothing is held out; check the file and its text key")
    reader = Reader(target, overlap, threads)
    counted = [_count_choice(reader, choice, settings.budget) for choice in choices]
    sizes = sorted({each.counts.total for each in counted})
    histograms = Histogram.several(settings.draws, settings.seed)
    base = count(reader, source.batches(), histograms=() if pool else histograms)
    if not base.counts.total:
        raise GotdError(f"{source.name}: no words in {base.counts.documents} texts; check the files and --text-key")
    if pool:
        count(reader, pool.batches(), histograms=histograms)
    _require_enough(pool or source, int(histograms[0].words.sum()), choices, counted, pool is not None)
    drawn = draw(reader, (pool or source).batches(), histograms, sizes)
    judged = _judged(name, target, _standing(overlap, choices, counted, drawn))
    _, judging = np.unique((copies(texts) if units is None else units)[judged], return_inverse=True)
    models = _models(_Judge(target, judged, base, settings), choices, counted, drawn)
    rows = _rows(models, target, judged, Texts(target.numbered.lengths[judged], judging, settings.resamples,
                                               settings.seed))
    standing = overlap.standing(base.seen)
    facts = _facts(target, judged, base, settings, int(standing.sum()), int(judging.max()) + 1)
    warnings = _warnings(name, source.name, facts, sizes[-1], int((standing & judged).sum()))
    return Comparison(rows, facts, judged, {size: [each.rows for each in draws] for size, draws in drawn.items()},
                      warnings)


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
              drawn: Mapping[int, list[Drawn]]) -> list[tuple[str, np.ndarray]]:
    """Which texts of the target stand in each choice, and in a random one. Shapes: -> bool (n,) each."""
    found = [(choice.name, overlap.standing(each.seen)) for choice, each in zip(choices, counted, strict=True)]
    return [*found, ("random", np.logical_or.reduce([overlap.standing(each.seen)
                                                           for draws in drawn.values() for each in draws]))]


def _judged(name: str, target: Target, standing: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """Which texts judge: those with words that stand in no choice. Shapes: bool (n,) each -> bool (n,)."""
    judged = (target.numbered.lengths > 0) & ~np.logical_or.reduce([texts for _, texts in standing])
    if not judged.any():
        holding = [choice for choice, texts in standing if texts.any()]
        raise GotdError(f"{name}: every text stands in a choice ({', '.join(holding)}), so that nothing is held out; "
                        "give target texts that were not chosen")
    return np.asarray(judged)


class _Judge(NamedTuple):
    """What judges, at what source. judged : which of the target's texts, bool (n,)"""

    target: Target
    judged: np.ndarray
    base: Counted
    settings: Settings

    def costs(self, *mixtures: Mixture) -> np.ndarray:
        """Return what the texts cost under each model of the effective distribution. Shapes: -> (mixtures, texts)."""
        return np.stack([document_costs(self.target, mixture, self.settings.order)[self.judged]
                         for mixture in mixtures])

    def costs_with(self, some: Sequence[Counted | Drawn]) -> np.ndarray:
        """Return what the texts cost with each of some choices. Shapes: -> (choices, texts)."""
        share = self.settings.share
        return self.costs(*(Mixture(((1.0 - share, self.base.counts), (share, each.counts))) for each in some))


def _models(judge: _Judge, choices: Sequence[Input], counted: Sequence[Counted],
            drawn: Mapping[int, list[Drawn]]) -> list[Model]:
    """No choice, random choices of every size, and the choices."""
    models = [Model("no choice", "none", 0, 0, judge.costs(Mixture(((1.0, judge.base.counts),))))]
    for size, draws in drawn.items():
        documents = round(sum(each.counts.documents for each in draws) / len(draws))
        models.append(Model("random", "random", documents, size, judge.costs_with(draws)))
    return models + [Model(choice.name, "choice", each.counts.documents, each.counts.total, judge.costs_with([each]))
                     for choice, each in zip(choices, counted, strict=True)]


def _rows(models: Sequence[Model], target: Target, judged: np.ndarray, texts: Texts) -> list[Row]:
    figures = zip(by_word(models, texts), by_text(models, texts), bits_per_byte(models, target.bytes[judged], texts),
                  strict=True)
    return [Row(model.name, model.kind, model.documents, model.tokens, *each)
            for model, each in zip(models, figures, strict=True)]


def _warnings(name: str, source: str, facts: Facts, largest: int, standing: int) -> list[str]:
    """standing : texts that judge and stand in the source, too; largest : words of the largest choice"""
    warnings = []
    if facts.source_tokens < largest:
        warnings.append(f"{source}: the source has {facts.source_tokens} words, fewer than a choice ({largest}); "
                        "what is known of it is too little to say how a choice would change it")
    if standing:
        warnings.append(f"{source}: {standing} of the texts of {name} stand in the source, too; they are judged "
                        "by, but a model that was trained on it knows them")
    if (count := facts.target_units) < _FEW_UNITS:
        texts = facts.target_documents
        said = f"{count} texts" if count == texts else f"{count} units of {texts} texts"
        warnings.append(f"{name}: only {said} judge; the intervals are rough")
    return warnings


def _facts(target: Target, judged: np.ndarray, base: Counted, settings: Settings, standing: int, units: int) -> Facts:
    lengths, documents = target.numbered.lengths, int(judged.sum())
    worded = int((lengths > 0).sum())
    return Facts(
        target_documents=documents, target_tokens=int(lengths[judged].sum()),
        target_bytes=int(target.bytes[judged].sum()), target_left_out=worded - documents,
        target_empty=len(lengths) - worded, source_documents=base.counts.documents, source_tokens=base.counts.total,
        share=settings.share, order=settings.order, draws=settings.draws, budget=settings.budget,
        resamples=settings.resamples, seed=settings.seed, vocabulary=VOCABULARY, source_standing=standing,
        target_units=units,
    )
