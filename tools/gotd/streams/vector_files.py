"""Vectors and weights from files: readable again, and held against each other."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gotd.errors import DataError, GotdError
from gotd.streams.digests import RecordRun
from gotd.streams.file_seal import end_seal
from gotd.streams.locations import some_names
from gotd.streams.seal import Seal
from gotd.streams.sources import open_input
from gotd.types import EmbedderIdentity

if TYPE_CHECKING:
    import numpy as np

#: 10^9 of them, times the largest float32, are still a float64.
_MOST_WEIGHT = 1e200


class Embedders:
    """What the seals of all vectors read so far say of their embedder: it must be one."""

    def __init__(self) -> None:
        self._first: tuple[str, EmbedderIdentity] | None = None

    def meet(self, name: str, seals: Sequence[Seal]) -> None:
        """Takes in a file's seals. Raises: GotdError where they name another embedder than a file before."""
        for seal in seals:
            embedder = seal.made_by.embedder
            if embedder is not None:
                self._first = self._first or (name, embedder)
                require_same_embedder(self._first[1], embedder, self._first[0], name)

    @property
    def identity(self) -> EmbedderIdentity | None:
        """The one embedder; None where no seal says."""
        return self._first[1] if self._first else None


class VectorFiles:
    """The rows of several files, one after the other.

    width : the dimension they must have; None where they say it themselves.
    key : of the field that holds them in records and tables; None for the usual ones.
    looks : only the first rows of a file are read, and its seal; of a pipe all, whose writer would else be cut off.
    rows, runs : after a reading, how many there are and what their seals say of the records they belong to.
    """

    def __init__(self, names: Sequence[str], embedders: Embedders, width: int | None = None,
                 looks: bool = False, key: str | None = None) -> None:
        self.names, self._embedders, self._width, self._looks = list(names), embedders, width, looks
        self._key = key
        self.rows, self.runs = 0, list[RecordRun]()

    def blocks(self) -> "Iterator[np.ndarray]":
        """Rows in order, float16 or float32 (n, d)."""
        from gotd.streams.vector_reader import vector_reader

        rows, runs = 0, list[RecordRun]()
        for name in self.names:
            with open_input(name) as opened:
                reader = vector_reader(opened, self._key)
                for block in reader.blocks():
                    if self._width is not None and block.shape[1] != self._width:
                        what = f"dimension {block.shape[1]}, the target has {self._width}"
                        raise DataError(name, what, "embed both alike")
                    rows += len(block)
                    yield block
                    if self._looks and opened.size is not None:
                        break
                seal = end_seal(name) if self._looks else None
                self._embedders.meet(name, [seal.seal] if seal else reader.verifier.seals)
                runs += [run for seal in reader.verifier.seals for run in seal.records]
        if not rows:
            raise GotdError(f"{self.names[0]}: no rows; give vectors made by ds-embed")
        self.rows, self.runs = rows, runs

    @property
    def size(self) -> int | None:
        """Bytes of all files, where each is an array that can be read again."""
        paths = [Path(name) for name in self.names]
        if not all(path.is_file() and path.suffix.lower() == ".npy" for path in paths):
            return None
        return sum(path.stat().st_size for path in paths)

    def require_records(self, runs: Sequence[RecordRun], records: str) -> None:
        """Hold what was read against records. Raises: DataError where they are not those the vectors were made from.

        runs : all the records, as seals of each format name them
        """
        name = some_names(self.names)
        if self.rows != runs[0].rows:
            what = f"{self.rows} rows for the {runs[0].rows} records of {records}"
            raise DataError(name, what, "embed those records")
        if len(self.runs) == 1 and self.runs[0].digest not in (None, *(run.digest for run in runs)):
            raise DataError(name, f"made of other records than {records}, or in another order", "embed those records")

    def all_rows(self) -> "np.ndarray":
        """All rows at once, float32 (n, d)."""
        import numpy as np

        return np.concatenate(list(self.blocks())).astype(np.float32)


class WeightFiles:
    """One weight for each row, from files of float32 or float64 (n,)."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)

    def blocks(self) -> "Iterator[np.ndarray]":
        """Weights in order. Raises: DataError for one so large that their sum may be infinite."""
        from gotd.streams.arrays import ArrayReader

        for name in self.names:
            with open_input(name) as opened:
                for block in ArrayReader(opened, "weights").blocks():
                    if float(block.max(initial=0.0)) > _MOST_WEIGHT:
                        what = f"a weight above {_MOST_WEIGHT:g}, too large to add up"
                        raise DataError(name, what, "divide all weights by the largest: only their ratios count")
                    yield block


def require_same_embedder(expected: EmbedderIdentity | None, found: EmbedderIdentity | None, expected_in: str,
                          found_in: str) -> None:
    """Error unless both identities are known and equal, or one of them is unknown."""
    if expected is None or found is None or expected == found:
        return
    differing = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    details = ", ".join(f"{key} {expected.get(key)!r} against {found.get(key)!r}" for key in differing)
    raise GotdError(
        f"{found_in}: made by another embedder than {expected_in} ({details}); "
        "embed both with the same ds-embed --model and options"
    )
