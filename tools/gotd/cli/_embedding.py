"""The way of records through an embedder: read ahead, embedded in windows, written in order."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Generic, NamedTuple, TypeVar

from gotd.cli._contents import run_content
from gotd.cli._frame import Run
from gotd.cli._jobs import Job, Provenance
from gotd.embedders.protocol import WINDOWS_AHEAD, Counts, Embedded, Embedder
from gotd.errors import DataError, GotdError, RowError
from gotd.streams.arrays import ArrayWriter
from gotd.streams.digests import TextDigest
from gotd.streams.embedded_records import EMBEDDING, with_embeddings
from gotd.streams.record_files import ReadOptions, record_readers
from gotd.streams.records import Record, RecordWriter, read_records, windows
from gotd.streams.sinks import Sink, open_output

#: A window of longer records than usual holds fewer of them.
WINDOW_BYTES = 1 << 23

Item = TypeVar("Item")


class Output(NamedTuple):
    """One output in the making. digest : of the texts read for it so far"""

    provenance: Provenance
    digest: TextDigest


class Window(NamedTuple, Generic[Item]):
    """Records with their vectors. of : what they were read for"""

    of: Item
    records: list[Record[str]]
    embedded: Embedded


def embed_all(found: Iterator[tuple[Job, Provenance | None]], embedder: Embedder, reading: ReadOptions,
              dtype: str | None, run: Run, plain: bool = False) -> tuple[int, Counts]:
    """Makes the outputs that are not there yet; how many were, and what was counted.

    dtype : of vectors ("<f2", "<f4"); None writes records that carry them. plain : as of `open_output`
    """
    there: list[Job] = []
    counts = Counts()
    stream = in_flight(_windows(found, reading, embedder.window, there, dtype is not None, run), embedder)
    for first in stream:
        with open_output(first.of.provenance.job.output, plain) as sink:
            counts += _write(sink, first, stream, embedder, dtype, run)
    return len(there), counts


def embed_into(sink: Sink, provenance: Provenance, embedder: Embedder, reading: ReadOptions, dtype: str | None,
               run: Run) -> Counts:
    """Makes one output, or of it what the run wants, wherever it goes."""
    found = iter([(provenance.job, provenance)])
    stream = in_flight(_windows(found, reading, embedder.window, [], dtype is not None, run), embedder)
    return _write(sink, next(stream), stream, embedder, dtype, run)


def _write(sink: Sink, window: Window[Output], stream: Iterator[Window[Output]], embedder: Embedder, dtype: str | None,
           run: Run) -> Counts:
    """All windows of one output: its first, then the stream's, up to the one without records."""
    output, counts = window.of, Counts()
    writer = _writer(output, sink, embedder, dtype)
    while window.records:
        if isinstance(writer, RecordWriter):
            writer.write(with_embeddings(window.records, window.embedded.vectors))
            had = sum(EMBEDDING in record.fields for record in window.records)
            run.tally(had, f'records had a "{EMBEDDING}" already, replaced')
        else:
            writer.write(window.embedded.vectors)
        counts += window.embedded.counts
        run.advance(len(window.records))
        window = next(stream)
    if isinstance(writer, ArrayWriter):
        writer.records.append(output.digest.run)
    writer.made_by = output.provenance.complete
    writer.notes |= asdict(counts) | ({"precision": embedder.precision} if embedder.precision else {})
    writer.finish()
    return counts


def _writer(output: Output, sink: Sink, embedder: Embedder, dtype: str | None) -> RecordWriter | ArrayWriter:
    if dtype is None:
        return RecordWriter(sink, output.provenance.made_by)
    return ArrayWriter(sink, "vectors", dtype, embedder.dimension, output.provenance.made_by)


def _windows(found: Iterator[tuple[Job, Provenance | None]], reading: ReadOptions, rows: int, there: list[Job],
             texts_alone: bool, run: Run) -> Iterator[tuple[Output, list[Record[str]]]]:
    """All windows of all outputs that are to be made, the last of each empty; into `there` go those that need not be.

    texts_alone : whether the outputs hold nothing of their records but what is computed from the texts
    """
    for job, provenance in found:
        if provenance is None:
            there.append(job)
            continue
        output = Output(provenance, TextDigest(reading.text))
        records = windows(_records(output, reading, texts_alone), rows, WINDOW_BYTES)
        for window in run.until_enough(records):
            yield output, window
        yield output, []


def _records(output: Output, reading: ReadOptions, texts_alone: bool) -> Iterator[list[Record[str]]]:
    """Records of all inputs in order."""
    names = output.provenance.job.inputs
    for reader in record_readers(names, reading.long_window):
        own = output.digest if len(names) == 1 else TextDigest(reading.text)
        for batch in read_records(reader, reading.skipping, reading.text_of):
            for digest in {output.digest, own} if texts_alone else ():
                digest.add_texts([record.value for record in batch])
            yield batch
        output.provenance.contents.append(run_content(own.run) if texts_alone else reader.verifier.content)


def in_flight(items: Iterator[tuple[Item, list[Record[str]]]], embedder: Embedder) -> Iterator[Window[Item]]:
    """The items in order with the vectors of their records, while later ones are read and embedded.

    Where reading fails, what was read before comes first: outputs that are complete by then are finished.
    """
    waiting: deque[tuple[Item, list[Record[str]], Callable[[], Embedded]]] = deque()
    failure: GotdError | None = None

    def oldest() -> Window[Item]:
        item, records, wait = waiting.popleft()
        try:
            return Window(item, records, wait())
        except RowError as error:
            raise DataError(records[error.row].place, error.what) from error

    while failure is None:
        try:
            item, records = next(items)
        except StopIteration:
            break
        except GotdError as error:
            failure = error
            break
        waiting.append((item, records, embedder.begin([record.value for record in records])))
        while len(waiting) > WINDOWS_AHEAD:
            yield oldest()
    while waiting:
        yield oldest()
    if failure is not None:
        raise failure


def tell(counts: Counts, precision: str | None, run: Run) -> None:
    """Add what an embedder has seen of the texts to the closing line, but for those without content."""
    run.note(counts.truncated, "texts truncated")
    run.note(counts.truncated_tokens, "tokens cut off")
    run.note(counts.unread_characters, "characters not even tokenised")
    if precision and counts.tokens:
        run.notes.append(f"network in {precision}")
    run.rate(counts.tokens, "tokens")
    run.share(counts.padding, counts.padding + counts.tokens, "padding")
