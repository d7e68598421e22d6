"""The way of records through an embedder: read ahead, embedded in windows, written in order."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from gotd.cli._frame import Run
from gotd.cli._jobs import Job, run_jobs
from gotd.embedders.protocol import Counts, Embedded, Embedder
from gotd.errors import GotdError
from gotd.streams.arrays import ArrayWriter
from gotd.streams.carried import with_embeddings
from gotd.streams.json_fields import text_of
from gotd.streams.records import Record, RecordReader, RecordWriter, Skipping, read_records, windows
from gotd.streams.seal import Digest, MadeBy, RecordRun
from gotd.streams.sinks import Sink, open_output
from gotd.streams.sources import open_input

#: Windows that are begun before the oldest is waited for: one is tokenised while another is embedded.
_WINDOWS_AHEAD = 2
#: A window of longer records than usual holds fewer of them.
_WINDOW_BYTES = 1 << 23


class Reading(NamedTuple):
    """How records are read. skipping : over all inputs"""

    text_key: str
    skipping: Skipping
    long_window: bool


class Output(NamedTuple):
    """One output in the making. digest : of the records read for it so far"""

    job: Job
    made_by: MadeBy
    digest: Digest


class Part(NamedTuple):
    """A window of an output's records; the last of every output has none."""

    output: Output
    records: list[Record]


def embed_all(jobs: Sequence[Job], made_by: Mapping[str, Any], embedder: Embedder, reading: Reading, dtype: str | None,
              run: Run) -> tuple[int, Counts]:
    """Makes the outputs that are not there yet; how many were, and what was counted.

    dtype : of vectors ("<f2", "<f4"); None writes records that carry them
    """
    there: list[Job] = []
    counts = Counts()
    stream = _in_flight(_parts(run_jobs(jobs, made_by), reading, embedder.window, there), embedder, reading.text_key)
    for part, embedded in stream:
        with open_output(part.output.job.output) as sink:
            writer = _writer(part.output, sink, embedder, dtype)
            own = Counts()
            while part.records:
                writer.write(with_embeddings(part.records, embedded.vectors) if dtype is None else embedded.vectors)
                own += embedded.counts
                run.advance(len(part.records))
                part, embedded = next(stream)
            if isinstance(writer, ArrayWriter):
                digest = part.output.digest
                writer.records.append(RecordRun(digest.rows, digest.hexdigest()))
            writer.notes |= asdict(own) | ({"precision": embedder.precision} if embedder.precision else {})
            writer.finish()
        counts += own
    return len(there), counts


def _writer(output: Output, sink: Sink, embedder: Embedder, dtype: str | None) -> Any:
    if dtype is None:
        return RecordWriter(sink, output.made_by)
    return ArrayWriter(sink, "vectors", dtype, embedder.dimension, output.made_by)


def _parts(found: Iterator[tuple[Job, dict[str, Any] | None]], reading: Reading, rows: int,
           there: list[Job]) -> Iterator[Part]:
    """All windows of all outputs that are to be made; into `there` go those that need not be."""
    for job, mine in found:
        if mine is None:
            there.append(job)
            continue
        output = Output(job, mine, Digest())
        for window in windows(_records(job.inputs, reading, output.digest), rows, _WINDOW_BYTES):
            yield Part(output, window)
        yield Part(output, [])


def _records(names: list[str], reading: Reading, digest: Digest) -> Iterator[list[Record]]:
    """Records of all inputs in order."""
    for name in names:
        with open_input(name) as source:
            reader = RecordReader(source, reading.long_window)
            yield from read_records(reader, reading.skipping, lambda fields: text_of(fields, reading.text_key), digest)


def _in_flight(parts: Iterator[Part], embedder: Embedder, text_key: str) -> Iterator[tuple[Part, Embedded]]:
    """The parts in order with their vectors, while later ones are read and embedded.

    Where reading fails, what was read before comes first: outputs that are complete by then are finished.
    """
    waiting: deque[tuple[Part, Callable[[], Embedded]]] = deque()
    failure: GotdError | None = None
    while failure is None:
        try:
            part = next(parts, None)
        except GotdError as error:
            failure = error
            break
        if part is None:
            break
        waiting.append((part, embedder.begin([record.fields[text_key] for record in part.records])))
        while len(waiting) > _WINDOWS_AHEAD:
            done, wait = waiting.popleft()
            yield done, wait()
    while waiting:
        done, wait = waiting.popleft()
        yield done, wait()
    if failure is not None:
        raise failure
