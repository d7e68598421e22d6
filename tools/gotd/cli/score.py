"""ds-score: the score of every row against a fitted target."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import click

from gotd.cli import _options as options
from gotd.cli._contents import texts_content, whole_content
from gotd.cli._dry_run import report
from gotd.cli._environment import unless_idle
from gotd.cli._frame import Run, entry_point
from gotd.cli._jobs import Job, Provenance, has_nothing_to_do, jobs, run_jobs
from gotd.cli._outputs import is_array, is_directory, is_records
from gotd.cli._printing import print_text
from gotd.cli._process import prepare_process
from gotd.cli._scored import NOTE, count_lowest, write_scored
from gotd.cli._scored_texts import TextTarget, score_texts
from gotd.errors import DataError, UsageError
from gotd.methods.base import TextRule
from gotd.selection import TargetFile, load
from gotd.streams.arrays import ArrayReader, ArrayWriter
from gotd.streams.carried import embedding_of, embeddings
from gotd.streams.digests import RecordRun, TextDigest
from gotd.streams.end_seal import end_seal
from gotd.streams.npy_header import MAGIC
from gotd.streams.record_text import RecordText, is_spec
from gotd.streams.records import Record, RecordReader, Skipping, read_records, windows
from gotd.streams.seal import MadeBy, Verifier
from gotd.streams.sinks import Sink, open_output
from gotd.streams.sources import ByteSource, opened_in_turn
from gotd.streams.vector_files import require_same_embedder

if TYPE_CHECKING:
    import numpy as np

    from gotd.methods.base import RowScorer

#: One more whenever the same vectors or texts and target give other scores.
REVISION = 1
#: Records scored at once, and scores written at once.
_WINDOW = 4096


@dataclass(frozen=True)
class ScoreOptions:
    """Options of ds-score; what they mean is in its help."""

    target: Annotated[str, click.option("--target", required=True, metavar="FILE.npz", help="From ds-target-stats.")]
    output: Annotated[str, options.output]
    shard: Annotated[str | None, options.shard]
    skip_invalid: Annotated[int, options.skip_invalid]
    long_window: Annotated[bool, options.long]
    threads: Annotated[int | None, options.threads]
    device: Annotated[str, options.device]
    dry_run: Annotated[bool, options.dry_run]


@click.command("ds-score")
@options.inputs
@options.gathered(ScoreOptions)
@options.common
def command(asked: ScoreOptions, files: tuple[str, ...], quiet: bool) -> None:
    """Score vectors, or records that carry them: how fast the distance to the target falls per mass added there.

    Reads .npy vectors and writes .npy scores (float32); reads records with "gotd_embedding" and writes them with
    "gotd_score" in its place, or .npy scores for -o DIR/ and -o FILE.npy. Higher is better; zero is the average
    document of the source. Holds the target and some blocks. With a target of another --method the score is that
    rule's; one of dsir reads records as they are.

    \b
    Examples:
      ds-score --target target.npz emb/*.npy -o scores/
      ds-score --dry-run --target target.npz emb/*.npy -o scores/
      ds-embed pool.jsonl.zst | ds-score --target target.npz | ds-topk -k 100 -o best.jsonl.zst
    """
    run = Run("ds-score", quiet)
    shard = unless_idle("shard", asked.shard, is_directory(asked.output))
    found = jobs(files, asked.output, ".npy", shard, asked.dry_run)
    if has_nothing_to_do(found, files, shard, run):
        return
    held, cpus = load(asked.target), prepare_process(options.thread_count(asked.threads))
    ours = _Target(asked.target, held, cpus, asked.device)
    skipping, texts = Skipping(asked.skip_invalid), None
    if issubclass(held.rule, TextRule):
        texts = TextTarget(held.rule, held, cpus, skipping, asked.long_window)
    maker = MadeBy("ds-score", REVISION, {}, target=held.digest, embedder=held.embedder)
    complete = lowest = 0

    def work(provenance: Provenance, sink: Sink, run: Run) -> None:
        nonlocal lowest
        sources, arrays_wanted = opened_in_turn(provenance.job.inputs), is_array(provenance.job.output)
        if texts:
            lowest += score_texts(sources, sink, arrays_wanted, texts, provenance, run)
        else:
            lowest += _score(sources, sink, arrays_wanted, ours, provenance, skipping, asked.long_window, run)

    def content_of(job: Job, name: str) -> str:
        if texts and is_array(job.output):
            return texts_content(name, texts.text, asked.skip_invalid, asked.long_window)
        return whole_content(name, asked.long_window)

    if asked.dry_run:
        print_text(report(found, maker, content_of, work, skipping, len(files), run))
        return
    for job, provenance in run_jobs(found, maker, content_of):
        if provenance is None:
            complete += 1
            continue
        with open_output(job.output) as sink:
            work(provenance, sink, run)
    run.note(complete, "outputs were already complete")
    run.note(skipping.skipped, "bad records skipped")
    run.note(lowest, "rows without content rank last" if not texts else
             "texts without content, or shorter than --min-words, rank last")
    run.close()


class _Target:
    """The target file, as what is scored must fit it. Torch is imported when there is something to score."""

    def __init__(self, file: str, held: TargetFile, threads: int, device: str) -> None:
        self.file, self._held, self._threads, self._device = file, held, threads, device

    def check(self, verifier: Verifier) -> None:
        """What a stream has said of itself so far: by announcement or by seals, its embedder must be the target's."""
        said = [message for message in (verifier.announced, *verifier.seals) if message]
        for message in said:
            require_same_embedder(self._held.embedder, message.made_by.embedder, self.file, verifier.name)

    @property
    def dimension(self) -> int:
        """Of the vectors it scores."""
        return self.scorer.dimension

    def stream(self, arrays: "Iterable[np.ndarray]", name: str) -> "Iterator[np.ndarray]":
        """Scores of the rows of a source, some thousands at a time. Shapes: (n, d) -> float32 (k,)."""
        from gotd.ot.blocks import rechunked

        rows = 0
        for found in rechunked(self.scorer.stream(arrays), _WINDOW):
            yield self._checked(found, name, rows)
            rows += len(found)

    def scores(self, rows: "np.ndarray", name: str, first: int) -> "np.ndarray":
        """Shapes: rows (n, d), from row `first` of a source on -> float32 (n,)."""
        return self._checked(self.scorer.scores(rows), name, first)

    def _checked(self, scores: "np.ndarray", name: str, first: int) -> "np.ndarray":
        """The same scores. Raises: DataError where numbers are so large that a score is none."""
        import numpy as np

        wrong = np.flatnonzero(~np.isfinite(scores))
        if len(wrong):
            what = f"row {first + int(wrong[0])} of {name} has a score that is NaN or infinite"
            raise DataError(self.file, what, "check the numbers in both")
        return scores

    @cached_property
    def scorer(self) -> "RowScorer":
        """Scores rows of `dimension`."""
        from gotd.devices import find_device
        from gotd.ot.blocks import Workers

        if issubclass(self._held.rule, TextRule):
            raise TypeError("a rule of texts scores no rows")
        device = find_device(self._device)
        workers = Workers(self._threads, device)
        return self._held.rule.scorer(self._held.arrays, self._held.summary, workers, device)


def _score(sources: Iterator[ByteSource], sink: Sink, arrays_wanted: bool, ours: _Target, provenance: Provenance,
           skipping: Skipping, long_window: bool, run: Run) -> int:
    """Score vectors, or records that carry them, by the first bytes of the first source; return how many rank last."""
    first = next(sources)
    every = chain([first], sources)
    if first.peek(len(MAGIC)) == MAGIC:
        if is_records(sink.name):
            raise UsageError(f"-o {sink.name}: scores of vectors are an array, without records; name it .npy")
        return _score_vectors(every, sink, provenance, ours, run)
    runs: list[RecordRun] = []
    readers = (RecordReader(source, long_window) for source in every)
    found = _scored(readers, ours, skipping, provenance, runs, run)
    return write_scored(found, runs, sink, arrays_wanted, provenance, run)


def _score_vectors(sources: Iterable[ByteSource], sink: Sink, provenance: Provenance, ours: _Target, run: Run) -> int:
    lowest = 0
    writer = ArrayWriter(sink, "scores", "<f4", None, provenance.made_by)
    for source in sources:
        reader = ArrayReader(source, "vectors")
        for scores in run.until_enough(ours.stream(_fitting(reader, ours), source.name)):
            writer.write(scores)
            lowest += count_lowest(scores)
            run.advance(len(scores))
        ours.check(reader.verifier)
        for seal in reader.verifier.seals:
            writer.records += seal.records
        if reader.verifier.digest.rows:
            writer.records.append(RecordRun(reader.verifier.digest.rows, None))
        provenance.contents.append(reader.verifier.content)
    writer.notes[NOTE] = lowest
    writer.made_by = provenance.complete
    writer.finish()
    return lowest


def _fitting(reader: ArrayReader, ours: _Target) -> "Iterator[np.ndarray]":
    """Vectors as they are read, once they are known to fit the target."""
    for block in reader.blocks():
        ours.check(reader.verifier)
        if block.shape[1] != ours.dimension:
            what = f"dimension {block.shape[1]}, the target has {ours.dimension} ({ours.file})"
            raise DataError(reader.name, what, "embed both alike")
        yield block


def _scored(readers: Iterable[RecordReader], ours: _Target, skipping: Skipping, provenance: Provenance,
            runs: list[RecordRun], run: Run) -> "Iterator[tuple[list[Record[str]], np.ndarray]]":
    """Records that carry vectors, window by window with their scores. runs : takes in what they were made from."""
    for reader in readers:
        rows, digest = 0, None
        for window in run.until_enough(windows(read_records(reader, skipping, embedding_of), _WINDOW)):
            ours.check(reader.verifier)
            digest = digest or TextDigest(_text_of(reader))
            digest.add(window)
            scores = ours.scores(embeddings(window, ours.dimension), reader.name, rows)
            rows += len(window)
            yield window, scores
        ours.check(reader.verifier)
        runs += [digest.run] if digest else []
        provenance.contents.append(reader.verifier.content)


def _text_of(reader: RecordReader) -> RecordText:
    """How the text that ds-embed read is made, as the stream or the file says, where one says."""
    said = [message for message in (reader.verifier.announced, *reader.verifier.seals) if message]
    file = None if said else end_seal(reader.name)
    said += [file.seal] if file else []
    key = said[0].made_by.options.get("text_key") if said else None
    return RecordText.of_spec(str(key)) if is_spec(key) else RecordText()


main = entry_point(command)
