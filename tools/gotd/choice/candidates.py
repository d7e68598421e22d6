"""Records with scores that they carry, as a choice reads them. (score_files.py: with scores beside them.)"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gotd.choice.noise import Spread
from gotd.choice.quotas import kind_of
from gotd.streams.embedded_records import SCORE, require_scored, score_of
from gotd.streams.json_fields import parse_object
from gotd.streams.record_files import ReadOptions, record_readers
from gotd.streams.records import read_records
from gotd.streams.seal import Seal
from gotd.types import Fields


class Ranking(NamedTuple):
    """How records are read and ranked.

    score_keys : the fields that rank them, one for each target; none for the score of ds-score, which a seal must
        vouch for
    advance : told of every row that was ranked, once
    kind_key : the field of their kind, where kinds have quotas
    passed : told of every record that a reading for candidates goes over
    """

    read: ReadOptions
    score_keys: Sequence[str]
    advance: Callable[[int], None]
    kind_key: str = ""
    passed: Callable[[int], None] = lambda _rows: None


class Candidate(NamedTuple):
    """A record that may be chosen. scores : for each target. row : its number in the whole pool. kind : of its quota"""

    scores: tuple[np.float32, ...]
    row: int
    line: bytes
    text: str
    kind: str = ""


class ScoredRecords:
    """Records that carry their score, in the order of the files.

    rows, targets : once it was read to the end, how many there were, and the targets that the seals of scores name
    """

    def __init__(self, names: Sequence[str], ranking: Ranking) -> None:
        self.rows = 0
        self.targets: set[str] = set()
        self._names, self._ranking, self._readings = names, ranking, 0
        self._keys = list(ranking.score_keys) or [SCORE]

    def count(self) -> int:
        """How many records carry a score."""
        return sum(len(block) for block in self._scores())

    def deviations(self) -> list[float]:
        """Standard deviations of the scores for each target."""
        spreads = [Spread() for _ in self._keys]
        for block in self._scores():
            for spread, scores in zip(spreads, block.T, strict=True):
                spread.add(scores)
        return [spread.deviation for spread in spreads]

    def _scores(self) -> Iterator[np.ndarray]:
        """Yield float32 (n, targets). Bad records are counted by the reading that follows."""
        read = self._ranking.read.again()
        for reader in record_readers(self._names, read.long_window):
            for batch in read_records(reader, read.skipping, self._ranked):
                yield np.array([record.value[0] for record in batch], dtype=np.float32)
            read = read.again()

    def thresholds(self, _wanted: int) -> Iterator[None]:
        """None: all are read at once."""
        yield None

    def batches(self, _least: np.float32 | None = None) -> Iterator[list[Candidate]]:
        """All of them, some at a time."""
        self.rows, self._readings = 0, self._readings + 1
        read = self._ranking.read
        read.skipping.skipped = 0
        for reader in record_readers(self._names, read.long_window):
            for batch in read_records(reader, read.skipping, self._ranked):
                self._ranking.passed(len(batch))
                yield [Candidate(record.value[0], row, record.line, *record.value[1:])
                       for row, record in enumerate(batch, self.rows)]
                self.rows += len(batch)
                if self._readings == 1:
                    self._ranking.advance(len(batch))
            if not self._ranking.score_keys:
                require_scored(reader.verifier)
            self.targets |= targets_of(reader.verifier.seals)

    def text(self, line: bytes) -> str:
        """The text of a record that was read."""
        return self._ranking.read.text.of(parse_object(line))

    def _ranked(self, fields: Fields) -> tuple[tuple[np.float32, ...], str, str]:
        """Scores, text and kind of a record. Raises: ValueError where it cannot be ranked."""
        key = self._ranking.kind_key
        return (tuple([score_of(fields, each) for each in self._keys]), self._ranking.read.text.of(fields),
                kind_of(fields, key) if key else "")


def targets_of(seals: Iterable[Seal]) -> set[str]:
    """Return the digests of the target files that scores are of, as far as their seals say."""
    return {seal.made_by.target for seal in seals if seal.made_by.target is not None}
