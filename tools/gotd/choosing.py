"""The best records of a pool: from records that carry their scores, or from scores beside the records."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from gotd.ranking import Ranked, TopK, WithinLimit
from gotd.streams.arrays import ArrayReader
from gotd.streams.carried import score_of, with_scores
from gotd.streams.end_seal import end_seal
from gotd.streams.json_fields import parse_object, text_of
from gotd.streams.pairing import Pair, Proof
from gotd.streams.records import Record, RecordReader, Skipping, read_records
from gotd.streams.seal import RecordRun, Seal
from gotd.streams.sources import open_input, opened_in_turn


class Reading(NamedTuple):
    """How records are read. advance : told of every row that was ranked."""

    text_key: str
    skipping: Skipping
    long_window: bool
    advance: Callable[[int], None]


class Choice(NamedTuple):
    """What was chosen, best first, and the digests of the target files that the seals of the scores name."""

    records: list[Ranked]
    targets: set[str]


def choose_carried(names: Sequence[str], limit: int, by_chars: bool, reading: Reading) -> Choice:
    """The best of records that carry "score", in one reading: `limit` of them, or of `limit` characters."""
    chosen, targets, row = WithinLimit(limit), set[str](), 0
    for name in names:
        with open_input(name) as source:
            reader = RecordReader(source, reading.long_window)
            for batch in read_records(reader, reading.skipping, _ranked_by(by_chars, reading)):
                for record in batch:
                    cost = len(record.fields[reading.text_key]) if by_chars else 1
                    chosen.add(Ranked(score_of(record.fields), -row, record.line), cost)
                    row += 1
                reading.advance(len(batch))
            targets |= _targets(reader.verifier.seals)
    return Choice(chosen.best(), targets)


def _ranked_by(by_chars: bool, reading: Reading) -> Callable[[dict[str, Any]], object]:
    """The check of a record that is to be ranked."""

    def check(fields: dict[str, Any]) -> None:
        score_of(fields)
        if by_chars:
            text_of(fields, reading.text_key)

    return check


def count_carried(names: Sequence[str], reading: Reading) -> int:
    """How many records carry a score. Bad ones are not spent from the allowance: the reading that follows does."""
    count = 0
    for name in names:
        with open_input(name) as source:
            reader, skipping = RecordReader(source, reading.long_window), Skipping(reading.skipping.allowed)
            count += sum(len(batch) for batch in read_records(reader, skipping, score_of))
    return count


def choose_best(pairs: Sequence[Pair], k: int, reading: Reading) -> Choice:
    """The k best in one reading of the scores; then only those records are read that were chosen."""
    top, counts, seals = TopK(k), list[int](), list[list[Seal]]()
    for pair in pairs:
        with open_input(pair.scores) as source:
            reader = ArrayReader(source, "scores")
            for block in reader.blocks():
                top.add(block)
                reading.advance(len(block))
            counts.append(reader.rows)
            seals.append(reader.verifier.seals)
    scores, rows = top.best()
    in_order = np.sort(rows)
    lines: dict[int, bytes] = {}
    first = 0
    for pair, count, found in zip(pairs, counts, seals, strict=True):
        begin, end = np.searchsorted(in_order, [first, first + count])
        wanted = set((in_order[begin:end] - first).tolist())
        lines |= {first + row: line for row, line in _read_back(pair, count, found, wanted, reading)}
        first += count
    ranked = [Ranked(score, -int(row), lines[int(row)]) for score, row in zip(scores, rows, strict=True)]
    return Choice(_scored(ranked), _targets(seal for found in seals for seal in found))


def count_scores(pairs: Sequence[Pair]) -> int:
    """How many scores there are."""
    count = 0
    for pair in pairs:
        with open_input(pair.scores) as source:
            reader = ArrayReader(source, "scores")
            count += sum(len(block) for block in reader.blocks())
    return count


def _read_back(pair: Pair, rows: int, seals: list[Seal], wanted: set[int],
               reading: Reading) -> Iterator[tuple[int, bytes]]:
    """(row, line) of the wanted rows of a pair; the records are proven to be the ones that were scored."""
    runs = [run for seal in seals for run in seal.records]
    if not wanted and len(runs) == 1 and len(pair.records) == 1:
        end = end_seal(pair.records[0])
        if end and runs[0] in (RecordRun(end.seal.rows, end.seal.digest), *end.seal.records):
            return  # sealed as the very records that were scored: nothing in them is needed
    proof = Proof(pair, rows, runs)
    proven = sum(run.rows for run in runs if run.digest) == rows
    for name in pair.records:
        with open_input(name) as source:
            reader = RecordReader(source, reading.long_window)
            for batch in _good_records(reader, proven, reading):
                start = proof.records
                yield from ((start + i, record.line) for i, record in enumerate(batch) if start + i in wanted)
                proof.add(batch)
    proof.end()


def _good_records(reader: RecordReader, proven: bool, reading: Reading) -> Iterator[list[Record]]:
    """Records: all lines where digests prove them, whatever their fields are called, else those that have a text."""
    if proven and not reading.skipping.allowed:
        return read_records(reader, reading.skipping)
    return read_records(reader, reading.skipping, lambda fields: text_of(fields, reading.text_key))


def choose_within_chars(pairs: Sequence[Pair], chars: int, reading: Reading) -> Choice:
    """The best whose texts together have at most `chars` characters; reads the scores twice, the records once."""
    chosen, targets, row = WithinLimit(chars), set[str](), 0
    for pair in pairs:
        for records, scores in _side_by_side(pair, targets, reading):
            for record, score in zip(records, scores, strict=True):
                chosen.add(Ranked(score, -row, record.line), len(record.fields[reading.text_key]))
                row += 1
            reading.advance(len(records))
    return Choice(_scored(chosen.best()), targets)


def _side_by_side(pair: Pair, targets: set[str], reading: Reading) -> Iterator[tuple[list[Record], np.ndarray]]:
    """Records with their scores, batch by batch, proven to belong together at the end."""
    with open_input(pair.scores) as source:
        first = ArrayReader(source, "scores")
        rows = sum(len(block) for block in first.blocks())
    targets |= _targets(first.verifier.seals)
    proof = Proof(pair, rows, [run for seal in first.verifier.seals for run in seal.records])
    with open_input(pair.scores) as source:
        scores = _Queue(ArrayReader(source, "scores").blocks())
        for opened in opened_in_turn(pair.records):
            reader = RecordReader(opened, reading.long_window)
            for batch in read_records(reader, reading.skipping, lambda fields: text_of(fields, reading.text_key)):
                proof.add(batch)
                taken = scores.take(len(batch))
                yield batch[: len(taken)], taken
        proof.end()


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


def count_duplicates(records: Sequence[Ranked], text_key: str) -> int:
    """How many records have a text that an earlier one has; where there is no text, the line counts."""
    seen = set()
    for record in records:
        text = parse_object(record.line).get(text_key)
        content = text.encode(errors="surrogatepass") if isinstance(text, str) else record.line
        seen.add(hashlib.sha256(content).digest())
    return len(records) - len(seen)


def _targets(seals: Iterable[Seal]) -> set[str]:
    return {seal.made_by["target"] for seal in seals if "target" in seal.made_by}


def _scored(ranked: list[Ranked]) -> list[Ranked]:
    """The same with the score in each line."""
    records = [Record(item.line, parse_object(item.line), "") for item in ranked]
    lines = with_scores(records, np.array([item.score for item in ranked], dtype=np.float32))
    return [item._replace(line=line) for item, line in zip(ranked, lines, strict=True)]
