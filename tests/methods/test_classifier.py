"""classifier against scikit-learn and against a target that is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gotd.errors import GotdError

linear_model = pytest.importorskip("sklearn.linear_model")
Ruled = Callable[..., Any]


def problem() -> tuple[np.ndarray, np.ndarray]:
    """Rows of the pool and of the target."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(2000, 9)).astype("f4"), (rng.normal(size=(150, 9)) + np.eye(9)[0]).astype("f4")


@pytest.mark.parametrize("center", [False, True])
def test_log_odds_are_those_of_scikit_learn(center: bool, ruled: Ruled) -> None:
    x, y = problem()
    got = ruled("classifier", y, x, {"center": center})
    p, q = (z - x.mean(axis=0, dtype="f8") for z in (x, y)) if center else (x.astype("f8"), y.astype("f8"))
    if center:
        p, q = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (p, q))
    model = linear_model.LogisticRegression(class_weight="balanced", tol=1e-8)
    model.fit(np.concatenate([q, p]), [1] * len(q) + [0] * len(p))
    assert np.abs(got.scores(x) - model.decision_function(p)).max() < 2e-2
    assert np.corrcoef(got.scores(x), model.decision_function(p))[0, 1] > 0.99999


def test_two_normal_distributions_one_apart(ruled: Ruled) -> None:
    """For N(0, I) against N(e, I) the true log-odds are x.e - 1/2."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40000, 3)), rng.normal(size=(20000, 3)) + np.eye(3)[0]
    got = ruled("classifier", y.astype("f4"), x.astype("f4"))
    assert np.abs(got.scores(np.eye(3, dtype="f4")) - [0.5, -0.5, -0.5]).max() < 0.06


def test_weights_of_the_target_count_like_repeated_rows(ruled: Ruled) -> None:
    x, y = problem()
    weights = np.where(y[:, 1] > 0, 2.0, 1.0)
    weighted = ruled("classifier", y, x, target_weights=weights).scores(x)
    repeated = ruled("classifier", np.repeat(y, weights.astype(int), axis=0), x).scores(x)
    assert np.corrcoef(weighted, repeated)[0, 1] > 0.9999
    assert np.abs(weighted - ruled("classifier", y, x).scores(x)).max() > 0.1


def test_without_scikit_learn_it_says_what_to_install(ruled: Ruled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.linear_model", None)
    with pytest.raises(GotdError, match=r"pip install 'gotd\[baselines\]'"):
        ruled("classifier", *problem()[::-1])
