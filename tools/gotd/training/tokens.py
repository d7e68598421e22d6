"""Tokens on disk: written once, read by memory map, so that training holds none of the text.

A folder with

    tokens.bin   uint16 or uint32, the tokens of all documents one after the other
    ends.bin     int64 (documents,), where each document ends
    labels.bin   int32 (documents,), of classify only
    meta.json    counts, types and a digest of the records; written last, so that a folder without it is unfinished
"""

import json
import mmap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from gotd.errors import GotdError

_META = "meta.json"


@dataclass(frozen=True)
class Meta:
    """What the files of the folder hold.

    records : SHA-256 of what they were made from, texts and, where they count, labels (`reading.Content`)
    """

    dtype: str
    documents: int
    tokens: int
    records: str
    labelled: bool
    empty: int
    truncated: int


class TokenWriter:
    """Documents into a folder; nothing counts before `finish`."""

    def __init__(self, folder: Path, vocabulary: int, labelled: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _META).unlink(missing_ok=True)
        self.folder = folder
        self.documents = self.tokens = 0
        self._dtype = "<u2" if vocabulary <= 1 << 16 else "<u4"
        self._labelled = labelled
        self._files = [(folder / name).open("wb") for name in ("tokens.bin", "ends.bin", "labels.bin")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for file in self._files:
            file.close()

    def add(self, documents: Sequence[Sequence[int]], labels: Sequence[int] = ()) -> None:
        """Append documents' tokens, and their labels."""
        lengths = np.fromiter((len(document) for document in documents), np.int64, len(documents))
        ends = self.tokens + np.cumsum(lengths)
        count = int(lengths.sum())
        flat = np.fromiter((token for document in documents for token in document), self._dtype, count)
        parts = (flat, ends.astype("<i8"), np.asarray(labels, "<i4"))
        for file, part in zip(self._files, parts, strict=True):
            file.write(part.tobytes())
        self.documents += len(documents)
        self.tokens += count

    def finish(self, records: str, empty: int, truncated: int) -> "TokenStore":
        """Close the files and say what they hold."""
        self.__exit__(None, None, None)
        meta = Meta(self._dtype, self.documents, self.tokens, records, self._labelled, empty, truncated)
        draft = self.folder / "meta.tmp"
        draft.write_text(json.dumps(asdict(meta), indent=1), encoding="utf-8")
        draft.replace(self.folder / _META)
        return TokenStore(self.folder)


#: Readings of a file after which its pages are let go.
_READINGS = 256


class _Mapped:
    """An array in a file, read through the page cache and never kept: memory does not grow with the file."""

    def __init__(self, path: Path, dtype: str, count: int) -> None:
        self._array = np.empty(0, dtype)
        self._map: mmap.mmap | None = None
        self._readings = 0
        size = path.stat().st_size
        if size != count * self._array.itemsize:
            raise GotdError(f"{path}: {size} bytes, not what was written; remove the output folder and start again")
        if size:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._array = np.frombuffer(self._map, dtype)

    def __getitem__(self, where: slice) -> np.ndarray:
        """int64: a copy of a part, cut at the end of the array."""
        part = self._array[where].astype(np.int64)
        self._readings += 1
        if self._map is not None and self._readings % _READINGS == 0:
            self._map.madvise(mmap.MADV_DONTNEED)
        return part


class TokenStore:
    """The documents of a finished folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.meta = Meta(**json.loads((folder / _META).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise GotdError(f"{folder}: no finished tokens there; run the command again") from error
        self._tokens = _Mapped(folder / "tokens.bin", self.meta.dtype, self.meta.tokens)
        self._ends = _Mapped(folder / "ends.bin", "<i8", self.meta.documents)
        self._labels = _Mapped(folder / "labels.bin", "<i4", self.meta.documents * self.meta.labelled)

    def span(self, start: int, end: int) -> np.ndarray:
        """int64 (end - start,): tokens by their place in the whole; cut at the last."""
        return self._tokens[start:end]

    def document(self, index: int) -> np.ndarray:
        """int64 (tokens,): one document."""
        ends = self._ends[max(0, index - 1) : index + 1]
        return self.span(int(ends[0]) if index else 0, int(ends[-1]))

    def label(self, index: int) -> int:
        """The label of a document."""
        return int(self._labels[index : index + 1][0])
