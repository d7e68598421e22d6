"""What each rule chooses, out of a sample of a pool, for a part of a target's texts."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gotd import selection
from gotd.content import copy_key, with_content
from gotd.errors import GotdError, UsageError
from gotd.methods import rule_type
from gotd.methods.base import LOWEST, TextProblem, TextRule, VectorProblem
from gotd.methods.ngrams import word_counts
from gotd.methods.options import flag
from gotd.methods.target_points import rows_with_content
from gotd.ot.source import Part
from gotd.runtime import Runtime
from gotd.types import JSON, EmbedderIdentity

#: The power of a text's words that is its mass, by the name that --target-mass has for it.
MASSES: Mapping[str, float] = {"text": 0.0, "sqrt-words": 0.5, "words": 1.0}


@dataclass(frozen=True)
class RuleLine:
    """A rule with its options, as ds-target-stats has them.

    options : by their names in Python, as {"whiten": False}. target_mass : text, sqrt-words or words
    """

    method: str
    options: Mapping[str, object] = field(default_factory=dict)
    target_mass: str = "text"

    def __post_init__(self) -> None:
        """Raise UsageError for a rule that is none, an option that it does not have, or masses that are none."""
        selection.resolve(self.method, dict(self.options))
        if self.target_mass not in MASSES:
            raise UsageError(f"target_mass {self.target_mass!r}: wanted {', '.join(MASSES)}")
        if self.target_mass != "text" and self.reads_texts:
            raise UsageError(f"--target-mass does nothing with --method {self.method}; leave it out")

    @property
    def reads_texts(self) -> bool:
        """Whether it is fitted to texts, not to vectors."""
        return issubclass(rule_type(self.method), TextRule)

    @property
    def arguments(self) -> list[str]:
        """Its options on a command line."""
        found = [] if self.target_mass == "text" else ["--target-mass", self.target_mass]
        for name, value in self.options.items():
            if isinstance(value, bool):
                found.append(flag(name) if value else "--no-" + flag(name)[2:])
            elif value is not None:
                found += [flag(name), str(value)]
        return found

    @property
    def name(self) -> str:
        """As a person writes it."""
        return shlex.join([self.method, *self.arguments])


#: Those that people compare with, beside random choices, which are drawn anyway.
USUAL: Sequence[RuleLine] = (
    RuleLine("got"), RuleLine("got", {}, "sqrt-words"), RuleLine("got", {"whiten": False}), RuleLine("mean"),
    RuleLine("nearest"), RuleLine("round-robin"), RuleLine("classifier"), RuleLine("dsir"),
)


@dataclass(frozen=True)
class Embedded:
    """Texts with their vectors, float (n, d), where a rule reads them."""

    texts: list[str]
    vectors: np.ndarray | None


class Candidates:
    """What is chosen from: texts, and their vectors. embedder : what made the vectors, if known"""

    def __init__(self, pool: Embedded, embedder: EmbedderIdentity | None) -> None:
        self.texts, self.vectors, self.embedder = pool.texts, pool.vectors, embedder
        self.words = word_counts(pool.texts)
        # As ds-topk chooses: nothing without content, and of what says the same the best.
        self._has_content = with_content(pool.texts)
        self._keys = [copy_key(text) for text in pool.texts]

    def best(self, scores: np.ndarray, words: int) -> list[str]:
        """Return the best texts with so many words or a few more, best first; all that have a score where that is less.

        Shapes: scores float32 (n,).
        """
        chosen, seen = list[str](), set[object]()
        left: float = words
        for row in np.argsort(-scores, kind="stable").tolist():
            if left <= 0.0 or scores[row] <= LOWEST:
                break
            if self._has_content[row] and self._keys[row] not in seen:
                seen.add(self._keys[row])
                chosen.append(self.texts[row])
                left -= self.words[row]
        return chosen


@dataclass(frozen=True)
class RuleChoice:
    """What a rule chose, best first. summary : what its fit says of itself"""

    rule: RuleLine
    texts: list[str]
    summary: dict[str, JSON]


def choose_by(rule: RuleLine, target: Embedded, pool: Candidates, words: int, runtime: Runtime) -> RuleChoice:
    """Return what ds-target-stats, ds-score and ds-topk choose by a rule, so many words of it.

    Raises: GotdError where the rule cannot be fitted, or ranks fewer words.
    """
    if rule.reads_texts:
        scores, summary = _text_scores(rule, target, pool, runtime)
    else:
        scores, summary = _vector_scores(rule, target, pool, runtime)
    texts = pool.best(scores, words)
    if (ranked := int(word_counts(texts).sum())) < words:
        raise GotdError(f"{rule.name}: only {ranked:,} words of the {words:,} that are wanted stand in texts that it "
                        "ranks" + ("; lower --min-words" if rule.reads_texts else "; lower --fraction"))
    return RuleChoice(rule, texts, summary)


def _vector_scores(rule: RuleLine, target: Embedded, pool: Candidates,
                   runtime: Runtime) -> tuple[np.ndarray, dict[str, JSON]]:
    if target.vectors is None or pool.vectors is None:
        raise UsageError(f"{rule.name} reads vectors: give a model, or vectors")
    masses = np.asarray(word_counts(target.texts) ** MASSES[rule.target_mass])
    rows = rows_with_content("the target", target.vectors.astype(np.float32), masses)
    vectors = pool.vectors

    def blocks() -> Iterator[np.ndarray]:
        yield vectors

    problem = VectorProblem(rows.rows, rows.masses, [Part("the pool", 1.0, blocks, None, vectors.nbytes)],
                            runtime.workers, runtime.device)
    fitted = selection.fit(rule.method, problem, dict(rule.options), pool.embedder)
    scorer = selection.resolve_vectors(rule.method, dict(rule.options), pool.embedder).scorer(
        fitted.arrays, fitted.summary, runtime.workers, runtime.device)
    return scorer.scores(vectors), fitted.summary


def _text_scores(rule: RuleLine, target: Embedded, pool: Candidates,
                 runtime: Runtime) -> tuple[np.ndarray, dict[str, JSON]]:
    of_rule = selection.resolve(rule.method, dict(rule.options))
    if not isinstance(of_rule, TextRule):
        raise UsageError(f"{rule.name} reads vectors")
    fitted = of_rule.fit(TextProblem([target.texts], [pool.texts], runtime.threads))
    selection.require_usable(of_rule, fitted)
    scores = of_rule.scorer(fitted.arrays, fitted.summary, runtime.threads).scores(pool.texts)
    return np.asarray(scores), fitted.summary


