"""All that a report says, as numbers and texts: the page, the JSON and MultiQC's table are three ways to show it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gotd.methods.base import LOWEST
from gotd.methods.row_sample import RowSample
from gotd.report.coverage import Coverage
from gotd.report.distance import SAMPLED_TEXTS, Distances
from gotd.report.fields import Field, FieldCounts
from gotd.report.hygiene import Hygiene
from gotd.report.probe_file import ProbeTable
from gotd.report.provenance import Provenance
from gotd.report.reading import Batch, Choice
from gotd.report.sketch import Sketch
from gotd.streams.record_text import RecordText
from gotd.types import JSON

#: Bars of a histogram.
_BARS = 60
#: Shares of the scores that lie left and right of the bars that are drawn, and count in the outermost.
_TAIL = 0.001


@dataclass(frozen=True)
class Lengths:
    """Characters of texts. median, quartiles : as exact as the bins of a sketch"""

    documents: int
    characters: int
    least: int
    lower: float
    median: float
    upper: float
    greatest: int


@dataclass(frozen=True)
class Histogram:
    """Counts between edges; those outside count in the outermost."""

    edges: list[float]
    pool: list[int]
    chosen: list[int] | None


@dataclass(frozen=True)
class Scores:
    """Scores of the pool. threshold, best : the lowest and the highest of the choice

    without_content : records that rank last, and are in nothing else
    """

    counted: int
    without_content: int
    mean: float
    least: float
    greatest: float
    quartiles: tuple[float, float, float]
    histogram: Histogram
    threshold: float | None
    best: float | None
    above_zero: int


@dataclass(frozen=True)
class Why:
    """A text of the target that a document serves. share : of the document's mass, None where there is no plan

    texts : how many the point stands for
    """

    share: float | None
    cost: float
    text: str
    characters: int
    texts: int


@dataclass(frozen=True)
class Example:
    """A chosen document. rank : by score, from 1. text : its beginning; characters : of all of it"""

    kind: str
    rank: int
    id: str | None
    score: float | None
    text: str
    characters: int
    fields: dict[str, str]
    why: list[Why]


@dataclass(frozen=True)
class Unserved:
    """A target text that the choice serves little."""

    wanted: float
    given: float
    text: str
    characters: int


@dataclass(frozen=True)
class Report:
    """Everything. missing : what was left out, and what to give for it"""

    choice: str
    version: str
    documents: int
    pool_documents: int | None
    share: float | None
    lengths: Lengths
    pool_lengths: Lengths | None
    length_histogram: Histogram | None
    scores: Scores | None
    fields: list[Field]
    fields_left_out: dict[str, str]
    examples: list[Example]
    coverage: Coverage | None
    compressed: bool
    unserved: list[Unserved]
    hygiene: Hygiene
    provenance: Provenance
    seed: int
    distance: Distances | None = None
    probes: list[ProbeTable] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


class PoolFigures:
    """Takes the pool in, batch by batch."""

    def __init__(self, text: RecordText, fields: Sequence[str], seed: int) -> None:
        self.fields = FieldCounts(text, fields)
        self.scores, self.lengths, self.log_lengths = Sketch(), Sketch(), Sketch()
        self.without_content = self.above_zero = 0
        self._texts = RowSample(SAMPLED_TEXTS, seed)

    def add(self, batch: Batch) -> None:
        """Take in some of it."""
        lengths = np.array([len(text) for text in batch.texts])
        self.lengths.add(lengths)
        self.log_lengths.add(np.log10(np.maximum(lengths, 1)))
        self._texts.add(np.array(batch.texts, dtype=object)[:, None], np.ones(len(batch.texts)))
        if batch.scores is None:
            self.fields.add(batch.records)
            return
        kept = batch.scores > LOWEST
        self.scores.add(batch.scores[kept])
        self.without_content += int(np.count_nonzero(~kept))
        self.above_zero += int(np.count_nonzero(batch.scores > 0.0))
        if batch.records:
            self.fields.add(batch.records, batch.scores)

    @property
    def some_texts(self) -> list[str]:
        """Texts drawn at random; all where there are few."""
        return [str(text) for text in self._texts.take()[0].ravel().tolist()]


def lengths_of(texts: Sequence[str]) -> tuple[Lengths, Sketch, Sketch]:
    """Return the lengths of some texts, and sketches of them and of their logarithms."""
    plain, logs = Sketch(), Sketch()
    numbers = np.array([len(text) for text in texts])
    plain.add(numbers)
    logs.add(np.log10(np.maximum(numbers, 1)))
    found = summary_of_lengths(plain)
    if found is None:
        raise ValueError("no texts")
    return found, plain, logs


def summary_of_lengths(lengths: Sketch) -> Lengths | None:
    """Return what a sketch of lengths says; None where there are none."""
    if not lengths.count:
        return None
    low, middle, high = (lengths.quantile(share) or 0.0 for share in (0.25, 0.5, 0.75))
    return Lengths(lengths.count, int(lengths.sum), int(lengths.least), low, middle, high, int(lengths.greatest))


def histogram_of(pool: Sketch, chosen: Sketch | None, tail: float = _TAIL) -> Histogram:
    """Return both in the same bars, but for the tails of the pool."""
    low, high = pool.quantile(tail) or 0.0, pool.quantile(1.0 - tail) or 0.0
    if chosen is not None:
        low, high = min(low, chosen.least), max(high, chosen.greatest)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BARS + 1)
    return Histogram([float(edge) for edge in edges], pool.histogram(edges),
                     None if chosen is None else chosen.histogram(edges))


def scores_of(pool: PoolFigures, choice: Choice) -> Scores | None:
    """Return the scores of the pool; None where it has none."""
    if not pool.scores.count:
        return None
    chosen, threshold, best = None, None, None
    if choice.scores is not None and choice.is_by_score:
        kept = choice.scores[choice.scores > LOWEST]
        if len(kept):
            chosen, threshold, best = Sketch(), float(kept.min()), float(kept.max())
            chosen.add(kept)
    low, middle, high = (pool.scores.quantile(share) or 0.0 for share in (0.25, 0.5, 0.75))
    return Scores(pool.scores.count, pool.without_content, pool.scores.mean or 0.0, pool.scores.least,
                  pool.scores.greatest, (low, middle, high), histogram_of(pool.scores, chosen), threshold, best,
                  pool.above_zero)


def without_nan(value: JSON) -> JSON:
    """Return a value for JSON: numbers that are none as null."""
    if isinstance(value, dict):
        return {str(key): without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
