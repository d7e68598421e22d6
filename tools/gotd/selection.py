"""A rule by name with its options: the defaults, decided once, for the commands, for Python and for studies alike."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeAlias

from gotd.errors import DataError, GotdError, UsageError
from gotd.methods import rule_names, rule_type
from gotd.methods.base import Arrays, Fitted, TextProblem, TextRule, VectorProblem, VectorRule
from gotd.methods.options import Options, flag
from gotd.methods.schema import Summary, TextSummary
from gotd.types import JSON, EmbedderIdentity

if TYPE_CHECKING:
    import numpy as np

    from gotd.streams.sinks import Sink

AnyRule: TypeAlias = "VectorRule | TextRule"


def resolve(name: str, options: Options | Mapping[str, object] | None = None,
            embedder: EmbedderIdentity | None = None) -> AnyRule:
    """Return a rule with its options, defaults in place of those that are left out.

    name     : as of --method.
    options  : by the names that ds-target-stats has for them, as in {"pool_sample": 1000, "whiten": False}.
    embedder : what made the vectors, if known: those of hash are centred.
    Raises: UsageError for a name that is none, for an option that the rule does not have, or that cannot be as it is
        beside the others.
    """
    if name not in rule_names():
        raise UsageError(f"there is no rule {name!r}; there are {', '.join(rule_names())}")
    rule = rule_type(name)
    if not isinstance(options, Options):
        options = _options(rule, options or {})
    elif type(options) is not rule.options_type:  # a subclass may have other defaults
        raise UsageError(f"rule {name!r} has {rule.options_type.__name__}, not {type(options).__name__}")
    options.require([each.name for each in fields(options) if getattr(options, each.name) != each.default])
    return rule(options, embedder)


def resolve_vectors(name: str, options: Mapping[str, object], embedder: EmbedderIdentity | None) -> VectorRule:
    """Return a rule that reads vectors, as `resolve` does. Raises: UsageError for one that reads texts."""
    rule = resolve(name, options, embedder)
    if not isinstance(rule, VectorRule):
        raise UsageError(f"rule {name!r} reads texts")
    return rule


def _options(rule: type[AnyRule], given: Mapping[str, object]) -> Options:
    known = [each.name for each in fields(rule.options_type)]
    for name in given:
        if name not in known:
            raise UsageError(f"{flag(name)} does nothing with --method {rule.name}; leave it out")
    options = rule.options_type.of(given)
    options.require(given)
    return options


def fit(name: str, problem: VectorProblem | TextProblem, options: Options | Mapping[str, object] | None = None,
        embedder: EmbedderIdentity | None = None) -> Fitted:
    """Return what ds-target-stats would write for the same vectors or texts and options.

    Raises: GotdError where the rule cannot be fitted, or is not converged.
    """
    rule = resolve(name, options, embedder)
    fitted = made_of(fit_rule(rule, problem), embedder)
    require_usable(rule, fitted)
    return fitted


def fit_rule(rule: AnyRule, problem: VectorProblem | TextProblem) -> Fitted:
    """Fit a rule, whether or not it converges. Raises: UsageError for texts where it reads vectors, and vice versa."""
    if isinstance(rule, VectorRule) and isinstance(problem, VectorProblem):
        return rule.fit(problem)
    if isinstance(rule, TextRule) and isinstance(problem, TextProblem):
        return rule.fit(problem)
    raise UsageError(f"rule {rule.name!r} reads {'vectors' if isinstance(rule, VectorRule) else 'texts'}")


def made_of(fitted: Fitted, embedder: EmbedderIdentity | None) -> Fitted:
    """Return the same, with a summary that says what made the vectors."""
    return fitted._replace(figures=replace(fitted.figures, embedder=embedder))


def require_usable(rule: AnyRule, fitted: Fitted) -> None:
    """Raise GotdError where it did not converge, or where ds-score would refuse it."""
    rule.require_converged(fitted)
    try:
        rule.check(fitted.arrays, fitted.summary)
    except ValueError as error:
        raise GotdError(f"what --method {rule.name} fitted cannot score: {error}; are the vectors huge?") from error


def save(sink: "Sink", arrays: Arrays, summary: Mapping[str, JSON]) -> None:
    """Write a target file."""
    from gotd.streams.targets import write_target

    write_target(sink, arrays, summary)


@dataclass(frozen=True)
class TargetFile:
    """What a target file holds.

    summary : its run record as it stands there; figures : what of it the rule knows
    digest  : SHA-256 of its bytes, in hexadecimal
    """

    rule: type[AnyRule]
    arrays: "dict[str, np.ndarray]"
    summary: dict[str, JSON]
    figures: Summary
    digest: str

    @property
    def embedder(self) -> EmbedderIdentity | None:
        """What made the vectors that it was fitted to, if known."""
        return self.figures.embedder


def load(path: str) -> TargetFile:
    """Return what a target file holds. Raises: DataError where that is not what its rule needs."""
    from gotd.streams.record_text import RecordText
    from gotd.streams.targets import read_target

    arrays, summary, digest = read_target(path)
    try:
        rule = rule_type(str(summary["method"]))
        figures = rule.check(arrays, summary)
        if isinstance(figures, TextSummary):
            RecordText.of_spec(figures.text_key)
    except (GotdError, ValueError) as error:
        raise DataError(path, str(error), "make it again with ds-target-stats") from error
    return TargetFile(rule, arrays, summary, figures, digest)
