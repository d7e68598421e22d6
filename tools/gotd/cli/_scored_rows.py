"""Vectors scored: those of files, those that records carry, and those that are made of their texts on the way."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, cast

from gotd.cli._contents import run_content
from gotd.cli._embedding import WINDOW_BYTES, in_flight
from gotd.cli._frame import Run
from gotd.cli._outputs import is_array, is_records
from gotd.cli._score_targets import WINDOW, VectorTargets
from gotd.cli._scored import Met, Output, Window, write_scored
from gotd.errors import DataError, UsageError
from gotd.streams.digests import RecordRun, TextDigest
from gotd.streams.embedded_records import EMBEDDING, Carried, vector_of, vectors_of
from gotd.streams.file_seal import end_seal
from gotd.streams.finite import rounded
from gotd.streams.json_fields import RecordError
from gotd.streams.locations import VECTOR_FIELD
from gotd.streams.npy_header import MAGIC
from gotd.streams.record_files import ReadOptions
from gotd.streams.record_text import RecordText, is_spec
from gotd.streams.records import Record, RecordReader, read_records, windows
from gotd.streams.seal import MadeBy
from gotd.streams.sources import ByteSource
from gotd.streams.vector_reader import VectorReader, holds_table, vector_reader
from gotd.types import Fields

if TYPE_CHECKING:
    import numpy as np

#: Of vectors made of texts: as ds-embed writes them.
_HALF = "<f2"


class InputOptions(NamedTuple):
    """How inputs are read. vector_key : the field of lists that was named, if any

    of_texts : options of the command line that only texts have a use for
    """

    reading: ReadOptions
    vector_key: str | None
    of_texts: Sequence[str]


class VectorFields(NamedTuple):
    """Where records and tables hold vectors.

    key : the field of lists that was named, if any
    may_be_lists : or lists under their usual name are vectors, too, as the targets do not say what would make others
    """

    key: str | None
    may_be_lists: bool

    @property
    def names(self) -> list[str]:
        """Fields of which any holds a record's vector."""
        return [self.key] if self.key is not None else [EMBEDDING, *([VECTOR_FIELD] if self.may_be_lists else [])]

    def are_absent(self, fields: Fields) -> bool:
        """Return whether a record holds none, and was not said to."""
        return self.key is None and fields.keys().isdisjoint(self.names)


class RowScoring:
    """Scores of the rows of some sources, by targets, in one reading.

    vectors : where records and tables hold vectors
    """

    def __init__(self, targets: VectorTargets, outputs: Sequence[Output], inputs: InputOptions, vectors: VectorFields,
                 run: Run) -> None:
        self._targets, self._outputs, self._vectors, self._run = targets, outputs, vectors, run
        self._reading, self._of_texts = inputs.reading, inputs.of_texts
        self._which = [output.target for output in outputs]
        self._met = Met()

    def score(self, sources: Iterator[ByteSource]) -> int:
        """Write the scores; return how many rows rank last. By its first bytes the first source says what all are."""
        first = next(sources)
        every = chain([first], sources)
        arrays = is_array(self._outputs[0].provenance.job.output)
        is_table = arrays and self._vectors.may_be_lists and holds_table(first, self._vectors.key)
        if first.peek(len(MAGIC)) != MAGIC and not is_table:
            return write_scored(self._of_records(every), self._met, self._outputs, self._run)
        for output in self._outputs:
            if is_records(output.sink.name):
                what = "scores of vectors are an array, without records; name it .npy"
                raise UsageError(f"-o {output.sink.name}: {what}")
        for option in self._of_texts:
            raise UsageError(f"{option} does nothing where vectors are read; leave it out")
        return write_scored(self._of_vectors(every), self._met, self._outputs, self._run, of_vectors=True)

    def _of_vectors(self, sources: Iterable[ByteSource]) -> Iterator[Window]:
        for source in sources:
            reader = vector_reader(source, self._vectors.key)
            found = self._targets.stream(self._fitting(reader), self._which, source.name)
            for scores in self._run.until_enough(_recut(found, lambda: WINDOW)):
                yield Window(None, len(scores[0]), scores)
            self._targets.check(reader.verifier)
            self._met.runs += [run for seal in reader.verifier.seals for run in seal.records]
            if reader.verifier.digest.rows:
                self._met.runs.append(RecordRun(reader.verifier.digest.rows, None))
            self._met.contents.append(reader.verifier.content)

    def _fitting(self, reader: VectorReader) -> "Iterator[np.ndarray]":
        """Vectors as they are read, once they are known to fit the targets."""
        for block in reader.blocks():
            self._targets.check(reader.verifier)
            if block.shape[1] != self._targets.dimension:
                ours, file = self._targets.dimension, self._targets.files[0]
                what = f"dimension {block.shape[1]}, the target has {ours} ({file})"
                raise DataError(reader.verifier.name, what, "embed both alike")
            yield block

    def _of_records(self, sources: Iterable[ByteSource]) -> Iterator[Window]:
        """Records window by window. The first of each source says whether vectors are carried, or to be made."""
        arrays, reading = is_array(self._outputs[0].provenance.job.output), self._reading
        for source in sources:
            reader = RecordReader(source, reading.long_window)
            kind = _Kind(reader, reading.text, self._vectors)
            batches = read_records(reader, reading.skipping, kind.value_of)
            if (first := next(batches, None)) is not None:
                batches = chain([first], batches)
            if kind.is_text:
                pairs = self._embedded(cast("Iterator[list[Record[str]]]", batches))
            else:
                pairs = self._carried(reader, batches)
            digest = TextDigest(reading.text if kind.is_text else _embedded_text(reader))
            for window in self._scored(pairs, reader.name):
                if kind.is_text:
                    digest.add_texts([str(record.value) for record in window.records or []])
                else:
                    digest.add(window.records or [])
                yield window
            self._targets.check(reader.verifier)
            self._met.runs += [digest.run] if digest.rows else []
            by_texts = kind.is_text and arrays
            self._met.contents.append(run_content(digest.run) if by_texts else reader.verifier.content)

    def _carried(self, reader: RecordReader, batches: Iterator[list[Record[Carried]]]
                 ) -> "Iterator[tuple[Sequence[Record[Carried]], np.ndarray]]":
        for option in self._of_texts:
            raise UsageError(f"{option} does nothing where records carry vectors; leave it out")
        for window in self._run.until_enough(windows(batches, WINDOW)):
            self._targets.check(reader.verifier)
            yield window, vectors_of(window, self._targets.dimension, "the target has")

    def _embedded(self, batches: Iterator[list[Record[str]]]
                  ) -> "Iterator[tuple[Sequence[Record[Carried]], np.ndarray]]":
        """Windows with the vectors that ds-embed would write, and ds-score read."""
        import numpy as np

        embedder, half = self._targets.embedder, np.dtype(_HALF)
        found = self._run.until_enough(windows(batches, embedder.window, WINDOW_BYTES))
        for window in in_flight(((None, records) for records in found), embedder):
            self._targets.counts += window.embedded.counts
            yield window.records, rounded(window.embedded.vectors, half, partial(_place, window.records))

    def _scored(self, pairs: "Iterator[tuple[Sequence[Record[Carried]], np.ndarray]]", name: str) -> Iterator[Window]:
        """The windows with their scores; rows of neighbouring windows share blocks."""
        waiting: deque[Sequence[Record[Carried]]] = deque()

        def rows() -> "Iterator[np.ndarray]":
            for window, vectors in pairs:
                waiting.append(window)
                yield vectors

        found = self._targets.stream(rows(), self._which, name)
        for scores in _recut(found, lambda: len(waiting[0])):
            window = waiting.popleft()
            yield Window(window, len(window), scores)


def _recut(found: "Iterable[list[np.ndarray]]", rows: Callable[[], int]) -> "Iterator[list[np.ndarray]]":
    """The same scores by each target, cut into pieces: `rows` says of the next how many; the last may be shorter."""
    import numpy as np

    held: list[list[np.ndarray]] = []
    count = 0
    for scores in found:
        held.append(scores)
        count += len(scores[0])
        while count and count >= rows():
            whole, wanted = [np.concatenate(parts) for parts in zip(*held, strict=True)], rows()
            yield [each[:wanted] for each in whole]
            held, count = [[each[wanted:] for each in whole]], count - wanted
    if count:
        yield [np.concatenate(parts) for parts in zip(*held, strict=True)]


def _place(window: list[Record[str]], row: int) -> str:
    return window[row].place


class _Kind:
    """Whether records carry vectors, or texts of which they are to be made: as they are said to, or as the first does.

    is_text : known once a record has been read
    """

    def __init__(self, reader: RecordReader, text: RecordText, vectors: VectorFields) -> None:
        self.is_text = False
        self._reader, self._text, self._vectors, self._is_known = reader, text, vectors, False

    def value_of(self, fields: Fields) -> Carried:
        """The vector that a record carries, or its text. Raises: RecordError where it has neither."""
        if not self._is_known:
            said = _said(self._reader)
            self._is_known, self.is_text = True, not (said and said.embedder) and self._vectors.are_absent(fields)
        if not self.is_text:
            return vector_of(fields, self._vectors.key)
        text = self._text.of(fields)
        if EMBEDDING in fields:
            raise RecordError(f'a "{EMBEDDING}", and records before it have none', "score one kind at a time")
        return text


def _embedded_text(reader: RecordReader) -> RecordText:
    """How the text that ds-embed read is made, as the stream or the file says, where one says."""
    said = _said(reader)
    key = said.options.get("text_key") if said else None
    return RecordText.of_spec(str(key)) if is_spec(key) else RecordText()


def _said(reader: RecordReader) -> MadeBy | None:
    """Who made the records, as the stream or the file says, if anything does."""
    said = [message for message in (reader.verifier.announced, *reader.verifier.seals) if message]
    file = None if said else end_seal(reader.name)
    return said[0].made_by if said else file.seal.made_by if file else None
