"""What no choice, a random choice of the same size, and each given choice would do for a model of the target."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gotd.errors import GotdError
from gotd.lookup import Int64s
from gotd.overlap import Overlap
from gotd.probing.comparison import Comparison, Row, Settings, facts_of, warnings_of
from gotd.probing.counting import Counted, Drawn, Histogram, Reader, count, draw
from gotd.probing.figures import Model, Texts, bits_per_byte, by_text, by_word
from gotd.probing.model import Mixture, document_costs
from gotd.probing.target import Target
from gotd.probing.units import copies


class Input(NamedTuple):
    """Texts from somewhere. name : for messages; batches : called for each reading."""

    name: str
    batches: Callable[[], Iterator[list[str]]]


class HeldOut(NamedTuple):
    """Texts that judge. units : int64 (n,), which of them are resampled together, equal ones; by default copies"""

    name: str
    texts: Sequence[str]
    units: Int64s | None = None


def compare(held_out: HeldOut, choices: Sequence[Input], source: Input, pool: Input | None, settings: Settings,
            threads: int) -> Comparison:
    """Reads every choice once, the source once, and what random choices are drawn from twice.

    Raises: GotdError where there is nothing to judge by, or no random choice can be drawn.
    """
    return Probe(held_out, source, pool, settings, threads).compare(choices)


class Probe:
    """Held-out texts, the source, and what random choices are drawn from: read once for several comparisons.

    Raises: GotdError where there is nothing to judge by.
    """

    def __init__(self, held_out: HeldOut, source: Input, pool: Input | None, settings: Settings, threads: int) -> None:
        name, texts, units = held_out
        self._held_out, self._source, self._pool, self._settings = held_out, source, pool, settings
        self._target, self._overlap = Target(texts), Overlap(texts)
        if not self._target.vocabulary:
            raise GotdError(f"{name}: no words in {len(texts)} texts: nothing is held out; check the file and its text "
                            "key")
        self._units = copies(texts) if units is None else units
        self._reader = Reader(self._target, self._overlap, threads)
        self._histograms = Histogram.several(settings.draws, settings.seed)
        self._base = count(self._reader, source.batches(), histograms=() if pool else self._histograms)
        if not self._base.counts.total:
            raise GotdError(f"{source.name}: no words in {self._base.counts.documents} texts; check the files and "
                            "--text-key")
        if pool:
            count(self._reader, pool.batches(), histograms=self._histograms)

    def compare(self, choices: Sequence[Input], words: int | None = None) -> Comparison:
        """Return what choices would do, each as it is, or as far as the settings' budget goes.

        words : takes so many of each choice, drawn from all of it several times, in place of its first ones; the
            figures are then those of the mean of the draws. Choices are read twice.
        Raises: GotdError where no random choice can be drawn.
        """
        held_out, settings = self._held_out, self._settings
        counted = [self._counted(choice) if words is None else self._drawn(choice, words) for choice in choices]
        sizes = sorted({each[0].counts.total for each in counted})
        self._require_enough(choices, [each[0].counts.total for each in counted])
        drawn = draw(self._reader, (self._pool or self._source).batches(), self._histograms, sizes)
        judged = _judged(held_out.name, self._target, self._standing(choices, counted, drawn))
        _, judging = np.unique(self._units[judged], return_inverse=True)
        models = _models(_Judge(self._target, judged, self._base, settings), choices, counted, drawn)
        rows = _rows(models, self._target, judged, Texts(self._target.numbered.lengths[judged], judging,
                                                         settings.resamples, settings.seed))
        standing = self._overlap.standing(self._base.seen)
        facts = facts_of(self._target, judged, self._base.counts, settings, int(standing.sum()), int(judging.max()) + 1)
        warnings = warnings_of(held_out.name, self._source.name, facts, rows, int((standing & judged).sum()))
        return Comparison(rows, facts, judged, {size: [each.rows for each in draws] for size, draws in drawn.items()},
                          warnings)

    def _counted(self, choice: Input) -> list[Counted]:
        budget = self._settings.budget
        found = count(self._reader, choice.batches(), budget)
        words = found.counts.total
        if not words:
            raise GotdError(f"{choice.name}: no words in {found.counts.documents} texts; check the file and --text-key")
        if budget is not None and words < budget:
            raise GotdError(f"{choice.name}: {words} words, fewer than --budget {budget}; lower it, or choose more")
        return [found]

    def _drawn(self, choice: Input, words: int) -> list[Drawn]:
        # By other keys than random choices, which may be drawn from the same texts.
        histograms = Histogram.several(self._settings.draws, self._settings.seed + 1)
        held = count(self._reader, choice.batches(), histograms=histograms).counts.total
        if held < words:
            raise GotdError(f"{choice.name}: {held} words, fewer than the {words} that are drawn of each")
        return draw(self._reader, choice.batches(), histograms, [words])[words]

    def _require_enough(self, choices: Sequence[Input], sizes: Sequence[int]) -> None:
        largest, words = int(np.argmax(sizes)), int(self._histograms[0].words.sum())
        if words < sizes[largest]:
            remedy = "a larger --pool" if self._pool else "a larger --source, a --pool to draw from"
            raise GotdError(f"{(self._pool or self._source).name}: {words} words, fewer than the {sizes[largest]} of "
                            f"{choices[largest].name}, so that no random choice of its size can be drawn; give "
                            f"{remedy}, or a --budget")

    def _standing(self, choices: Sequence[Input], counted: Sequence[Sequence[Counted | Drawn]],
                  drawn: Mapping[int, list[Drawn]]) -> list[tuple[str, np.ndarray]]:
        """Which texts of the target stand in each choice, and in a random one. Shapes: -> bool (n,) each."""
        every = [*zip([choice.name for choice in choices], counted, strict=True),
                 ("random", [each for draws in drawn.values() for each in draws])]
        return [(name, np.logical_or.reduce([self._overlap.standing(each.seen) for each in some]))
                for name, some in every]


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


def _models(judge: _Judge, choices: Sequence[Input], counted: Sequence[Sequence[Counted | Drawn]],
            drawn: Mapping[int, list[Drawn]]) -> list[Model]:
    """No choice, random choices of every size, and the choices, each as it is or drawn several times."""
    models = [Model("no choice", "none", 0, 0, judge.costs(Mixture(((1.0, judge.base.counts),))))]
    every = [*(("random", "random", draws) for draws in drawn.values()),
             *((choice.name, "choice", each) for choice, each in zip(choices, counted, strict=True))]
    for name, kind, some in every:
        documents = round(sum(each.counts.documents for each in some) / len(some))
        models.append(Model(name, kind, documents, some[0].counts.total, judge.costs_with(some)))
    return models


def _rows(models: Sequence[Model], target: Target, judged: np.ndarray, texts: Texts) -> list[Row]:
    figures = zip(by_word(models, texts), by_text(models, texts), bits_per_byte(models, target.bytes[judged], texts),
                  strict=True)
    return [Row(model.name, model.kind, model.documents, model.tokens, *each)
            for model, each in zip(models, figures, strict=True)]
