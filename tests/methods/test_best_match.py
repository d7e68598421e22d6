"""best-match against ranks that are counted out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Ruled = Callable[..., Any]


def ranks(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How many rows of x are nearer to each row of y than each row of x. Shapes: (n, d), (m, d) -> (n, m)."""
    costs = np.square(x[:, None].astype("f8") - y[None]).sum(axis=2)
    return costs.argsort(axis=0).argsort(axis=0)


@pytest.mark.parametrize("rounds", [1, 7, 40])
def test_scores_are_the_best_ranks(rounds: int, ruled: Ruled) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(900, 6)).astype("f4"), rng.normal(size=(17, 6)).astype("f4")
    y[8:] = y[0] + 0.1 * y[8:]  # half the target rows share their neighbours
    got = ruled("best-match", y, x, {"rounds": rounds}, cut=100)
    best = (ranks(x, y) * 17 + np.arange(17)).min(axis=1)
    scores = got.scores(x)
    near = best < rounds * 17
    assert np.array_equal(scores[near], -best[near])
    assert (scores[~near] <= -rounds * 17).all()
    assert got.fitted.summary["taken"] == near.sum()
    assert got.fitted.summary["readings"] == 1


def test_copies_are_one_document(ruled: Ruled) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(200, 4)).astype("f4"), rng.normal(size=(5, 4)).astype("f4")
    once, thrice = (ruled("best-match", y, rows, {"rounds": 9}).scores(x) for rows in (x, np.tile(x, (3, 1))))
    assert np.array_equal(once[once > -45], thrice[once > -45])


def test_a_pool_smaller_than_the_ranks(ruled: Ruled) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(20, 4)).astype("f4"), rng.normal(size=(3, 4)).astype("f4")
    got = ruled("best-match", y, x, {"rounds": 50})
    assert np.array_equal(got.scores(x), -(ranks(x, y) * 3 + np.arange(3)).min(axis=1))
    assert got.fitted.summary["rounds"] == 20
    assert got.fitted.summary["warnings"] == []
