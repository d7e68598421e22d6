"""95 % intervals by resampling the items that a study judges by: texts, or prompts.

What is compared is paired: both sides of a difference or a ratio are measured on the same resampled items.
"""

from collections.abc import Callable

import numpy as np

#: A figure with the ends of its interval.
Interval = tuple[float, float, float]


def interval(figure: Callable[[np.ndarray], np.ndarray], items: int, resamples: int = 2000) -> Interval:
    """A figure with its interval.

    figure : of weights that sum to 1, each row a resample, (resamples, items) -> (resamples,)
    """
    drawn = np.random.default_rng(0).multinomial(items, np.full(items, 1 / items), size=resamples) / items
    value = figure(np.full((1, items), 1 / items))[0]
    low, high = np.percentile(figure(drawn), [2.5, 97.5])
    return float(value), float(low), float(high)


def shown(found: Interval, signed: bool = True) -> str:
    """As a table has it: value (low to high)."""
    value, low, high = (f"{number:{'+' if signed else ''}.1f}" for number in found)
    return f"{value} ({low} to {high})"
