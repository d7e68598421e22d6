"""Rules fitted to rows in memory, for tests of what is beneath the commands."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from gotd.methods.base import Fitted, RowScorer, VectorProblem, VectorRule
from gotd.methods.got import GotOptions
from gotd.ot.blocks import Workers
from gotd.ot.source import Part

CPU = torch.device("cpu")


def plain(**options: Any) -> GotOptions:
    """Options of got for rows that are compared as they are."""
    return GotOptions(**{"whiten": False, **options})


def pieces(array: np.ndarray, cut: int = 1000) -> Callable[[], Iterator[np.ndarray]]:
    """Rows as if of a file, `cut` in a block."""
    return lambda: (array[i : i + cut] for i in range(0, len(array), cut))


def problem_of(target: np.ndarray, source: np.ndarray | list[Part], workers: Workers, masses: np.ndarray | None = None,
               **others: Any) -> VectorProblem:
    """What rules are fitted to. source : rows, or parts. others : fields of the problem by name"""
    parts = source if isinstance(source, list) else [Part("pool.npy", 1.0, pieces(source))]
    weights = np.ones(len(target)) if masses is None else masses
    return VectorProblem(target, weights, parts, workers, **{"device": CPU, **others})


def scorer_of(rule: VectorRule, fitted: Fitted, workers: Workers, device: torch.device = CPU) -> RowScorer:
    """What ds-score scores rows with."""
    return rule.scorer(fitted.arrays, fitted.summary, workers, device)
