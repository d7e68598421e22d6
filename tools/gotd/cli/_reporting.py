"""What ds-report reads: files, opened and held against each other, and vectors, read or made."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property, partial

import numpy as np

from gotd.cli._frame import Run
from gotd.cli.report import ReportOptions
from gotd.embedders.loading import HASH
from gotd.embedders.loading import load as load_model
from gotd.embedders.protocol import Embedder
from gotd.errors import DataError, GotdError
from gotd.methods.base import TextRule
from gotd.ot.source import Part
from gotd.report.figures import Report
from gotd.report.making import Aim, Material, Shown, make, require_target
from gotd.report.probe_file import read_probe
from gotd.report.provenance import provenance
from gotd.report.reading import Choice, Pool, read_choice
from gotd.selection import TargetFile, load
from gotd.streams.digests import RecordRun, TextDigest
from gotd.streams.locations import some_names
from gotd.streams.record_files import ReadOptions, RecordFiles
from gotd.streams.records import Skipping
from gotd.streams.vector_files import Embedders, VectorFiles, require_same_embedder


def report(pool_names: Sequence[str], asked: ReportOptions, threads: int, run: Run, stack: ExitStack,
           most: int | None = None) -> Report:
    """The whole command but for the writing. most : of the choice's records; all where it is None"""
    skipping = Skipping(asked.skip_invalid)
    reading = ReadOptions(asked.text, skipping, asked.long_window)
    choice = read_choice(asked.choice, reading, most)
    run.advance(len(choice.texts))
    pool = Pool(pool_names, asked.scores, reading, run.advance) if pool_names or asked.scores else None
    target, aim, target_texts = None, None, None
    if asked.target is not None:
        target = load(asked.target)
        texts = _Texts(asked.target_texts, reading._replace(text=asked.target_text))
        target_texts = texts.texts
        require_target(choice, pool or Pool([], None, reading, run.advance),
                       Aim(asked.target, target, "", None, None, None, {}))
        model = _Model(asked, target, threads, stack)
        aim = _aim(asked, model, choice, texts)
    digests = {run.digest for run in choice.runs if run.digest is not None}
    probes = [read_probe(name, choice.name, digests) for name in asked.probes]
    files = {"choice": [asked.choice], "records of the pool": pool_names,
             "scores": pool.score_files if pool else [],
             "vectors of the target": [asked.target_vectors] if asked.target_vectors else [],
             "vectors of the choice": [asked.vectors] if asked.vectors else [],
             "vectors of the pool": asked.pool_vectors}
    material = Material(choice, pool, aim, provenance(files, asked.target, target), target_texts, probes)
    found = make(material, Shown(asked.fields, asked.show, asked.seed, reading.text, threads))
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


class _Model:
    """Where vectors come from: files, held against the target file, or the embedder that it names."""

    def __init__(self, asked: ReportOptions, target: TargetFile, threads: int, stack: ExitStack) -> None:
        self.name, self.target = asked.target or "", target
        self._models, self._key, self._threads, self._stack = list(asked.models), asked.vector_key, threads, stack
        self._embedders = Embedders()

    def rows(self, name: str | None, texts: list[str], runs: Sequence[RecordRun], records: str) -> np.ndarray | None:
        """Return the vectors of texts, float (n, d), from a file of that name if there is one; None where nothing can
        make them."""
        if name is None:
            return None if self._embedder is None else _embedded(self._embedder, texts)
        files = VectorFiles([name], self._embedders, key=self._key)
        rows = files.all_rows()
        files.require_records(runs, records)
        require_same_embedder(self.target.embedder, self._embedders.identity, self.name, name)
        points = self.target.arrays.get("points")
        if points is not None and points.shape[1] != rows.shape[1]:
            what = f"dimension {rows.shape[1]}, the target has {points.shape[1]}"
            raise DataError(name, what, "embed both alike")
        return rows

    def pool(self, names: Sequence[str], texts: list[str], rows: int) -> Part | None:
        """Return the pool's vectors, from files if some are named, or of some of its texts."""
        if not names:
            held = self.rows(None, texts, [], "the pool") if texts else None
            return None if held is None else Part("the pool", 1.0, lambda: iter([held]), None, held.nbytes)
        files = VectorFiles(names, self._embedders, key=self._key)

        def blocks() -> Iterator[np.ndarray]:
            yield from files.blocks()
            if rows and files.rows != rows:
                raise DataError(some_names(names), f"{files.rows:,} rows for the {rows:,} records of the pool",
                                "give the vectors of these records")
            require_same_embedder(self.target.embedder, self._embedders.identity, self.name, some_names(names))

        return Part("the pool", 1.0, blocks, None, files.size)

    @cached_property
    def _embedder(self) -> Embedder | None:
        """What embeds as the target was embedded. Raises: GotdError for a --model that does not."""
        identity, of_texts = self.target.embedder, issubclass(self.target.rule, TextRule)
        if not self._models and not (of_texts or (identity or {}).get("name") == HASH):
            return None
        dimension = (identity or {}).get("dimension")
        found = load_model(self._models or [HASH], threads=self._threads,
                           dimension=dimension if not self._models and isinstance(dimension, int) else None, half=True)
        self._stack.enter_context(found)
        if not of_texts:
            require_same_embedder(identity, found.identity, self.name, " and ".join(self._models) or HASH)
        return found


def _aim(asked: ReportOptions, model: _Model, choice: Choice, texts: _Texts) -> Aim:
    """Return the target with as many vectors as there are, and why others are not there."""
    missing = dict[str, str]()
    if texts.texts is None:
        missing["target_texts"] = "the target texts that a document was chosen for: give --target-texts"
    chosen = model.rows(asked.vectors, choice.texts, choice.runs, choice.name)
    target = None if texts.texts is None else model.rows(asked.target_vectors, texts.texts, texts.runs, texts.name)
    if chosen is None or (target is None and texts.texts is not None):
        name = (model.target.embedder or {}).get("name", "an embedder that it does not name")
        missing["vectors"] = (f"why documents were chosen, and coverage: the target is of {name}; give --model, or "
                              "--vectors of the choice and --target-vectors")
    return Aim(model.name, model.target, texts.name, texts.texts, target, chosen, missing,
               partial(model.pool, asked.pool_vectors))


def _embedded(embedder: Embedder, texts: list[str]) -> np.ndarray:
    """Return vectors as ds-embed writes them, float16 (n, d)."""
    rows = np.concatenate([embedded.vectors for _, embedded in embedder.windows(texts)])
    if not np.isfinite(rows.astype(np.float16)).all():
        raise GotdError("vectors that float16 cannot hold; give --vectors and --target-vectors of ds-embed --dtype "
                        "float32")
    return rows.astype(np.float16)
