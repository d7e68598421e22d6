"""Every rule on rows without content and on copies: they rank last, and change no other score."""

from collections.abc import Callable

import numpy as np
import pytest

from gotd.methods.base import LOWEST

RULES = {
    "got": {"epsilon": 2.0, "whiten": True, "center": True}, "mean": {"center": True}, "nearest": {},
    "round-robin": {"center": True}, "classifier": {}, "random": {"seed": 3},
}


def problem() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return (random.normal(size=(300, 8)) + 0.3).astype("f2"), (random.normal(size=(40, 8)) + 0.8).astype("f4")


@pytest.mark.parametrize(("rule", "metric"), [
    (rule, metric) for rule in RULES for metric in ("sqeuclidean", "cosine")
    if metric == "sqeuclidean" or rule not in ("classifier", "random")
])
def test_rows_without_content_rank_last_and_change_nothing(ruled: Callable[..., object], rule: str,
                                                           metric: str) -> None:
    x, y = problem()
    options = RULES[rule] | ({"metric": metric} if metric != "sqeuclidean" else {})
    dirty = np.insert(x, np.random.default_rng(1).integers(0, 300, 60), [0.0, -0.0] * 4, axis=0)
    blank = ~dirty.any(axis=1)
    clean, other = ruled(rule, y, x, options), ruled(rule, y, dirty, options, cut=77)
    assert other.fitted.summary == clean.fitted.summary
    scores = other.scores(dirty)
    assert (scores[blank] == LOWEST).all()
    assert scores[~blank].tobytes() == clean.scores(x).tobytes()
    assert scores[~blank].min() > LOWEST


@pytest.mark.parametrize("rule", RULES)
def test_copies_and_order_change_nothing(ruled: Callable[..., object], rule: str) -> None:
    x, y = problem()
    random = np.random.default_rng(2)
    order = random.permutation(np.concatenate([np.arange(300), random.integers(0, 50, 900)]))
    one, other = ruled(rule, y, x, RULES[rule]), ruled(rule, y, x[order], RULES[rule], cut=77)
    assert other.fitted.summary == one.fitted.summary
    assert all(array.tobytes() == one.fitted.arrays[name].tobytes() for name, array in other.fitted.arrays.items())
