"""mean and nearest by their definitions, written out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gotd.ot.blocks import Workers
from gotd.ot.cost import Metric

Ruled = Callable[..., Any]


def problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the pool and of the target."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(700, 12)) + 0.4).astype("f4"), (rng.normal(size=(31, 12)) * 0.8 - 0.2).astype("f4")


def points(x: np.ndarray, mean: np.ndarray, metric: str, center: bool) -> np.ndarray:
    """Rows as they are compared."""
    x = x.astype("f8") - mean if center else x.astype("f8")
    return x / np.linalg.norm(x, axis=1, keepdims=True) if center or metric == "cosine" else x


def cost(x: np.ndarray, y: np.ndarray, metric: str) -> np.ndarray:
    """C by its definition. Shapes: (n, d), (m, d) -> (n, m)."""
    return 1.0 - x @ y.T if metric == "cosine" else np.square(x[:, None] - y[None]).sum(axis=2)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
@pytest.mark.parametrize("name", ["mean", "nearest"])
def test_scores_are_the_definition(name: str, metric: Metric, center: bool, ruled: Ruled) -> None:
    x, y = problem()
    got = ruled(name, y, x, {"metric": metric, "center": center})
    p, q = (points(z, x.mean(axis=0, dtype="f8"), metric, center) for z in (x, y))
    if name == "mean":
        q = q.mean(axis=0, keepdims=True)
        q = q / np.linalg.norm(q) if metric == "cosine" else q
    costs = cost(p, q, metric).min(axis=1)
    assert np.abs(got.scores(x) - (costs.mean() - costs)).max() < 1e-5 * max(1.0, costs.max())
    assert got.fitted.summary["converged"]
    assert got.fitted.summary["source_rows"] == 700


def test_weights_of_the_target_move_its_mean(ruled: Ruled) -> None:
    x, y = problem()
    weights = np.arange(31.0)
    costs = np.square(x - weights @ y / weights.sum()).sum(axis=1)
    scores = ruled("mean", y, x, target_weights=weights).scores(x)
    assert np.abs(scores - (costs.mean() - costs)).max() < 1e-4


@pytest.mark.long
@pytest.mark.parametrize("name", ["mean", "nearest", "round-robin", "classifier", "random"])
def test_neither_cuts_nor_threads_nor_neighbours_change_a_bit(name: str, ruled: Ruled) -> None:
    x, y = problem()
    x = x.astype("f2")
    options = {} if name == "random" else {"center": True, "pool_sample": 300}
    whole = ruled(name, y, x, options)
    for cut, threads in [(700, 1), (97, 3)]:
        again = ruled(name, y, x, options, cut=cut, threads=Workers(threads))
        assert {key: array.tobytes() for key, array in again.fitted.arrays.items()} == {
            key: array.tobytes() for key, array in whole.fitted.arrays.items()
        }
        assert again.fitted.summary == whole.fitted.summary
        assert again.scores(x).tobytes() == whole.scores(x).tobytes()
    alone = np.concatenate([whole.scores(x[i : i + 1]) for i in range(50)])
    assert alone.tobytes() == whole.scores(x)[:50].tobytes()
    assert whole.scores(x[:0]).shape == (0,)
    assert whole.scores(x).dtype == np.float32
