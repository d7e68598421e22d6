"""Records with scores beside them, as a choice reads them: for one target or several."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from gotd.choice.candidates import Candidate, Ranking, targets_of
from gotd.choice.noise import Spread
from gotd.choice.quotas import kind_of
from gotd.choice.ranking import TopK
from gotd.errors import DataError
from gotd.streams.arrays import ArrayReader
from gotd.streams.digests import RecordRun
from gotd.streams.file_seal import end_seal
from gotd.streams.json_fields import parse_object
from gotd.streams.pairing import Pair, Proof
from gotd.streams.record_files import record_readers
from gotd.streams.records import Record, RecordReader, no_value, read_records
from gotd.streams.seal import Seal
from gotd.streams.sources import is_read_once, open_input

#: Scores are looked at once for so many times what is wanted, then for more, in case some are left out; then for all.
_CANDIDATES = (2, 16)
#: And a few, where little is wanted.
_MORE_CANDIDATES = 1024


class _Scores(NamedTuple):
    """What is known of one file of scores. best : the highest, None where there are none."""

    rows: int
    best: np.float32 | None
    seals: list[Seal]

    @property
    def runs(self) -> list[RecordRun]:
        """The records that the scores were made from."""
        return [run for seal in self.seals for run in seal.records]


class ScoreFiles:
    """Records with scores beside them. Scores are read first, and records only where one of them may be chosen.

    pairs : for each target, of the same files of records in the same order, grouped alike
    rows, targets : once the scores were read, as in ScoredRecords
    """

    def __init__(self, pairs: Sequence[Sequence[Pair]], ranking: Ranking) -> None:
        self.rows = 0
        self.targets: set[str] = set()
        self._groups, self._ranking = list(zip(*pairs, strict=True)), ranking
        self._scores: list[tuple[_Scores, ...]] = []

    def count(self) -> int:
        """How many scores there are for each target."""
        self._read_scores()
        return self.rows

    def deviations(self) -> list[float]:
        """Standard deviations of the scores for each target."""
        spreads = [Spread() for _ in self._groups[0]]
        self._read_scores(adders=spreads)
        return [spread.deviation for spread in spreads]

    def thresholds(self, wanted: int) -> Iterator[np.float32 | None]:
        """Scores that more and more records have, each as many as may be needed to choose `wanted`; None for all."""
        if any(is_read_once(name) for group in self._groups for name in group[0].records):
            yield None
            return
        for times in _CANDIDATES:
            top = TopK(times * wanted + _MORE_CANDIDATES)
            self._read_scores(adders=[top])
            best = top.best()
            if len(best) == self.rows:
                break
            yield best[-1]
        yield None

    def _read_scores(self, adders: Sequence[TopK | Spread] = ()) -> None:
        """Read the scores for each target. adders : one for each target, or none; they take the scores in"""
        is_first, self._scores, self.rows = not self._scores, [], 0
        for group in self._groups:
            known = []
            for target, pair in enumerate(group):
                with open_input(pair.scores) as source:
                    reader, best = ArrayReader(source, "scores"), None
                    for block in reader.blocks():
                        if adders:
                            adders[target].add(block)
                        if len(block):
                            best = block.max() if best is None else max(best, block.max())
                        if is_first and not target:
                            self._ranking.advance(len(block))
                    known.append(_Scores(reader.rows, best, reader.verifier.seals))
                    self.targets |= targets_of(reader.verifier.seals)
            self._scores.append(tuple(known))
            self.rows += known[0].rows

    def batches(self, least: np.float32 | None = None) -> Iterator[list[Candidate]]:
        """Those that have at least this score for the first target, some at a time.

        Records are proven to be the ones that were scored.
        """
        if not self._scores:
            self._read_scores()
        self._ranking.read.skipping.skipped = first = 0
        for group, scores in zip(self._groups, self._scores, strict=True):
            best = scores[0].best
            is_needed = best is not None and (least is None or best >= least)
            are_sealed = all(_is_sealed_as(pair, known.runs) for pair, known in zip(group, scores, strict=True))
            if is_needed and are_sealed and least is not None and not self._ranking.read.skipping.allowed:
                yield from self._sealed_candidates(group, scores, first, least)
            elif is_needed or not are_sealed:
                yield from self._candidates(group, scores, first, least)
            first += scores[0].rows

    def _sealed_candidates(self, group: tuple[Pair, ...], known: tuple[_Scores, ...], first: int,
                           least: np.float32) -> Iterator[list[Candidate]]:
        """Yield the candidates among records that are sealed as those that were scored; no others are parsed."""
        with ExitStack() as stack:
            queues = _queues(group, stack)
            source = stack.enter_context(open_input(group[0].records[0]))
            reader = RecordReader(source, self._ranking.read.long_window)
            for numbers, lines in reader.numbered():
                scores = [queue.take(len(lines)) for queue in queues]
                self._ranking.passed(len(lines))
                yield [self._candidate(_parsed(reader, numbers[i], lines[i]), first + i,
                                       tuple([each[i] for each in scores]))
                       for i in np.flatnonzero(scores[0] >= least).tolist()]
                first += len(lines)
        seals = reader.verifier.seals
        if not all(len(seals) == 1 and _is_seal_of(seals[0], each.runs) for each in known):
            raise DataError(reader.name, "another file since its seal was read", "choose again when nothing writes it")

    def _candidates(self, group: tuple[Pair, ...], known: tuple[_Scores, ...], first: int,
                    least: np.float32 | None) -> Iterator[list[Candidate]]:
        proofs = [Proof(pair, each.rows, each.runs) for pair, each in zip(group, known, strict=True)]
        proven = any(sum(run.rows for run in each.runs if run.digest) == each.rows for each in known)
        fault: DataError | None = None
        with ExitStack() as stack:
            queues = _queues(group, stack)
            for reader in record_readers(group[0].records, self._ranking.read.long_window):
                for records in self._good_records(reader, proven):
                    scores = [queue.take(len(records)) for queue in queues]
                    self._ranking.passed(len(records))
                    count = min(map(len, scores))
                    wanted = range(count) if least is None else np.flatnonzero(scores[0] >= least).tolist()
                    try:
                        found = [self._candidate(records[i], first + proofs[0].records + i,
                                                 tuple([each[i] for each in scores])) for i in wanted]
                    except DataError as error:  # other records, as the proof will tell, or another field
                        fault, found = fault or error, []
                    yield found
                    for proof in proofs:
                        proof.add(records)
        for proof in proofs:
            proof.end()
        if fault is not None:
            raise fault

    def _good_records(self, reader: RecordReader, proven: bool) -> Iterator[list[Record[str | None]]]:
        """All lines where digests prove them, whatever their fields are called, else those that have a text."""
        read = self._ranking.read
        value_of = no_value if proven and not read.skipping.allowed else read.text.of
        return read_records(reader, read.skipping, value_of)

    def text(self, line: bytes) -> str:
        """The text of a record that was read."""
        return self._ranking.read.text.of(parse_object(line))

    def _candidate(self, record: Record[str | None], row: int, scores: tuple[np.float32, ...]) -> Candidate:
        key, remedy = self._ranking.kind_key, "give the --text-key or --text-template that was embedded"
        try:
            text = record.value or self._ranking.read.text.of(record.fields)
            remedy = "name another field with --per"
            return Candidate(scores, row, record.line, text, kind_of(record.fields, key) if key else "")
        except ValueError as error:
            raise DataError(record.place, str(error), remedy) from error


def _is_sealed_as(pair: Pair, runs: Sequence[RecordRun]) -> bool:
    """Whether the records are sealed as the very ones that were scored: they need not be read to know it."""
    end = end_seal(pair.records[0]) if len(pair.records) == 1 else None
    return end is not None and _is_seal_of(end.seal, runs)


def _is_seal_of(seal: Seal, runs: Sequence[RecordRun]) -> bool:
    return len(runs) == 1 and runs[0] in (RecordRun(seal.rows, seal.digest), *seal.records)


def _parsed(reader: RecordReader, number: int, line: bytes) -> Record[str | None]:
    place = f"{reader.name}:{number}"
    try:
        return Record(line, parse_object(line), place, None)
    except ValueError as error:
        raise DataError(place, str(error), "mend that line") from error


def _queues(group: tuple[Pair, ...], stack: ExitStack) -> list["_Queue"]:
    """Return the scores of each pair; their files are open as long as the stack is."""
    return [_Queue(ArrayReader(stack.enter_context(open_input(pair.scores)), "scores").blocks()) for pair in group]


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
