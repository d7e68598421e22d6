"""Scoring a stream: the same bits as all at once, without reading the stream far ahead."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from fitting import problem_of, scorer_of
from gotd.methods import RULES, rule_type
from gotd.methods.base import VectorRule
from gotd.ot.blocks import CPU_BLOCK_ROWS, Workers
from gotd.selection import resolve_vectors

READS_ROWS = sorted(name for name in RULES if issubclass(rule_type(name), VectorRule))


@pytest.fixture
def scorer(workers: Workers) -> Callable[[str], Any]:
    """A rule fitted to some rows."""

    def of(name: str) -> Any:
        rows = np.random.default_rng(0).normal(size=(400, 8)).astype("<f2")
        rule = resolve_vectors(name, {}, None)
        return scorer_of(rule, rule.fit(problem_of(rows[:20], rows, workers)), workers)

    return of


@pytest.mark.long
@pytest.mark.parametrize("name", READS_ROWS)
def test_a_stream_is_scored_as_the_whole_is(name: str, scorer: Callable[[str], Any]) -> None:
    rows = np.random.default_rng(1).normal(size=(3 * CPU_BLOCK_ROWS + 17, 8)).astype("<f2")
    found = scorer(name)
    for cut in (1, 100, CPU_BLOCK_ROWS, 5000):
        streamed = list(found.stream(rows[i : i + cut] for i in range(0, len(rows), cut)))
        assert np.concatenate(streamed).tobytes() == found.scores(rows).tobytes()
    assert list(found.stream([])) == []
    assert found.scores(rows[:0]).shape == (0,)


def test_a_stream_is_not_read_far_ahead(scorer: Callable[[str], Any]) -> None:
    read = 0

    def blocks() -> Iterator[np.ndarray]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield np.ones((CPU_BLOCK_ROWS, 8), dtype="<f2")

    scored = scorer("got").stream(blocks())
    next(scored)
    assert read <= 2 * 2 + 2  # two blocks for each of two threads, and what it stands at
    assert len(list(scored)) == 99
