"""A pool in memory, as a choice reads it: rows in blocks, counted how often."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gotd.choice.candidates import Candidate
from gotd.choice.noise import Spread


class Row(NamedTuple):
    """A record with its scores for each target."""

    text: str
    scores: tuple[float, ...]
    kind: str = ""


class MemoryPool:
    """Rows with scores. readings : how often they were read"""

    def __init__(self, rows: Sequence[Row], block: int = 7) -> None:
        self.readings = 0
        self._rows, self._block = rows, block

    def thresholds(self, _wanted: int) -> Iterator[None]:
        yield None

    def deviations(self) -> list[float]:
        spreads = [Spread() for _ in self._rows[0].scores]
        for spread, column in zip(spreads, zip(*(row.scores for row in self._rows), strict=True), strict=True):
            spread.add(np.array(column, dtype=np.float32))
        return [spread.deviation for spread in spreads]

    def batches(self, _least: np.float32 | None = None) -> Iterator[list[Candidate]]:
        self.readings += 1
        found = [Candidate(tuple(map(np.float32, row.scores)), number, b"%d" % number, row.text, row.kind)
                 for number, row in enumerate(self._rows)]
        for start in range(0, len(found), self._block):
            yield found[start : start + self._block]

    def text(self, line: bytes) -> str:
        return self._rows[int(line)].text
