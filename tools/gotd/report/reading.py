"""What a report reads: the choice, held; the pool and its scores, streamed; whether they belong together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gotd.choice.candidates import Ranking, ScoredRecords, targets_of
from gotd.choice.score_files import ScoreFiles
from gotd.errors import DataError, GotdError
from gotd.streams.arrays import ArrayReader
from gotd.streams.digests import RecordRun, TextDigest
from gotd.streams.embedded_records import SCORE, TARGET, score_of
from gotd.streams.file_seal import stated_seal
from gotd.streams.json_fields import parse_object
from gotd.streams.locations import is_url
from gotd.streams.pairing import pairs
from gotd.streams.record_files import ReadOptions, RecordFiles, record_readers
from gotd.streams.records import Skipping, no_value, read_records
from gotd.streams.seal import Seal
from gotd.streams.sources import expanded, open_input
from gotd.types import Fields

_KEY_BYTES = 16
_OTHERS = "give the files that the choice was made from"


def text_key_of(text: str) -> bytes:
    """Return 16 bytes that tell texts apart."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).digest()


@dataclass(frozen=True)
class Choice:
    """The records that were chosen, in their order.

    scores : float32 (k,); None where the records carry none. score_key : the field they stand in
    seal : of ds-topk; None where nothing vouches for it. runs : as seals name the records
    """

    name: str
    records: list[Fields]
    texts: list[str]
    scores: np.ndarray | None
    score_key: str
    seal: Seal | None
    runs: list[RecordRun]

    @property
    def target(self) -> str | None:
        """Digest of the target file that it was scored with, if its seal says."""
        return self.seal.made_by.target if self.seal else None

    @property
    def pool_rows(self) -> int | None:
        """How many records it was chosen from, if its seal says."""
        return self.seal.made_by.pool_rows if self.seal else None

    @property
    def is_by_score(self) -> bool:
        """Whether the scores are those of ds-score, and for one target."""
        return self.score_key == SCORE and not any(TARGET in record for record in self.records)

    @property
    def left_out(self) -> dict[str, int] | None:
        """What was left out down to its last record, by the reason, if its seal says."""
        notes = self.seal.notes.get("left_out") if self.seal else None
        return {str(name): int(count) for name, count in notes.items()} if isinstance(notes, dict) else None


def read_choice(name: str, options: ReadOptions, most: int | None = None) -> Choice:
    """Return a choice, or the first `most` records of it.

    Raises: GotdError where there is no record, or some have a score and some have none.
    """
    digests = [TextDigest(options.text), TextDigest(None)]
    every = (record for batch in RecordFiles([name], options).batches(digests) for record in batch)
    found = list(islice(every, most))
    if not found:
        raise GotdError(f"{name}: no records; give what ds-topk has chosen")
    seal = stated_seal(name)
    seal = seal if seal and seal.made_by.tool == "ds-topk" else None
    key = str((seal.made_by.options.get("score_key") if seal else None) or SCORE)
    scored = [key in record.fields for record in found]
    if any(scored) and not all(scored):
        place = found[scored.index(False)].place
        raise DataError(place, f'no "{key}", which other records of the choice have', "give one choice")
    scores = None
    if all(scored):
        try:
            scores = np.array([score_of(record.fields, key) for record in found], dtype=np.float32)
        except ValueError as error:
            raise DataError(name, str(error), "choose again with ds-topk") from error
    return Choice(name, [record.fields for record in found],
                  [record.value for record in found],
                  scores, key, seal, [digest.run for digest in digests])


class Batch(NamedTuple):
    """Some records of the pool. scores : float32 (n,), None where there are none"""

    records: list[Fields]
    texts: list[str]
    scores: np.ndarray | None


class Pool:
    """The pool, read once.

    names : of its records; may be none. scores : a file or folder of ds-score's, if any
    advance : told of every row, once; of scores beside records as the scores are read, and of their records `passed` is
    rows, targets : once it was read, and the targets that the seals of its scores name
    """

    def __init__(self, names: Sequence[str], scores: str | None, options: ReadOptions, advance: Callable[[int], None],
                 passed: Callable[[int], None] = lambda _rows: None) -> None:
        self.names, self.rows, self.targets = list(names), 0, set[str]()
        self._scores, self._options, self._advance, self._passed = scores, options, advance, passed

    @property
    def score_files(self) -> list[str]:
        """Files of scores, by their names."""
        if self._scores is None:
            return []
        if self.names:
            return [pair.scores for pair in pairs(self._scores, self.names)]
        if self._scores.endswith("/") or (not is_url(self._scores) and Path(self._scores).is_dir()):
            found = expanded([self._scores]) if is_url(self._scores) else sorted(
                str(path) for path in Path(self._scores).rglob("*.npy"))
            if not found:
                raise GotdError(f"{self._scores}: no .npy in it; give what ds-score wrote")
            return found
        return [self._scores]

    def batches(self) -> Iterator[Batch]:
        """Yield the records in order; of scores alone, scores."""
        if not self.names:
            yield from self._scores_alone()
        elif self.is_scored:
            yield from self._scored()
        else:
            for batch in RecordFiles(self.names, self._options).batches():
                self._advance(len(batch))
                self.rows += len(batch)
                yield Batch([each.fields for each in batch], [each.value for each in batch], None)

    @cached_property
    def is_scored(self) -> bool:
        """Whether there are scores of ds-score, beside the records or in them."""
        if self._scores is not None or not self.names:
            return self._scores is not None
        for reader in record_readers(self.names[:1], self._options.long_window):
            for batch in islice(read_records(reader, Skipping(1), no_value), 1):
                return SCORE in batch[0].fields
        return False

    def _scored(self) -> Iterator[Batch]:
        ranking = Ranking(self._options, (), self._advance, passed=self._passed)
        found = (ScoreFiles([pairs(self._scores, self.names)], ranking) if self._scores
                 else ScoredRecords(self.names, ranking))
        for batch in found.batches():
            if batch:
                yield Batch([parse_object(each.line) for each in batch], [each.text for each in batch],
                            np.array([each.scores[0] for each in batch], dtype=np.float32))
        self.rows, self.targets = found.rows, found.targets

    def _scores_alone(self) -> Iterator[Batch]:
        for name in self.score_files:
            with open_input(name) as source:
                reader = ArrayReader(source, "scores")
                for block in reader.blocks():
                    self._advance(len(block))
                    self.rows += len(block)
                    yield Batch([], [], block)
                self.targets |= targets_of(reader.verifier.seals)


class Membership:
    """Holds a choice against the pool that is read: every record of it must stand there, with its score.

    Texts are compared where there are texts, and scores where both have those of ds-score.
    """

    def __init__(self, choice: Choice, pool: Pool) -> None:
        self._choice, self._pool = choice, pool
        self._scores = choice.scores if choice.is_by_score and pool.is_scored else None
        scores = [None] * len(choice.texts) if self._scores is None else self._scores.tolist()
        keys = map(text_key_of, choice.texts) if pool.names else [None] * len(choice.texts)
        self._absent: set[tuple[bytes | None, float | None]] = set(zip(keys, scores, strict=True))

    def add(self, batch: Batch) -> None:
        """Take in some of the pool."""
        if not self._absent:
            return
        if self._scores is None or batch.scores is None:
            self._absent -= {(text_key_of(text), None) for text in batch.texts}
            return
        for row in np.flatnonzero(np.isin(batch.scores, self._scores)).tolist():
            self._absent.discard((text_key_of(batch.texts[row]) if batch.texts else None, float(batch.scores[row])))

    def require(self) -> None:
        """Raise DataError where the choice is not of the pool that was read."""
        choice, pool = self._choice, self._pool
        if choice.target and pool.targets and pool.targets != {choice.target}:
            raise DataError(choice.name, "chosen by scores for another target than these scores", _OTHERS)
        if choice.pool_rows is not None and pool.rows != choice.pool_rows:
            what = f"made of {choice.pool_rows:,} records by its seal, and these are {pool.rows:,}"
            raise DataError(choice.name, what, _OTHERS)
        if self._absent and (pool.names or self._scores is not None):
            scores = "" if self._scores is None else " with their scores"
            what = f"{len(self._absent):,} of its {len(choice.texts):,} records are not among these{scores}"
            raise DataError(choice.name, what, _OTHERS)
