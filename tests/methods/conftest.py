"""Fitting and scoring in one call, and POT's answer to the same question."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pytest

import ot
from fitting import CPU, pieces, problem_of, scorer_of
from gotd.methods.base import Fitted
from gotd.methods.got import Got, GotOptions
from gotd.ot.blocks import Workers
from gotd.ot.source import Part
from gotd.selection import resolve_vectors


@pytest.fixture(scope="session")
def workers() -> Workers:
    return Workers(2)


@pytest.fixture(scope="session")
def fitted(workers: Workers) -> Callable[..., Fitted]:
    """got fitted to rows in memory. weights: one for each row, or None. cut: rows of a block, as if of a file."""

    def of(
        target: np.ndarray, rows: np.ndarray, options: GotOptions, weights: np.ndarray | None = None,
        source_is_pool: bool = True, cut: int = 1000, threads: Workers = workers,
    ) -> Fitted:  # fmt: skip
        part = Part("pool.npy", 1.0, pieces(rows, cut), None if weights is None else pieces(weights, cut))
        return Got(options).fit(problem_of(target, [part], threads, source_is_pool=source_is_pool))

    return of


@pytest.fixture(scope="session")
def score(workers: Workers) -> Callable[[Fitted, np.ndarray], np.ndarray]:
    return lambda fitted, rows: Got.scorer(fitted.arrays, fitted.summary, workers, CPU).scores(rows)


class Fitting(NamedTuple):
    """A rule fitted to rows in memory: what it wrote, and the scores it gives."""

    fitted: Fitted
    scores: Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="session")
def ruled(workers: Workers) -> Callable[..., Fitting]:
    """Any rule by name, with options by name, on rows in memory. cut: rows of a block, as if of a file."""

    def of(
        name: str, target: np.ndarray, rows: np.ndarray, options: Mapping[str, object] | None = None,
        target_weights: np.ndarray | None = None, cut: int = 1000, threads: Workers = workers,
    ) -> Fitting:  # fmt: skip
        rule = resolve_vectors(name, options or {}, None)
        parts = [Part("pool.npy", 1.0, pieces(rows, cut))]
        fitted = rule.fit(problem_of(target, parts, threads, target_weights))
        return Fitting(fitted, scorer_of(rule, fitted, threads).scores)

    return of


@pytest.fixture(scope="session")
def costs() -> Callable[..., np.ndarray]:
    """C by its definition. Shapes: x (n, d), y (m, d) -> float64 (n, m)."""

    def written_out(
        x: np.ndarray, y: np.ndarray, metric: str = "sqeuclidean", centre: np.ndarray | None = None
    ) -> np.ndarray:
        x, y = x.astype("f8"), y.astype("f8")
        if centre is not None:
            x, y = x - centre, y - centre
        if centre is not None or metric == "cosine":
            x, y = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y))
        return 1.0 - x @ y.T if metric == "cosine" else np.square(x[:, None] - y[None]).sum(axis=2)

    return written_out


@pytest.fixture(scope="session")
def entropic_f() -> Callable[..., np.ndarray]:
    """POT's potential of the source, at rows of zero mass too. Shapes: a (n,), b (m,) > 0, C (n, m) -> float64 (n,)."""

    def of(a: np.ndarray, b: np.ndarray, C: np.ndarray, eps: float) -> np.ndarray:
        rows = a > 0
        _, log = ot.bregman.sinkhorn_log(
            a[rows], b, C[rows], eps, numItermax=1_000_000, stopThr=1e-10, log=True, warn=False
        )
        assert log["err"][-1] < 1e-9
        logits = log["log_v"] - C / eps
        top = logits.max(axis=1)
        return -eps * (top + np.log(np.exp(logits - top[:, None]).sum(axis=1)))

    return of
