"""Scores and the records they belong to: which file goes with which, and the proof that they do."""

import os
from collections import Counter, deque
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from gotd.errors import DataError, GotdError, UsageError
from gotd.streams.digests import RecordRun, TextDigest
from gotd.streams.locations import COMPRESSED, RECORD_ENDINGS, STANDARD, is_url, some_names
from gotd.streams.record_text import RecordText
from gotd.streams.records import Record
from gotd.streams.sources import shown

_REMEDY = "embed and score those records again, or give the --skip-invalid they were embedded with"
_SUFFIXES = (*RECORD_ENDINGS, ".npy", *COMPRESSED)


class Pair(NamedTuple):
    """One stream of scores and the files of records, one after the other, that it belongs to."""

    scores: str
    records: list[str]


def stem(path: str) -> str:
    """A file's name without folder and known suffixes: what pairs pool/a.jsonl.zst with emb/a.npy and scores/a.npy."""
    name = path.rstrip("/").rsplit("/", 1)[-1]
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def stems(paths: Sequence[str]) -> list[str]:
    """What outputs made of these files are named after: their stems, or, where two are alike, names within the folder
    that all share, as 2026-11/part-0 and 2026-12/part-0."""
    names = [stem(path) for path in paths]
    if len(set(names)) == len(names):
        return names
    # Symbolic links keep their names.
    places = [path if is_url(path) else os.path.abspath(path) for path in paths]  # noqa: PTH100
    folders = [place.rstrip("/").split("/")[:-1] for place in places]
    shared = sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False)))
    if not shared:  # some on disk and some elsewhere
        return names
    return ["/".join([*folder[shared:], name]) for folder, name in zip(folders, names, strict=True)]


def pairs(scores: str, records: Sequence[str]) -> list[Pair]:
    """A file of scores with all the records; or, from a directory, for each file of records the scores of its name."""
    if not (scores.endswith("/") or (not is_url(scores) and Path(scores).is_dir())):
        return [Pair(scores, list(records))]
    if STANDARD in records:
        raise UsageError(f"standard input has no name: the scores in {scores} are those of files; name the files")
    found = [Pair(f"{scores.rstrip('/')}/{name}.npy", [file])
             for name, file in zip(stems(records), records, strict=True)]
    twice = sorted(name for name, count in Counter(pair.scores for pair in found).items() if count > 1)
    if twice:
        raise GotdError(f"{twice[0]}: two files of records have that name; give them one after the other, apart")
    missing = [file for pair in found for file in (pair.scores, *pair.records)
               if not is_url(file) and not Path(file).exists()]
    if missing:
        raise GotdError(f"missing: {some_names(missing)}; make those shards first")
    return found


class Proof:
    """Takes in records in order and holds their texts against the runs that scores were made from.

    runs : from the seals of the scores; records past the last run are not proven, only counted.
    """

    def __init__(self, pair: Pair, rows: int, runs: Sequence[RecordRun]) -> None:
        self._pair, self._rows = pair, rows
        self._runs = deque(runs)
        self._digest = self._of_next_run()
        self.records = 0

    def _of_next_run(self) -> TextDigest:
        spec = self._runs[0].text_key if self._runs else None
        return TextDigest(None if spec is None else RecordText.of_spec(spec))

    def add(self, records: Sequence[Record[object]]) -> None:
        """The next records."""
        self.records += len(records)
        while records and self._runs:
            wanted = self._runs[0].rows - self._digest.rows
            self._digest.add(records[:wanted])
            records = records[wanted:]
            if self._digest.rows == self._runs[0].rows:
                self._compare()

    def _compare(self) -> None:
        run = self._runs.popleft()
        if run.digest is not None and run != self._digest.run:
            by = "their lines" if run.text_key is None else f'their "{run.text_key}"'
            what = f"scores of other records than {some_names(self._pair.records)}, or in another order, by {by}"
            raise DataError(shown(self._pair.scores), what, _REMEDY)
        self._digest = self._of_next_run()

    def end(self) -> None:
        """All records have been read: there must be as many as scores."""
        if self.records != self._rows:
            what = f"{self._rows} scores for the {self.records} records of {some_names(self._pair.records)}"
            raise DataError(shown(self._pair.scores), what, _REMEDY)
