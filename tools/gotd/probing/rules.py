"""Which rule: each is fitted to a part of the target's texts, and its choice judged by the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gotd.errors import GotdError
from gotd.lookup import Int64s
from gotd.probing.comparing import HeldOut, Input, Probe
from gotd.probing.comparison import Comparison, Settings
from gotd.probing.rule_choices import USUAL, Candidates, Embedded, RuleChoice, RuleLine, choose_by
from gotd.probing.units import copies
from gotd.runtime import Runtime


@dataclass(frozen=True)
class Aim:
    """The target's texts. units : int64 (n,), which belong together and are never parted; by default copies"""

    name: str
    embedded: Embedded
    units: Int64s | None = None


@dataclass(frozen=True)
class Trial:
    """How rules are tried.

    rules     : none tries the usual ones, and leaves out those that cannot be used here.
    fit_share : of the target's texts, that rules are fitted to.
    fraction  : of the pool's words, that each rule chooses; settings.budget is in its place where it is given.
    told      : what is done, step by step.
    """

    rules: Sequence[RuleLine]
    fit_share: float
    fraction: float
    settings: Settings
    told: Callable[[str], None]


@dataclass(frozen=True)
class Verdict:
    """The best rule by one average.

    level : others of which it is not certain that they are worse. beats_random : certainly better than random choices
    """

    rule: RuleLine
    level: list[RuleLine]
    beats_random: bool


@dataclass(frozen=True)
class RuleComparison:
    """What each rule's choice would do.

    choices  : of each rule, in the order of the comparison's rows. left_out : rules that were not tried, and why
    fitted   : which of the target's texts rules were fitted to, bool (n,). pool_texts, pool_words : chosen from
    """

    comparison: Comparison
    choices: list[RuleChoice]
    left_out: dict[str, str]
    fitted: np.ndarray
    pool_texts: int
    pool_words: int

    def verdict(self, measure: str) -> Verdict:
        """Return the best rule. measure : by_word or by_text"""
        rows = [row for row in self.comparison.rows if row.kind == "choice"]
        figures = [getattr(row, measure) for row in rows]
        best = min(range(len(rows)), key=lambda place: figures[place].nats.value)
        level = [self.choices[place].rule for place, each in enumerate(figures)
                 if place != best and each.to_best.low <= 0.0]
        return Verdict(self.choices[best].rule, level, figures[best].to_random.high < 0.0)


def compare_rules(target: Aim, pool: Candidates, source: Input, trial: Trial, runtime: Runtime) -> RuleComparison:
    """Fit rules to a part of the target, choose out of the pool, and judge the choices by the other part.

    Raises: GotdError where a rule that was asked for cannot be used, or the target is too small to be parted.
    """
    settings, texts = trial.settings, target.embedded.texts
    units = copies(texts) if target.units is None else target.units
    fitted = part(target.name, units, trial.fit_share, settings.seed)
    words = settings.budget or max(1, round(trial.fraction * float(pool.words.sum())))
    choices, left_out = _choices(_some(target.embedded, fitted), pool, words, trial, runtime)
    held_out = HeldOut(target.name, [text for text, out in zip(texts, fitted, strict=True) if not out], units[~fitted])
    trial.told("judging by the other texts")
    probe = Probe(held_out, source, Input("the pool", lambda: iter([pool.texts])), settings._replace(budget=words),
                  runtime.threads)
    comparison = probe.compare([_input(choice) for choice in choices])
    return RuleComparison(comparison, choices, left_out, fitted, len(pool.texts), int(pool.words.sum()))


def part(name: str, units: Int64s, share: float, seed: int) -> np.ndarray:
    """Return which texts rules are fitted to: whole units drawn at random, with about this share of the texts.

    Shapes: int64 (n,), numbers of units -> bool (n,). Raises: GotdError where one part would be empty.
    """
    distinct, numbers, sizes = np.unique(units, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(distinct))
    middles = np.cumsum(sizes[order]) - sizes[order] / 2.0  # a unit goes where the larger part of it lies
    fits = np.zeros(len(distinct), dtype=np.bool_)
    fits[order[middles < share * len(units)]] = True
    if len(distinct) > 1 and fits.all() != fits.any():
        return np.asarray(fits[numbers])
    if len(distinct) < 2:
        raise GotdError(f"{name}: all {len(units)} texts are one unit (copies, or one --group), and rules are fitted "
                        "to some and judged by others; give more of the task's texts")
    fits[order[0 if not fits.any() else -1]] ^= True
    return np.asarray(fits[numbers])


def _some(target: Embedded, which: np.ndarray) -> Embedded:
    texts = [text for text, wanted in zip(target.texts, which, strict=True) if wanted]
    return Embedded(texts, None if target.vectors is None else target.vectors[which])


def _choices(target: Embedded, pool: Candidates, words: int, trial: Trial,
             runtime: Runtime) -> tuple[list[RuleChoice], dict[str, str]]:
    choices, left_out, rules = list[RuleChoice](), dict[str, str](), trial.rules or USUAL
    for number, rule in enumerate(rules, 1):
        trial.told(f"rule {number} of {len(rules)}: {rule.name}")
        try:
            choices.append(choose_by(rule, target, pool, words, runtime))
        except GotdError as error:
            if trial.rules:
                raise
            left_out[rule.name] = str(error).removeprefix(f"{rule.name}: ")
    if not choices:
        raise GotdError(f"no rule can be used: {next(iter(left_out.values()))}")
    return choices, left_out


def _input(choice: RuleChoice) -> Input:
    return Input(choice.rule.name, lambda: iter([choice.texts]))
