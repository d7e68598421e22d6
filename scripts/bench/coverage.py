"""How often the probe's 95 % intervals hold the truth, on few skewed units, beside scipy's.

    python coverage.py [--trials 2000] [--scipy 500] [--units 10 30 100 300]

Units are drawn from populations whose averages are known, and judged by gotd.probing as ds-probe judges texts:

    by the word   texts of lognormal length (mean 77 words, as far from even as reviews: the standard deviation is the
                  mean), one to several in a unit that are copies, 7 nats a word with a spread of units and of texts
    by the text   the same texts, each text's own nats a word
    difference    of two models by the word: gains of a gamma distribution, times lengths, of skewness 2.8 (differences
                  of choices on chemprot and amazon_helpfulness have -2.3 to 2.1)
    skewed mean   an exponential variable, skewness 2

scipy's are the percentile and BCa intervals of scipy.stats.bootstrap, in fewer trials. Then, of four choices that are
equally good: in how many trials no interval "to best" says that one is worse. And of random choices that differ, five
of which are drawn: how often the interval "to random" holds the difference to the mean of all.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import bootstrap

from gotd.probing.figures import Model, Texts, by_word
from gotd.probing.judgement import Judgement, to_best

_RESAMPLES = 999
_MEDIAN_WORDS, _LENGTH_SPREAD = 55.0, 0.83


class Sample(NamedTuple):
    """Texts. costs, words : float64 (n,); units : int64 (n,), from 0; other : costs under a second model"""

    costs: np.ndarray
    words: np.ndarray
    units: np.ndarray
    other: np.ndarray


def texts(random: np.random.Generator, units: int) -> Sample:
    """Units of one to several texts, of lengths that have nothing to do with how hard they are."""
    of = np.repeat(np.arange(units), random.geometric(0.6, units))
    words = np.ceil(_MEDIAN_WORDS * random.lognormal(0.0, _LENGTH_SPREAD, len(of)))
    rate = 7.0 + random.normal(0.0, 0.4, units)[of] + random.normal(0.0, 0.3, len(of))
    gain = random.gamma(3.0, 0.05 / 3.0, units)[of]
    return Sample(words * rate, words, of, words * (rate - gain))


Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]


def by_the_word(random: np.random.Generator, units: int) -> Drawn:
    """Costs, weights, units."""
    found = texts(random, units)
    return found.costs, found.words, found.units


def by_the_text(random: np.random.Generator, units: int) -> Drawn:
    """Costs, weights, units."""
    found = texts(random, units)
    return found.costs / found.words, np.ones_like(found.words), found.units


def difference(random: np.random.Generator, units: int) -> Drawn:
    """Costs, weights, units."""
    found = texts(random, units)
    return found.costs - found.other, found.words, found.units


def skewed_mean(random: np.random.Generator, units: int) -> Drawn:
    """Costs, weights, units."""
    return random.exponential(1.0, units), np.ones(units), np.arange(units)


#: Populations and their averages.
POPULATIONS: dict[str, tuple[Callable[[np.random.Generator, int], Drawn], float]] = {
    "by the word": (by_the_word, 7.0), "by the text": (by_the_text, 7.0), "difference": (difference, 0.05),
    "skewed mean": (skewed_mean, 1.0),
}


def ours(drawn: Drawn, seed: int) -> tuple[float, float]:
    """Ends of the probe's interval."""
    costs, weights, units = drawn
    return Judgement(costs[None], weights, units, _RESAMPLES, seed).estimate(np.ones(1))[1:]


def percentile(drawn: Drawn, seed: int) -> tuple[float, float]:
    """Ends of scipy's percentile interval."""
    return _scipys(drawn, "percentile", seed)


def bca(drawn: Drawn, seed: int) -> tuple[float, float]:
    """Ends of scipy's BCa interval."""
    return _scipys(drawn, "BCa", seed)


def _scipys(drawn: Drawn, method: str, seed: int) -> tuple[float, float]:
    costs, weights, units = drawn
    sums = np.bincount(units, costs), np.bincount(units, weights)
    found = bootstrap(sums, lambda c, w, axis: c.sum(axis) / w.sum(axis), paired=True, vectorized=True, method=method,
                      n_resamples=_RESAMPLES, rng=np.random.default_rng(seed)).confidence_interval
    return found.low, found.high


def coverage(name: str, units: int, trials: int, interval: Callable[[Drawn, int], tuple[float, float]]) -> float:
    """Share of intervals that hold the truth, nan of no trials."""
    draw, truth = POPULATIONS[name]
    ends = [interval(draw(np.random.default_rng([trial, units]), units), trial) for trial in range(trials)]
    return float(np.mean([low <= truth <= high for low, high in ends])) if ends else float("nan")


def best_of_four(units: int, trials: int) -> float:
    """Share of trials in which no choice of four that are equally good is said to be worse than the best."""
    held = 0
    for trial in range(trials):
        random = np.random.default_rng([trial, units, 4])
        sample = texts(random, units)
        costs = sample.costs + sample.words * random.normal(0.0, 0.1, (4, units))[:, sample.units]
        judgement = Judgement(costs, sample.words, sample.units, _RESAMPLES, trial)
        held += all(found.low <= 0.0 for found in to_best(judgement, range(4)))
    return held / trials


def to_random(units: int, trials: int) -> float:
    """Share of intervals "to random" that hold the difference to the mean over all draws, which differ by 0.03."""
    held = 0
    for trial in range(trials):
        random = np.random.default_rng([trial, units, 5])
        sample = texts(random, units)
        draws = sample.costs + sample.words * (0.1 + random.normal(0.0, 0.03, (5, 1)))
        draws += sample.words * random.normal(0.0, 0.1, (5, len(sample.words)))
        models = [Model("random", "random", 1, 1, draws), Model("choice", "choice", 1, 1, sample.costs[None])]
        found = by_word(models, Texts(sample.words.astype(np.int64), sample.units, _RESAMPLES, trial))[1].to_random
        held += found is not None and found.low <= -0.1 <= found.high
    return held / trials


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--scipy", type=int, default=500, help="trials of scipy's, which are slower")
    parser.add_argument("--units", type=int, nargs="+", default=[10, 30, 100, 300])
    given = parser.parse_args()
    print(f"{'':14}{'units':>6}{'ours':>8}{'percentile':>12}{'BCa':>7}", flush=True)
    for name in POPULATIONS:
        for units in given.units:
            mine, *others = (coverage(name, units, trials, interval) for interval, trials in
                             ((ours, given.trials), (percentile, given.scipy), (bca, given.scipy)))
            print(f"{name:14}{units:6}{mine:8.3f}{others[0]:12.3f}{others[1]:7.3f}", flush=True)
    for name, measured in (("best of four", best_of_four), ("to random", to_random)):
        for units in given.units:
            print(f"{name:14}{units:6}{measured(units, given.trials):8.3f}", flush=True)


if __name__ == "__main__":
    main()
