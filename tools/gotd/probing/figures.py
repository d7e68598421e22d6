"""What each row of the comparison says by one average: its figure, and its differences to random and to the best.

A random choice is the mean of several draws. It differs from the random choice that one may expect in two ways: other
texts would have judged it, which resampling covers, and other draws would have been made, which it does not. With s the
standard deviation of the d draws' averages, the second has the half-width t s / sqrt(d), t the 97.5 % quantile of
Student's distribution with d - 1 degrees of freedom. The two are joined as half-widths of independent estimates are,
sqrt(h_1^2 + h_2^2) on either side. Where texts judge draws unlike each other, that is in both parts: intervals are then
too wide, never too narrow.

Sources: Zou and Donner, Construction of confidence limits about effect measures, Statistics in Medicine 2008 (joined
half-widths); Owen, The pigeonhole bootstrap, Annals of Applied Statistics 2007 (the parts of a crossed variance).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gotd.lookup import Int64s
from gotd.probing.judgement import Estimate, Judgement, to_best


class Model(NamedTuple):
    """An effective distribution, and what the held-out texts cost under it.

    kind : "none", "random" or "choice"
    tokens : words of the choice that were counted; documents : texts they stand in, of draws the mean
    costs : float64 (draws, n), nats of each text that judges; one draw of what is not drawn
    """

    name: str
    kind: str
    documents: int
    tokens: int
    costs: np.ndarray


class Figures(NamedTuple):
    """What a row says by one average, in nats a word.

    nats : cross-entropy
    to_random, to_best : differences, below zero where the row is better: to random choices of as many words, and to the
        best choice
    draws : of what was drawn several times, as random choices are, the cross-entropy of each draw
    """

    nats: Estimate
    to_random: Estimate | None
    to_best: Estimate | None
    draws: list[float]


class Texts(NamedTuple):
    """The texts that judge, and how they are resampled. words : int64 (n,); units : int64 (n,), from 0"""

    words: Int64s
    units: Int64s
    resamples: int
    seed: int


def by_word(models: Sequence[Model], texts: Texts) -> list[Figures]:
    """Return figures by the word: all words count the same, so that a long text counts more than a short one."""
    return _figures(models, np.ones_like(texts.words), texts.words, texts)


def by_text(models: Sequence[Model], texts: Texts) -> list[Figures]:
    """Return figures by the text: the mean of each text's own nats a word, the mass that got gives it."""
    return _figures(models, texts.words, np.ones_like(texts.words), texts)


def bits_per_byte(models: Sequence[Model], sizes: Int64s, texts: Texts) -> list[Estimate]:
    """Return cross-entropies in bits a byte of UTF-8. sizes : int64 (n,), bytes of each text"""
    found = _figures(models, np.ones_like(sizes), sizes, texts, alone=True)
    return [each.nats.scaled(1 / math.log(2)) for each in found]


def _figures(models: Sequence[Model], divisors: Int64s, weights: Int64s, texts: Texts,
             alone: bool = False) -> list[Figures]:
    """Return figures of sum costs / divisors over sum weights. alone : without differences"""
    costs = np.stack([model.costs.mean(axis=0) / divisors for model in models])
    judgement = Judgement(costs, weights.astype(np.float64), texts.units, texts.resamples, texts.seed)
    one = np.eye(len(models))
    draws = [(model.costs / divisors).sum(axis=1) / weights.sum() for model in models]
    random = {model.tokens: place for place, model in enumerate(models) if model.kind == "random"}
    choices = [place for place, model in enumerate(models) if model.kind == "choice"]
    best = to_best(judgement, choices) if len(choices) and not alone else None
    of_best = _half_width(draws[min(choices, key=lambda place: float(draws[place].mean()))]) if choices else 0.0
    figures = []
    for place, model in enumerate(models):
        chance, spread = None, _half_width(draws[place])
        if model.kind == "choice" and not alone:
            other = random[model.tokens]
            chance = joined(judgement.estimate(one[place] - one[other]), math.hypot(_half_width(draws[other]), spread))
        figures.append(Figures(joined(judgement.estimate(one[place]), spread), chance,
                               _to_best(model, best[place], math.hypot(of_best, spread)) if best else None,
                               draws[place].tolist() if len(draws[place]) > 1 else []))
    return figures


def joined(estimate: Estimate, half_width: float) -> Estimate:
    """Return an estimate with the uncertainty of something independent that was added to it."""
    value, low, high = estimate
    return Estimate(value, value - float(np.hypot(value - low, half_width)),
                    value + float(np.hypot(high - value, half_width)))


def _to_best(model: Model, estimate: Estimate, half_width: float) -> Estimate:
    """Return the difference to the best of models that were drawn; no choice is below the best of them."""
    found = joined(estimate, half_width)
    return found._replace(low=max(found.low, 0.0)) if model.kind == "choice" else found


def _half_width(draws: np.ndarray) -> float:
    """Return half of the 95 % interval of the mean of draws, 0 of one."""
    from scipy.stats import t

    if len(draws) == 1:
        return 0.0
    return float(t.ppf(0.975, len(draws) - 1) * draws.std(ddof=1) / np.sqrt(len(draws)))
