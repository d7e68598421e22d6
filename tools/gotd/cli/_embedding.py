"""The way of records through an embedder: read ahead, embedded in windows, written in order."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import NamedTuple, TypeVar

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


class Part(NamedTuple):
    """A window of an output's records; the last of every output has none."""

    output: Output
    records: list[Record[str]]


def _records_of(part: Part) -> list[Record[str]]:
    return part.records


def embed_all(found: Iterator[tuple[Job, Provenance | None]], embedder: Embedder, reading: ReadOptions,
              dtype: str | None, run: Run, plain: bool = False) -> tuple[int, Counts]:
    """Makes the outputs that are not there yet; how many were, and what was counted.

    dtype : of vectors ("<f2", "<f4"); None writes records that carry them. plain : as of `open_output`
    """
    there: list[Job] = []
    counts = Counts()
    parts = _parts(found, reading, embedder.window, there, dtype is not None, run)
    stream = in_flight(parts, _records_of, embedder)
    for first in stream:
        with open_output(first[0].output.provenance.job.output, plain) as sink:
            counts += _write(sink, first, stream, embedder, dtype, run)
    return len(there), counts


def embed_into(sink: Sink, provenance: Provenance, embedder: Embedder, reading: ReadOptions, dtype: str | None,
               run: Run) -> Counts:
    """Makes one output, or of it what the run wants, wherever it goes."""
    found = iter([(provenance.job, provenance)])
    parts = _parts(found, reading, embedder.window, [], dtype is not None, run)
    stream = in_flight(parts, _records_of, embedder)
    return _write(sink, next(stream), stream, embedder, dtype, run)


def _write(sink: Sink, first: "tuple[Part, Embedded]", stream: "Iterator[tuple[Part, Embedded]]", embedder: Embedder,
           dtype: str | None, run: Run) -> Counts:
    """All parts of one output: its first, then the stream's, up to the one without records."""
    part, embedded = first
    output, counts = part.output, Counts()
    writer = _writer(output, sink, embedder, dtype)
    while part.records:
        if isinstance(writer, RecordWriter):
            writer.write(with_embeddings(part.records, embedded.vectors))
            had = sum(EMBEDDING in record.fields for record in part.records)
            run.tally(had, f'records had a "{EMBEDDING}" already, replaced')
        else:
            writer.write(embedded.vectors)
        counts += embedded.counts
        run.advance(len(part.records))
        part, embedded = next(stream)
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


def _parts(found: Iterator[tuple[Job, Provenance | None]], reading: ReadOptions, rows: int, there: list[Job],
           texts_alone: bool, run: Run) -> Iterator[Part]:
    """All windows of all outputs that are to be made; into `there` go those that need not be.

    texts_alone : whether the outputs hold nothing of their records but what is computed from the texts
    """
    for job, provenance in found:
        if provenance is None:
            there.append(job)
            continue
        output = Output(provenance, TextDigest(reading.text))
        records = windows(_records(output, reading, texts_alone), rows, WINDOW_BYTES)
        for window in run.until_enough(records):
            yield Part(output, window)
        yield Part(output, [])


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


def in_flight(items: Iterator[Item], records_of: Callable[[Item], list[Record[str]]], embedder: Embedder
              ) -> Iterator[tuple[Item, Embedded]]:
    """The items in order with the vectors of their records, while later ones are read and embedded.

    Where reading fails, what was read before comes first: outputs that are complete by then are finished.
    """
    waiting: deque[tuple[Item, Callable[[], Embedded]]] = deque()
    failure: GotdError | None = None
    while failure is None:
        try:
            item = next(items)
        except StopIteration:
            break
        except GotdError as error:
            failure = error
            break
        waiting.append((item, embedder.begin([record.value for record in records_of(item)])))
        while len(waiting) > WINDOWS_AHEAD:
            yield _finished(*waiting.popleft(), records_of)
    while waiting:
        yield _finished(*waiting.popleft(), records_of)
    if failure is not None:
        raise failure


def _finished(item: Item, wait: Callable[[], Embedded], records_of: Callable[[Item], list[Record[str]]]
              ) -> tuple[Item, Embedded]:
    try:
        return item, wait()
    except RowError as error:
        raise DataError(records_of(item)[error.row].place, error.what) from error


def tell(counts: Counts, precision: str | None, run: Run) -> None:
    """Add what an embedder has seen of the texts to the closing line, but for those without content."""
    run.note(counts.truncated, "texts truncated")
    run.note(counts.truncated_tokens, "tokens cut off")
    run.note(counts.unread_characters, "characters not even tokenised")
    if precision and counts.tokens:
        run.notes.append(f"network in {precision}")
    run.rate(counts.tokens, "tokens")
    run.share(counts.padding, counts.padding + counts.tokens, "padding")
