"""Counting and judging texts in memory."""

from collections.abc import Callable, Sequence

import pytest

from gotd.overlap import Overlap
from gotd.probing.comparing import Input
from gotd.probing.counting import Counted, Reader, count
from gotd.probing.target import Target


@pytest.fixture(scope="session")
def counted() -> Callable[..., Counted]:
    """A target and other texts counted by it; batch: texts read at a time."""

    def of(target: Target, texts: Sequence[str], budget: int | None = None, batch: int = 1000) -> Counted:
        reader = Reader(target, Overlap(["nothing"]), 2)
        return count(reader, (list(texts[i : i + batch]) for i in range(0, len(texts), batch)), budget)

    return of


@pytest.fixture(scope="session")
def given() -> Callable[..., Input]:
    """Texts as an input that can be read again."""

    def of(name: str, texts: Sequence[str], batch: int = 100) -> Input:
        return Input(name, lambda: (list(texts[i : i + batch]) for i in range(0, len(texts), batch)))

    return of
