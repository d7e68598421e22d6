"""What ds-report reads: files, opened and held against each other, and vectors, read or made."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from gotd.cli._frame import Run
from gotd.embedders.loading import HASH
from gotd.embedders.loading import load as load_model
from gotd.embedders.protocol import Embedder
from gotd.errors import DataError, GotdError
from gotd.methods.base import TextRule
from gotd.report.figures import Report
from gotd.report.making import Aim, Shown, make, require_target
from gotd.report.provenance import provenance
from gotd.report.reading import Choice, Pool, read_choice
from gotd.selection import TargetFile, load
from gotd.streams.digests import RecordRun, TextDigest
from gotd.streams.locations import some_names
from gotd.streams.record_files import ReadOptions, RecordFiles
from gotd.streams.records import Skipping
from gotd.streams.vector_files import Embedders, VectorFiles, require_same_embedder


def report(pool_names: Sequence[str], how: dict[str, Any], run: Run, stack: ExitStack) -> Report:
    """The whole command but for the writing."""
    skipping = Skipping(how["skip_invalid"])
    reading = ReadOptions(how["text"], skipping, how["long_window"])
    choice = read_choice(how["choice"], reading)
    run.advance(len(choice.texts))
    pool = Pool(pool_names, how["scores"], reading, run.advance) if pool_names or how["scores"] else None
    target = load(how["target"]) if how["target"] else None
    aim, target_texts = None, None
    if target is not None:
        texts = _Texts(how["target_texts"], reading._replace(text=how["target_text"]))
        target_texts = texts.texts
        require_target(choice, pool or Pool([], None, reading, run.advance),
                       Aim(how["target"], target, "", None, None, None, {}))
        aim = _Vectors(how, target, choice, texts, stack).aim()
    files = {"choice": [how["choice"]], "records of the pool": pool_names,
             "scores": pool.score_files if pool else [],
             "vectors of the target": [how["target_vectors"]] if how["target_vectors"] else [],
             "vectors of the choice": [how["vectors"]] if how["vectors"] else []}
    found = make(choice, pool, aim, provenance(files, how["target"], target),
                 Shown(how["fields"], how["show"], how["seed"], reading.text), target_texts)
    run.note(skipping.skipped, "bad records skipped")
    return found


class _Texts:
    """The target's texts; none where no file is named."""

    def __init__(self, names: Sequence[str], reading: ReadOptions) -> None:
        self.name, self.runs = some_names(names), list[RecordRun]()
        self.texts: list[str] | None = None
        if names:
            digests = [TextDigest(reading.text), TextDigest(None)]
            self.texts = [text for batch in RecordFiles(names, reading).texts(digests) for text in batch]
            self.runs = [digest.run for digest in digests]


class _Vectors:
    """Vectors of choice and target: from files, or made by the embedder that the target file names."""

    def __init__(self, how: dict[str, Any], target: TargetFile, choice: Choice, texts: _Texts,
                 stack: ExitStack) -> None:
        self._how, self._target, self._choice, self._texts, self._stack = how, target, choice, texts, stack
        self._embedder: Embedder | None = None
        self._embedders = Embedders()

    def aim(self) -> Aim:
        """Return the target with as many vectors as there are, and why others are not there."""
        how, texts, missing = self._how, self._texts, dict[str, str]()
        if texts.texts is None:
            missing["target_texts"] = "the target texts that a document was chosen for: give --target-texts"
        chosen = self._rows(how["vectors"], self._choice.texts, self._choice.runs, self._choice.name)
        target = None if texts.texts is None else self._rows(how["target_vectors"], texts.texts, texts.runs,
                                                             texts.name)
        if chosen is None or (target is None and texts.texts is not None):
            name = (self._target.embedder or {}).get("name", "an embedder that it does not name")
            missing["vectors"] = (f"why documents were chosen, and coverage: the target is of {name}; give --model, or "
                                  "--vectors of the choice and --target-vectors")
        return Aim(how["target"], self._target, texts.name, texts.texts, target, chosen, missing)

    def _rows(self, name: str | None, texts: list[str], runs: Sequence[RecordRun], records: str) -> np.ndarray | None:
        """Return the vectors of texts, float (n, d); None where nothing can make them."""
        if name is None:
            embedder = self._model()
            return None if embedder is None else _embedded(embedder, texts)
        files = VectorFiles([name], self._embedders)
        rows = files.all_rows()
        files.require_records(runs, records)
        require_same_embedder(self._target.embedder, self._embedders.identity, self._how["target"], name)
        points = self._target.arrays.get("points")
        if points is not None and points.shape[1] != rows.shape[1]:
            what = f"dimension {rows.shape[1]}, the target has {points.shape[1]}"
            raise DataError(name, what, "embed both alike")
        return rows

    def _model(self) -> Embedder | None:
        """Return what embeds as the target was embedded. Raises: GotdError for a --model that does not."""
        if self._embedder is not None:
            return self._embedder
        models, identity = list(self._how["models"]), self._target.embedder
        of_texts = issubclass(self._target.rule, TextRule)
        if not models and not (of_texts or (identity or {}).get("name") == HASH):
            return None
        dimension = (identity or {}).get("dimension")
        found = load_model(models or [HASH], threads=self._how["threads"],
                           dimension=dimension if not models and isinstance(dimension, int) else None, half=True)
        self._embedder = self._stack.enter_context(found)
        if not of_texts:
            require_same_embedder(identity, found.identity, self._how["target"], " and ".join(models) or HASH)
        return found


def _embedded(embedder: Embedder, texts: list[str]) -> np.ndarray:
    """Return vectors as ds-embed writes them, float16 (n, d)."""
    rows = np.concatenate([embedded.vectors for _, embedded in embedder.windows(texts)])
    if not np.isfinite(rows.astype(np.float16)).all():
        raise GotdError("vectors that float16 cannot hold; give --vectors and --target-vectors of ds-embed --dtype "
                        "float32")
    return rows.astype(np.float16)
