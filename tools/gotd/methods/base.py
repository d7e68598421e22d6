"""What every selection rule is: `ds-target-stats` fits it, `ds-score` applies it.

A rule is one class in one file: its options, what it reads, how it is fitted and how it scores, and what a target file
holds of it. Its module imports numpy and torch where it computes, so that --help is there at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, TypeAlias

from gotd.methods.options import Options
from gotd.methods.schema import ArrayField, Summary, TextSummary, check_arrays
from gotd.types import JSON

if TYPE_CHECKING:
    import numpy as np
    import torch

    from gotd.ot.blocks import Workers
    from gotd.ot.source import Part

Arrays: TypeAlias = "Mapping[str, np.ndarray]"

#: The score of what has no content: the least float32, below every other.
LOWEST = -(2.0 - 2.0**-23) * 2.0**127

#: Options of the command that say what a rule is fitted to.
SOURCE, TARGET_MASSES = frozenset({"source", "mix", "weights"}), frozenset({"target_mass", "target_texts"})
DEVICE = frozenset({"device"})
RECORDS = frozenset({"text_key", "text_template", "message_template", "skip_invalid", "long_window"})


class SourceCounts(NamedTuple):
    """What a reading of the source met.

    rows     : all; blank : of nothing but zeros, which take no part.
    distinct : rows with content that differ; estimated where there are more than the sample holds.
    sampled, copies : of the rows in the sample, how often they stood in the source, and how often once more than once.
    watched  : of the rows that were asked for, how many stand in the source.
    """

    rows: int
    blank: int
    distinct: int
    sampled: int
    copies: int
    watched: int


class Read(NamedTuple):
    """What was met. source : where the rule is fitted; pool : what will be ranked, None where it was not read.

    target_blank : texts of the target without content, where the rule reads them itself.
    """

    source: SourceCounts
    pool: SourceCounts | None
    target_blank: int = 0


class Fitted(NamedTuple):
    """What `ds-score` needs, and what a person wants to read.

    arrays  : the fitted numbers, by name; they make up the target file.
    figures : what the fit says of itself.
    read    : what was met in the source and in the pool. It is printed and not in the file: a target file depends on
        distinct rows with content alone, whatever else stood among them.
    """

    arrays: "dict[str, np.ndarray]"
    figures: Summary
    read: Read | None = None

    @property
    def summary(self) -> dict[str, JSON]:
        """What the fit says of itself, as the file has it."""
        return self.figures.as_json()

    @property
    def target_rows(self) -> int:
        """Of the summary: rows or texts of the target with content."""
        rows = self.summary["target_rows"]
        return rows if isinstance(rows, int) else 0


@dataclass(frozen=True)
class VectorProblem:
    """What a rule that reads vectors is fitted to.

    target : float (m, d), no row zero. masses : float64 (m,), at least 0 and not all 0.
    parts  : the source, a mixture. source_is_pool : the rows that will be scored are the rows of the source.
    ranked : what will be scored, where it is not the source and gives the space (space.py).
    """

    target: "np.ndarray"
    masses: "np.ndarray"
    parts: "Sequence[Part]"
    workers: "Workers"
    device: "torch.device"
    source_is_pool: bool = True
    ranked: "Part | None" = None


@dataclass(frozen=True)
class TextProblem:
    """What a rule that reads texts is fitted to: texts in batches. text_key : how they were made, `RecordText.spec`"""

    target: Iterable[Sequence[str]]
    source: Iterable[Sequence[str]]
    threads: int
    text_key: str = "text"


class RowScorer(Protocol):
    """Scores vectors, each on its own: the same number wherever the row stands, higher is better."""

    dimension: int

    def stream(self, arrays: "Iterable[np.ndarray]") -> "Iterator[np.ndarray]":
        """Scores of the rows of all arrays in order, float32, cut anyhow. Shapes: float16 or float32 (n, dimension)."""

    def scores(self, rows: "np.ndarray") -> "np.ndarray":
        """Shapes: rows float16 or float32 (n, dimension) -> float32 (n,), never NaN."""


class TextScorer(Protocol):
    """Scores texts, each on its own, as `RowScorer` scores vectors."""

    def scores(self, texts: Sequence[str]) -> "np.ndarray":
        """Shapes: n texts -> float32 (n,), never NaN."""


class Rule(ABC):
    """A selection rule with its options, resolved.

    name    : of --method, and in target files.
    inputs  : options of ds-target-stats, besides its own, that it listens to.
    looks   : it needs no more of the source than a look at each file, whether it holds vectors that fit the target.
    arrays, summary_type : what a target file must hold of it.
    """

    name: ClassVar[str]
    inputs: ClassVar[frozenset[str]]
    looks: ClassVar[bool] = False
    options_type: ClassVar[type[Options]]
    arrays: ClassVar[Mapping[str, ArrayField]]
    summary_type: ClassVar[type[Summary]]
    options: Options

    def __init__(self, options: Options | None = None, embedder: Mapping[str, object] | None = None) -> None:
        """embedder : identity of what made the vectors, by their seal, if known: some defaults depend on it."""
        self.options = (self.options_type() if options is None else options).resolved(embedder)

    @classmethod
    def check(cls, arrays: Arrays, summary: Mapping[str, object]) -> Summary:
        """Return the figures of a target file. Raises: ValueError where it lacks something, or holds what cannot be."""
        check_arrays(cls.arrays, arrays)
        return cls.summary_type.read(summary)

    @property
    def rereads(self) -> bool:
        """Whether a fit may read the source more than once."""
        return False

    def require_converged(self, fitted: Fitted) -> None:  # noqa: B027 - most rules solve nothing
        """Raise GotdError where it is not what was asked for."""

    def use_of_pool(self, fitted: Fitted) -> str:
        """Return what the pool beside a --source is for."""
        return "is not read"

    def advice(self, fitted: Fitted) -> str | None:
        """Return what the summary says of the options, if anything."""
        return None


class VectorRule(Rule):
    """A rule that is fitted to vectors and scores vectors.

    scorer_type : made from arrays, figures, workers and the device.
    """

    inputs = SOURCE | TARGET_MASSES | DEVICE
    scorer_type: ClassVar[Callable[..., RowScorer]]

    @abstractmethod
    def fit(self, problem: VectorProblem) -> Fitted:
        """Fit the rule. Raises: GotdError where that cannot be done."""

    @classmethod
    def scorer(cls, arrays: Arrays, summary: Mapping[str, object], workers: "Workers",
               device: "torch.device") -> RowScorer:
        """Return what scores rows, from arrays and summary of a target file."""
        return cls.scorer_type(arrays, cls.summary_type.read(summary), workers, device)


class TextRule(Rule):
    """A rule that is fitted to texts and scores texts. scorer_type : made from arrays, figures and threads"""

    inputs = RECORDS | {"source"}
    scorer_type: ClassVar[Callable[..., TextScorer]]
    summary_type: ClassVar[type[TextSummary]] = TextSummary

    @abstractmethod
    def fit(self, problem: TextProblem) -> Fitted:
        """Fit the rule. Raises: GotdError where that cannot be done."""

    @classmethod
    def scorer(cls, arrays: Arrays, summary: Mapping[str, object], threads: int) -> TextScorer:
        """Return what scores texts, from arrays and summary of a target file."""
        return cls.scorer_type(arrays, cls.summary_type.read(summary), threads)
