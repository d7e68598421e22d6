"""What ds-probe reads and prints: records as texts, and the vectors that belong to them."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gotd.cli._frame import Run
from gotd.cli.probe import ProbeOptions
from gotd.methods.row_sample import RowSample
from gotd.probing.comparing import HeldOut, Input, Probe, compare
from gotd.probing.comparison import Comparison, Settings
from gotd.probing.curve import judge_prefixes
from gotd.probing.report import as_json, as_table, curve_as_json, curve_as_table
from gotd.probing.units import numbered
from gotd.streams.digests import RecordRun, TextDigest
from gotd.streams.locations import some_names
from gotd.streams.record_files import ReadOptions, RecordFiles
from gotd.streams.record_text import RecordText
from gotd.streams.records import Record, Skipping
from gotd.streams.vector_files import Embedders, VectorFiles
from gotd.types import JSON, Fields

_REMEDY = "name the field with --text-key, or for the target alone with --target-text-key"


class Few(NamedTuple):
    """How many texts of each input a sample takes, the first ones. source : of the pool as well"""

    source: int
    choice: int


class TextFiles:
    """Records of several files as texts, or the first `most` of them.

    rows, runs : how many, and as seals of any format name them, once read.
    """

    def __init__(self, names: Sequence[str], text: RecordText, asked: ProbeOptions, run: Run,
                 most: int | None = None) -> None:
        self.names, self._text, self._asked, self._run, self._most = list(names), text, asked, run, most
        self.rows, self.runs, self.skipped = -1, list[RecordRun](), 0

    @property
    def input(self) -> Input:
        """As the comparison reads it."""
        return Input(some_names(self.names), self.batches)

    def batches(self) -> Iterator[list[str]]:
        """The texts."""
        for batch in self.records():
            yield [record.value for record in batch]

    def records(self, group_key: str = "") -> Iterator[list[Record[str]]]:
        """The records, which have a field `group_key`; those that are read again are not counted again."""
        skipping, first = Skipping(self._asked.skip_invalid), self.rows < 0
        digests = [TextDigest(self._text), TextDigest(None)]
        options = ReadOptions(self._text, skipping, self._asked.long_window, _REMEDY)

        def require_group(fields: Fields) -> None:
            if group_key and not isinstance(fields.get(group_key), str | int):
                raise ValueError(f'no "{group_key}" field that is a string or a whole number, as --group needs it')

        for batch in _first(RecordFiles(self.names, options, require_group).batches(digests), self._most):
            self._run.advance(len(batch) if first else 0)
            yield batch
        self.rows, self.runs, self.skipped = digests[0].rows, [digest.run for digest in digests], skipping.skipped


def _first(batches: Iterator[list[Record[str]]], most: int | None) -> Iterator[list[Record[str]]]:
    left = most
    for batch in batches:
        yield batch if left is None else batch[:left]
        left = None if left is None else left - len(batch)
        if left is not None and left <= 0:
            return


class Found(NamedTuple):
    """What the command found: as a table for people, and as JSON."""

    table: str
    record: dict[str, JSON]


class Texts:
    """What is read: the target's texts, or some of them, and files of others. rows : of the target, int64 (n,)

    few : for a sample; the target is read whole
    """

    def __init__(self, names: Sequence[str], asked: ProbeOptions, run: Run, few: Few | None = None) -> None:
        self._run = run
        self.settings = Settings(asked.share, asked.budget, asked.order, asked.draws, asked.resamples, asked.seed)
        self.target = TextFiles([asked.target], asked.target_text, asked, run)
        of_source, of_choice = few or (None, None)
        self.source = TextFiles(asked.source, asked.text, asked, run, of_source)
        self.pool = TextFiles(asked.pool, asked.text, asked, run, of_source) if asked.pool else None
        self.choices = [TextFiles([name], asked.text, asked, run, of_choice) for name in names]
        texts, self.rows, groups = sampled(self.target, asked.max_target, asked.seed, asked.group or "")
        self.held_out = HeldOut(asked.target, texts, numbered(groups) if asked.group else None)

    def say(self, found: Comparison) -> None:
        """Say what is odd, and note what was left out."""
        for warning in found.warnings:
            self._run.say(f"warning: {warning}")
        files = [self.target, self.source, *self.choices, *([self.pool] if self.pool else [])]
        self._run.note(sum(each.skipped for each in files), "bad records skipped")
        self._run.note(found.facts.target_left_out,
                       "texts of the target stand in a choice, given or random, and were left out")
        self._run.note(self.target.rows - len(self.held_out.texts), "texts of the target were not drawn (--max-target)")


def probe(names: Sequence[str], asked: ProbeOptions, threads: int, run: Run, few: Few | None = None) -> Found:
    """Compare choices. few : their first texts, for a sample"""
    read = Texts(names, asked, run, few)
    found = compare(read.held_out, [each.input for each in read.choices], read.source.input,
                    read.pool.input if read.pool else None, read.settings, threads)
    read.say(found)
    distances = None
    if asked.target_vectors:
        distances = _distances(asked.target_vectors, read, found, asked, threads)
    digests = [each.runs[0].digest for each in read.choices]
    return Found(as_table(found, distances), as_json(found, distances, digests))


def probe_prefixes(name: str, asked: ProbeOptions, threads: int, run: Run, few: Few | None = None) -> Found:
    """Judge the prefixes of a ranking. few : as of `probe`"""
    read = Texts([name], asked, run, few)
    held = Probe(read.held_out, read.source.input, read.pool.input if read.pool else None, read.settings, threads)
    curve = judge_prefixes(held, read.choices[0].input, asked.first)
    read.say(curve.whole)
    return Found(curve_as_table(curve), curve_as_json(curve))


def sampled(target: TextFiles, most: int, seed: int, group_key: str = ""
            ) -> tuple[list[str], np.ndarray, list[str | int]]:
    """All texts, or `most` of them by a seeded draw; which records they are, int64 (n,), increasing; their groups."""
    sample, first = RowSample(most, seed), 0
    for batch in target.records(group_key):
        rows = [(place, record.value, record.fields.get(group_key)) for place, record in enumerate(batch, first)]
        sample.add(np.array(rows, dtype=object), np.ones(len(batch)))
        first += len(batch)
    records, texts, groups = sample.take()[0].reshape(-1, 3).T
    return [str(text) for text in texts], records.astype(np.int64), groups.tolist()


def _distances(target_vectors: str, read: Texts, found: Comparison, asked: ProbeOptions,
               threads: int) -> list[float | None]:
    """Entropic distances to the target, for each row of the comparison; none where vectors of it are not there.

    Of random choices the mean of the draws.
    """
    import torch

    from gotd.methods.distances import TargetDistance
    from gotd.methods.options import TransportOptions
    from gotd.methods.source_sample import Wanted, draw
    from gotd.ot.blocks import Workers
    from gotd.ot.source import Part

    embedders = Embedders()
    q = VectorFiles([target_vectors], embedders, key=asked.vector_key)
    blocks = list(SomeRows(q, read.rows[found.judged]).blocks())
    require_same_records(q, read.target)
    rows = np.concatenate(blocks).astype(np.float32)
    p = VectorFiles(asked.source_vectors, embedders, rows.shape[1], key=asked.vector_key)
    base = Part(some_names(p.names), 1.0 - asked.share, p.blocks)
    files = [VectorFiles([name], embedders, rows.shape[1], key=asked.vector_key) for name in asked.vectors]
    wanted = Wanted(TransportOptions.pool_sample, asked.seed)
    workers, device = Workers(threads), torch.device("cpu")
    before = draw([base._replace(mass=1.0)], wanted, workers, device)
    options = TransportOptions(seed=asked.seed).resolved(embedders.identity)
    target_distance = TargetDistance(rows, np.ones(len(rows)), before, options, workers, device)
    require_same_records(p, read.source)

    def after(part: Part) -> float:
        parts = [base, part] if asked.share < 1.0 else [part]
        return target_distance.distance(part.name, draw(parts, wanted, workers, device))

    distances: list[float | None] = [target_distance.distance(base.name, before)]
    waiting = iter(zip(files, read.choices, strict=True))
    for row in found.rows[1:]:
        if row.kind == "random":
            draws = [] if asked.pool else found.random_rows[row.tokens]
            every = [after(Part(row.name, asked.share, SomeRows(p, chosen).blocks)) for chosen in draws]
            distances.append(sum(every) / len(every) if every else None)
            continue
        vectors, records = next(waiting)
        part = Part(row.name, asked.share, SomeRows(vectors, np.arange(row.documents)).blocks)
        distances.append(after(part))
        require_same_records(vectors, records)
    return distances


class SomeRows:
    """Some rows of files of vectors. rows : int64 (k,), increasing"""

    def __init__(self, files: VectorFiles, rows: np.ndarray) -> None:
        self._files, self._rows = files, rows

    def blocks(self) -> Iterator[np.ndarray]:
        """These rows alone, in order."""
        start = 0
        for block in self._files.blocks():
            first, last = np.searchsorted(self._rows, [start, start + len(block)])
            if last > first:
                yield block[self._rows[first:last] - start]
            start += len(block)


def require_same_records(vectors: VectorFiles, texts: TextFiles) -> None:
    """Raises: DataError where vectors do not belong to the records, as far as their seals say."""
    if not vectors.rows:  # with a share of 0 nobody has read them
        deque(vectors.blocks(), maxlen=0)
    vectors.require_records(texts.runs, some_names(texts.names))
