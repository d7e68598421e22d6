"""Target files of rules that score vectors, as what is scored must fit them: several in one reading."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from gotd.embedders.protocol import Counts, Embedder
from gotd.errors import DataError, UsageError
from gotd.methods.base import VectorRule
from gotd.selection import TargetFile
from gotd.streams.seal import Verifier
from gotd.streams.vector_files import require_same_embedder

if TYPE_CHECKING:
    import numpy as np

    from gotd.methods.base import RowScorer

#: Scores that are handed on at once.
WINDOW = 4096


class VectorTargets:
    """Targets that score vectors. Torch is imported when there is something to score.

    files, held : of each its name and what it holds
    models : where the models are that made its vectors, as far as that has been said
    counts : what the embedder has seen, where it made vectors of texts
    """

    def __init__(self, files: Sequence[str], held: Sequence[TargetFile], models: Sequence[str], threads: int,
                 device: str) -> None:
        self.files, self.models, self.counts = list(files), list(models), Counts()
        self._held, self._threads, self._device = list(held), threads, device

    def check(self, verifier: Verifier) -> None:
        """What a stream has said of itself so far: by announcement or by seals, its embedder must be the targets'."""
        said = [message for message in (verifier.announced, *verifier.seals) if message]
        for message in said:
            for file, held in zip(self.files, self._held, strict=True):
                require_same_embedder(held.embedder, message.made_by.embedder, file, verifier.name)

    @cached_property
    def embedder(self) -> Embedder:
        """What made the targets' vectors, to make some more. Raises: GotdError where it is not to be had."""
        from gotd.embedders.same import load_same

        file, held = self.files[0], self._held[0]
        for other, target in zip(self.files, self._held, strict=True):
            if target.embedder is None:
                raise UsageError(f"{other} does not say what made its vectors, so that none can be made of texts: "
                                 "score vectors, made as those were, or name the field of vectors with --vector-key")
            require_same_embedder(held.embedder, target.embedder, file, other)
        assert held.embedder is not None
        return load_same(held.embedder, self.models, file, threads=self._threads, device=self._device)

    def close(self) -> None:
        """End what the embedder has begun."""
        if "embedder" in self.__dict__:
            self.embedder.close()

    @cached_property
    def dimension(self) -> int:
        """Of the vectors that all of them score."""
        first = self._scorers[0].dimension
        for file, scorer in zip(self.files, self._scorers, strict=True):
            if scorer.dimension != first:
                what = f"dimension {scorer.dimension}, {self.files[0]} has {first}"
                raise DataError(file, what, "score vectors of one kind at a time")
        return first

    def stream(self, arrays: "Iterable[np.ndarray]", which: Sequence[int], name: str) -> "Iterator[list[np.ndarray]]":
        """Scores of the rows of a source by some of the targets. Shapes: (n, d) -> float32 (k,), cut anyhow."""
        from gotd.methods.block_scorer import stream_together

        rows = 0
        for found in stream_together([self._scorers[i] for i in which], arrays):
            for i, scores in zip(which, found, strict=True):
                self._check_finite(i, scores, name, rows)
            yield found
            rows += len(found[0])

    def _check_finite(self, target: int, scores: "np.ndarray", name: str, first: int) -> None:
        """Raise DataError where numbers are so large that a score is none."""
        import numpy as np

        wrong = np.flatnonzero(~np.isfinite(scores))
        if len(wrong):
            what = f"row {first + int(wrong[0])} of {name} has a score that is NaN or infinite"
            raise DataError(self.files[target], what, "check the numbers in both")

    @cached_property
    def _scorers(self) -> "list[RowScorer]":
        from gotd.ot.blocks import Workers
        from gotd.runtime import find_device

        device = find_device(self._device)
        workers, found = Workers(self._threads, device), []
        for held in self._held:
            if not issubclass(held.rule, VectorRule):
                raise TypeError("a rule of texts scores no rows")
            found.append(held.rule.scorer(held.arrays, held.summary, workers, device))
        return found
