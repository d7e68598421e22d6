"""Records of several files, one after the other, each with a text: opened, checked and digested in one place."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from gotd.streams.digests import TextDigest
from gotd.streams.record_text import RecordText
from gotd.streams.records import Record, RecordReader, Skipping, read_records, windows
from gotd.streams.sources import ByteSource, open_input

#: Records of a batch: some blocks of texts for each thread.
BATCH_RECORDS = 4096


class ReadOptions(NamedTuple):
    """How records are read.

    text : how their text is made; skipping : how many bad records may be passed over, of all files together
    long_window : allow zstd windows up to 2 GiB
    """

    text: RecordText
    skipping: Skipping
    long_window: bool = False


class RecordFiles:
    """The records of several files.

    remedy : what an error says to do where a record has no text
    group_key : a field that every record must have besides, a string or a whole number
    """

    def __init__(self, names: Sequence[str], options: ReadOptions, remedy: str = "",
                 group_key: str = "") -> None:
        self.names, self.options, self.remedy, self.group_key = list(names), options, remedy, group_key

    def batches(self, digests: Sequence[TextDigest] = ()) -> Iterator[list[Record]]:
        """Yield the records in order, BATCH_RECORDS at a time. digests : take the texts in"""
        for name in self.names:
            with open_input(name) as source:
                for batch in record_batches([source], self.options, self.remedy, self.group_key):
                    for digest in digests:
                        digest.add(batch)
                    yield batch

    def texts(self, digests: Sequence[TextDigest] = ()) -> Iterator[list[str]]:
        """Yield the texts alone."""
        for batch in self.batches(digests):
            yield [self.options.text.of(record.fields) for record in batch]


def record_batches(sources: Iterable[ByteSource], options: ReadOptions, remedy: str = "",
                   group_key: str = "", ended: Callable[[RecordReader, TextDigest], None] | None = None
                   ) -> Iterator[list[Record]]:
    """Yield records that have a text, of all sources in order. ended : told of each source when it has been read

    Raises: DataError, by way of `options.skipping`, for a record without one.
    """

    def check(fields: dict[str, Any]) -> None:
        options.text.of(fields, remedy)
        if group_key and not isinstance(fields.get(group_key), str | int):
            raise ValueError(f'no "{group_key}" field that is a string or a whole number, as --group needs it')

    def records() -> Iterator[list[Record]]:
        for source in sources:
            reader, digest = RecordReader(source, options.long_window), TextDigest(options.text)
            for batch in read_records(reader, options.skipping, check):
                if ended:
                    digest.add(batch)
                yield batch
            if ended:
                ended(reader, digest)

    return windows(records(), BATCH_RECORDS)
