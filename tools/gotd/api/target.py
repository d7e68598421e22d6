"""gotd.fit and gotd.Target: a rule fitted to a target, kept in a file, and applied."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np

from gotd import selection
from gotd.api.embedding import embed, windows_of
from gotd.api.inputs import TextSource, Vectors, VectorSource, open_vectors, read_documents, record_text
from gotd.embedders.same import load_same
from gotd.errors import UsageError
from gotd.methods import rule_names, rule_type
from gotd.methods.base import Fitted, TextProblem, TextRule, VectorProblem
from gotd.methods.input_warnings import counted, input_warnings
from gotd.methods.ngrams import word_counts
from gotd.methods.target_points import check_masses, rows_with_content
from gotd.ot.source import Part, mass_left
from gotd.runtime import Runtime
from gotd.streams.record_text import RecordText
from gotd.streams.sinks import open_output
from gotd.streams.vector_files import require_same_embedder
from gotd.types import JSON, EmbedderIdentity

#: What a fit or a score reads: vectors, or texts for rules that read texts and wherever a model is named.
Source: TypeAlias = VectorSource | TextSource
#: Ways to weigh the target's texts by what stands in them.
_BY_WORDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"words": np.asarray, "sqrt-words": np.sqrt}


@dataclass(frozen=True)
class Target:
    """A fitted rule: what a target file holds.

    method  : the rule's name, as of ds-target-stats --method.
    arrays  : the fitted numbers by name.
    summary : what the fit says of itself: "converged", "distance", "marginal_error", "epsilon", "expected_overlap" ...
    counts  : what was met in the inputs, and "warnings" of the fit and of the inputs; empty after `load`.
    """

    method: str
    arrays: dict[str, np.ndarray]
    summary: dict[str, JSON]
    counts: dict[str, JSON] = field(default_factory=dict)

    @property
    def embedder(self) -> EmbedderIdentity | None:
        """What made the vectors it was fitted to, if known."""
        embedder = self.summary["embedder"]
        return embedder if isinstance(embedder, dict) else None

    @property
    def warnings(self) -> list[str]:
        """What a person should know before using it."""
        said = self.counts.get("warnings", self.summary["warnings"])
        return [str(each) for each in said] if isinstance(said, Sequence) else []

    def score(self, source: Source, *, model: str | Sequence[str] | None = None, text_key: str | None = None,
              text_template: str | None = None, message_template: str | None = None, threads: int | None = None,
              device: str = "auto") -> np.ndarray:
        """Return the score of every vector, or text where the rule reads texts: float32 (n,), higher is better.

        As ds-score; a row without content has the lowest float32.

        Args:
            source: vectors; texts where the rule reads texts or a model is named.
            model: makes vectors of the texts, in windows: the one that made the target's, as of gotd.embed.

        Raises:
            DataError: vectors of another dimension or embedder than the target's.
            GotdError: another model.
        """
        rule, text = rule_type(self.method), record_text(text_key, text_template, message_template)
        with Runtime(threads, device) as runtime:
            if issubclass(rule, TextRule):
                if model is not None:
                    raise UsageError(f"rule {self.method!r} reads texts: leave out model")
                texts = read_documents(source, text, "texts").texts  # type: ignore[arg-type]
                return np.asarray(rule.scorer(self.arrays, self.summary, runtime.threads).scores(texts))
            scorer = rule.scorer(self.arrays, self.summary, runtime.workers, runtime.device)
            if model is not None:
                texts = read_documents(source, text, "texts").texts  # type: ignore[arg-type]
                models = [model] if isinstance(model, str) else list(model)
                return _joined(scorer.stream(self._vectors_of(texts, models, runtime.threads, device)))
            vectors = open_vectors(source, "vectors", scorer.dimension)  # type: ignore[arg-type]
            require_same_embedder(self.embedder, vectors.embedder, "target", vectors.name)
            scores = _joined(scorer.stream(vectors.blocks()))
            require_same_embedder(self.embedder, vectors.embedder, "target", vectors.name)
            return scores

    def _vectors_of(self, texts: Sequence[str], models: Sequence[str], threads: int, device: str
                    ) -> Iterator[np.ndarray]:
        """Vectors of texts as the target's were made, a window at a time."""
        if self.embedder is None:
            raise UsageError("the target does not say what made its vectors, so that none can be made of texts: score "
                             "vectors")
        with load_same(self.embedder, models, "target", threads=threads, device=device) as embedder:
            for vectors, _ in windows_of(texts, embedder):
                yield vectors

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the target file, byte for byte as ds-target-stats does. The name must end in .npz."""
        if Path(path).suffix.lower() != ".npz":
            raise UsageError(f"{os.fspath(path)}: a target file is an .npz; name it so")
        with open_output(os.fspath(path)) as sink:
            selection.save(sink, self.arrays, self.summary)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a target file. Raises: DataError where it holds something else than its rule needs."""
        held = selection.load(os.fspath(path))
        return cls(held.rule.name, held.arrays, held.summary)


def _joined(scores: Iterator[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype=np.float32), *scores])


def fit(target: Source, pool: Source | None = None, *, method: str = "got", model: str | Sequence[str] | None = None,
        source: Source | None = None, weights: Sequence[float] | np.ndarray | None = None,
        mix: Sequence[tuple[Source, float]] = (),
        target_mass: str | Sequence[float] | np.ndarray = "text", text_key: str | None = None,
        text_template: str | None = None, message_template: str | None = None, threads: int | None = None,
        device: str = "auto", **options: object) -> Target:
    """Fit a rule to a target and a pool, as ds-target-stats does: the same inputs give the same bytes.

    Args:
        target, pool: vectors (arrays, gotd.embed's, .npy files), or texts where the rule reads texts or a model is
            named.
        method: the rule; got is the calibrated gradient of the optimal-transport distance (arXiv 2405.02774).
        model: embeds texts first, as of gotd.embed.
        source: the model's own training text, where the gradient is taken; the pool where it is not given.
        weights: one for each row of the source, or of the pool.
        mix: rows that have these shares of the source's mass, as what was chosen before.
        target_mass: mass of each target text: "text" (all alike), "words", "sqrt-words" (with a model), or numbers.
        text_key, text_template, message_template: how records become texts, as of ds-embed.
        options: of the rule, by the names that ds-target-stats has for them: epsilon=0.1, whiten=False, seed=1 ...

    Raises:
        UsageError: options or inputs that cannot be together.
        GotdError: data that cannot be fitted, or a fit that did not converge.
    """
    if method not in rule_names():
        raise UsageError(f"there is no rule {method!r}; there are {', '.join(rule_names())}")
    if pool is None and source is None:
        raise UsageError("nothing to fit to: give a pool, or a source")
    text = record_text(text_key, text_template, message_template)
    if issubclass(rule_type(method), TextRule):
        if model is not None or weights is not None or mix or not (isinstance(target_mass, str) and
                                                                   target_mass == "text"):
            raise UsageError(f"rule {method!r} reads texts: leave out model, weights, mix and target_mass")
        return _fit_texts(method, target, pool if source is None else source, text, threads, options)
    if model is not None:
        target = read_documents(target, text, "target").texts  # type: ignore[arg-type]
    with Runtime(threads, device) as runtime:
        inputs = _Inputs(target, pool, source, model, weights, mix, target_mass, text)
        return _fit_vectors(method, options, inputs, runtime)


@dataclass(frozen=True)
class _Inputs:
    """What vectors are got from, how, and how they are weighed; see `fit`."""

    target: Source
    pool: Source | None
    source: Source | None
    model: str | Sequence[str] | None
    weights: Sequence[float] | np.ndarray | None
    mix: Sequence[tuple[Source, float]]
    target_mass: str | Sequence[float] | np.ndarray
    text: RecordText

    def vectors(self, source: Source, name: str, runtime: Runtime, width: int | None = None) -> Vectors:
        """Return the vectors of a source."""
        if self.model is not None:
            texts = read_documents(source, self.text, name).texts  # type: ignore[arg-type]
            source = embed(texts, self.model, threads=runtime.threads)
        return open_vectors(source, name, width)  # type: ignore[arg-type]

    def masses(self, rows: int) -> np.ndarray:
        """Return the mass of each text of the target. Shapes: -> float64 (rows,)."""
        mass = self.target_mass
        if not isinstance(mass, str):
            return check_masses("target_mass", np.asarray(mass, dtype=np.float64), rows, "the target")
        if mass == "text":
            return np.ones(rows)
        if mass not in _BY_WORDS:
            raise UsageError(f"target_mass {mass!r}: wanted text, words, sqrt-words, or one number for each text")
        if self.model is None:
            raise UsageError(f"target_mass {mass!r} counts words, and the target is vectors: give the numbers")
        return np.asarray(_BY_WORDS[mass](word_counts(self.target)))  # type: ignore[arg-type] # with a model it is texts


def _fit_texts(method: str, target: Source, pool: Source | None, text: RecordText, threads: int | None,
               options: dict[str, object]) -> Target:
    texts = [read_documents(each, text, what).texts  # type: ignore[arg-type]
             for each, what in ((target, "target"), (pool, "pool"))]
    problem = TextProblem([texts[0]], [texts[1]], Runtime(threads).threads, text.spec)
    return _target(method, selection.fit(method, problem, options), None)


def _fit_vectors(method: str, options: dict[str, object], inputs: _Inputs, runtime: Runtime) -> Target:
    pool, source = inputs.pool, inputs.source
    aim = inputs.vectors(inputs.target, "target", runtime)
    every = aim.all_rows().astype(np.float32)
    rows = rows_with_content("target", every, inputs.masses(len(every)))
    base = inputs.vectors(pool if source is None else source, "pool" if source is None else "source",  # type: ignore[arg-type]
                          runtime, every.shape[1])
    ranked = None if source is None or pool is None else inputs.vectors(pool, "pool", runtime, every.shape[1])
    mixed = [inputs.vectors(each, f"mix[{place}]", runtime, every.shape[1])
             for place, (each, _) in enumerate(inputs.mix)]
    _require_alike(aim, base, ranked, *mixed)
    masses = [mass for _, mass in inputs.mix]
    parts = [Part(base.name, mass_left(masses), base.blocks, _weights(inputs.weights), base.size),
             *(Part(each.name, mass, each.blocks) for each, mass in zip(mixed, masses, strict=True))]
    problem = VectorProblem(rows.rows, rows.masses, parts, runtime.workers, runtime.device, source is None,
                            None if ranked is None else Part(ranked.name, 1.0, ranked.blocks))
    rule = selection.resolve(method, options, aim.embedder or base.embedder)
    fitted = selection.fit_rule(rule, problem)
    _require_alike(aim, base, ranked, *mixed)  # of files it is known once they are read
    fitted = selection.made_of(fitted, aim.embedder or base.embedder)
    selection.require_usable(rule, fitted)
    return _target(method, fitted, rows.blank)


def _require_alike(aim: Vectors, *others: Vectors | None) -> None:
    """Raise GotdError where vectors are of another embedder than the target's."""
    for other in others:
        if other is not None:
            require_same_embedder(aim.embedder, other.embedder, aim.name, other.name)


def _weights(weights: Sequence[float] | np.ndarray | None) -> Callable[[], Iterator[np.ndarray]] | None:
    if weights is None:
        return None
    held = np.asarray(weights, dtype=np.float64)
    return lambda: iter([held])


def _target(method: str, fitted: Fitted, blank: int | None) -> Target:
    counts: dict[str, JSON] = {} if blank is None else {"target_blank": blank}
    if fitted.read is not None:
        blank = fitted.read.target_blank if blank is None else blank
        warnings = [*fitted.figures.warnings, *input_warnings(fitted.target_rows, blank, fitted.read)]
        counts = counted(blank, fitted.read) | {"warnings": warnings}
    return Target(method, fitted.arrays, fitted.summary, counts)
