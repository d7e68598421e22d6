"""Records with their scores, as a choice reads them: scores that the records carry, or scores beside the records."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gotd.choice.ranking import TopK
from gotd.errors import DataError
from gotd.streams.arrays import ArrayReader
from gotd.streams.digests import RecordRun
from gotd.streams.embedded_records import SCORE, require_scored, score_of
from gotd.streams.end_seal import end_seal
from gotd.streams.json_fields import parse_object
from gotd.streams.pairing import Pair, Proof
from gotd.streams.record_files import ReadOptions, record_readers
from gotd.streams.records import Record, RecordReader, Skipping, no_value, read_records
from gotd.streams.seal import Seal
from gotd.streams.sources import is_read_once, open_input
from gotd.types import Fields

#: Scores are looked at once for so many times what is wanted, then for more, in case some are left out; then for all.
_CANDIDATES = (2, 16)
#: And a few, where little is wanted.
_MORE_CANDIDATES = 1024


class Ranking(NamedTuple):
    """How records are read and ranked.

    score_key : the field that ranks them; None for the score of ds-score, which a seal must vouch for
    advance : told of every row that was ranked, once
    """

    read: ReadOptions
    score_key: str | None
    advance: Callable[[int], None]


class Candidate(NamedTuple):
    """A record that may be chosen. row : its number in the whole pool."""

    score: np.float32
    row: int
    line: bytes
    text: str


class ScoredRecords:
    """Records that carry their score, in the order of the files.

    rows, targets : once it was read to the end, how many there were, and the targets that the seals of scores name
    """

    def __init__(self, names: Sequence[str], ranking: Ranking) -> None:
        self.rows = 0
        self.targets: set[str] = set()
        self._names, self._ranking, self._readings = names, ranking, 0

    def count(self) -> int:
        """How many records carry a score. Bad ones are counted by the reading that follows."""
        read = self._ranking.read
        return sum(len(batch) for reader in record_readers(self._names, read.long_window)
                   for batch in read_records(reader, Skipping(read.skipping.allowed), self._ranked))

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
                yield [Candidate(record.value[0], row, record.line, record.value[1])
                       for row, record in enumerate(batch, self.rows)]
                self.rows += len(batch)
                if self._readings == 1:
                    self._ranking.advance(len(batch))
            if self._ranking.score_key is None:
                require_scored(reader.verifier)
            self.targets |= targets_of(reader.verifier.seals)

    def text(self, line: bytes) -> str:
        """The text of a record that was read."""
        return self._ranking.read.text.of(parse_object(line))

    def _ranked(self, fields: Fields) -> tuple[np.float32, str]:
        """Score and text of a record. Raises: ValueError where it cannot be ranked."""
        return score_of(fields, self._ranking.score_key or SCORE), self._ranking.read.text.of(fields)


class _Scores(NamedTuple):
    """What is known of one file of scores. best : the highest, None where there are none."""

    rows: int
    best: np.float32 | None
    seals: list[Seal]


class ScoreFiles:
    """Records with scores beside them. Scores are read first, and records only where one of them may be chosen.

    rows, targets : once the scores were read, as in ScoredRecords
    """

    def __init__(self, pairs: Sequence[Pair], ranking: Ranking) -> None:
        self.rows = 0
        self.targets: set[str] = set()
        self._pairs, self._ranking = pairs, ranking
        self._scores: list[_Scores] = []

    def count(self) -> int:
        """How many scores there are."""
        self._read_scores(None)
        return self.rows

    def thresholds(self, wanted: int) -> Iterator[np.float32 | None]:
        """Scores that more and more records have, each as many as may be needed to choose `wanted`; None for all."""
        if any(is_read_once(name) for pair in self._pairs for name in pair.records):
            yield None
            return
        for times in _CANDIDATES:
            top = TopK(times * wanted + _MORE_CANDIDATES)
            self._read_scores(top)
            best = top.best()
            if len(best) == self.rows:
                break
            yield best[-1]
        yield None

    def _read_scores(self, top: TopK | None) -> None:
        first, self._scores, self.rows = not self._scores, [], 0
        for pair in self._pairs:
            with open_input(pair.scores) as source:
                reader, best = ArrayReader(source, "scores"), None
                for block in reader.blocks():
                    if top is not None:
                        top.add(block)
                    if len(block):
                        best = block.max() if best is None else max(best, block.max())
                    if first:
                        self._ranking.advance(len(block))
                self._scores.append(_Scores(reader.rows, best, reader.verifier.seals))
                self.rows += reader.rows
                self.targets |= targets_of(reader.verifier.seals)

    def batches(self, least: np.float32 | None = None) -> Iterator[list[Candidate]]:
        """Those that have at least this score, some at a time; records are proven to be the ones that were scored."""
        if not self._scores:
            self._read_scores(None)
        self._ranking.read.skipping.skipped = first = 0
        for pair, scores in zip(self._pairs, self._scores, strict=True):
            runs = [run for seal in scores.seals for run in seal.records]
            unneeded = scores.best is None or (least is not None and scores.best < least)
            if not (unneeded and _is_sealed_as(pair, runs)):
                yield from self._candidates(pair, scores.rows, runs, first, least)
            first += scores.rows

    def _candidates(self, pair: Pair, rows: int, runs: Sequence[RecordRun], first: int,
                    least: np.float32 | None) -> Iterator[list[Candidate]]:
        proof = Proof(pair, rows, runs)
        proven = sum(run.rows for run in runs if run.digest) == rows
        fault: DataError | None = None
        with open_input(pair.scores) as source:
            scores = _Queue(ArrayReader(source, "scores").blocks())
            for reader in record_readers(pair.records, self._ranking.read.long_window):
                for records in self._good_records(reader, proven):
                    values = scores.take(len(records))
                    wanted = range(len(values)) if least is None else np.flatnonzero(values >= least).tolist()
                    try:
                        found = [Candidate(values[i], first + proof.records + i, records[i].line,
                                           records[i].value or self._text_of(records[i])) for i in wanted]
                    except DataError as error:  # other records, as the proof will tell, or another field
                        fault, found = fault or error, []
                    yield found
                    proof.add(records)
        proof.end()
        if fault is not None:
            raise fault

    def _good_records(self, reader: RecordReader, proven: bool) -> Iterator[list[Record[str | None]]]:
        """All lines where digests prove them, whatever their fields are called, else those that have a text."""
        read = self._ranking.read
        value_of = no_value if proven and not read.skipping.allowed else read.text_of
        return read_records(reader, read.skipping, value_of)

    def text(self, line: bytes) -> str:
        """The text of a record that was read."""
        return self._ranking.read.text.of(parse_object(line))

    def _text_of(self, record: Record[str | None]) -> str:
        try:
            return self._ranking.read.text.of(record.fields)
        except ValueError as error:
            remedy = "give the --text-key or --text-template that was embedded"
            raise DataError(record.place, str(error), remedy) from error


def _is_sealed_as(pair: Pair, runs: Sequence[RecordRun]) -> bool:
    """Whether the records are sealed as the very ones that were scored: they need not be read to know it."""
    end = end_seal(pair.records[0]) if len(runs) == 1 and len(pair.records) == 1 else None
    return end is not None and runs[0] in (RecordRun(end.seal.rows, end.seal.digest), *end.seal.records)


class _Queue:
    """Scores in order, in any portions."""

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self._blocks = blocks
        self._held = np.empty(0, dtype=np.float32)

    def take(self, count: int) -> np.ndarray:
        """The next `count` scores, fewer only at the end."""
        while len(self._held) < count and (block := next(self._blocks, None)) is not None:
            self._held = np.concatenate([self._held, block])
        taken, self._held = self._held[:count], self._held[count:]
        return taken


def targets_of(seals: Iterable[Seal]) -> set[str]:
    """Return the digests of the target files that scores are of, as far as their seals say."""
    return {seal.made_by.target for seal in seals if seal.made_by.target is not None}
