"""Records of several files, one after the other, each with a text: opened, checked and digested in one place."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from gotd.streams.digests import TextDigest
from gotd.streams.record_text import RecordText
from gotd.streams.records import Record, RecordReader, Skipping, no_value, read_records, windows
from gotd.streams.sources import opened_in_turn
from gotd.types import Fields

#: Records of a batch: some blocks of texts for each thread.
BATCH_RECORDS = 4096


class ReadOptions(NamedTuple):
    """How records are read.

    text : how their text is made; skipping : how many bad records may be passed over, of all files together
    long_window : allow zstd windows up to 2 GiB
    remedy : what an error says to do where a record has no text, in place of what it says else
    """

    text: RecordText
    skipping: Skipping
    long_window: bool = False
    remedy: str = ""

    @property
    def text_of(self) -> Callable[[Fields], str]:
        """Makes the text of a record; raises RecordError, a ValueError, where it has none."""
        return partial(self.text.of, remedy=self.remedy)

    def again(self) -> "ReadOptions":
        """The same for another reading, in which bad records are counted anew."""
        return self._replace(skipping=Skipping(self.skipping.allowed))


def record_readers(names: Sequence[str], long_window: bool) -> Iterator[RecordReader]:
    """Each file's reader, open until the next one is asked for."""
    for source in opened_in_turn(names):
        yield RecordReader(source, long_window)


class RecordFiles:
    """The records of several files, with their texts. require : raises ValueError for a record that lacks more"""

    def __init__(self, names: Sequence[str], options: ReadOptions,
                 require: Callable[[Fields], object] = no_value) -> None:
        self._names, self._options, self._require = names, options, require
        self._made_text = options.text_of

    def batches(self, digests: Sequence[TextDigest] = ()) -> Iterator[list[Record[str]]]:
        """Yield the records in order, BATCH_RECORDS at a time. digests : take the texts in

        Raises: DataError, by way of `options.skipping`, for a record without a text.
        """
        for reader in record_readers(self._names, self._options.long_window):
            for batch in windows(read_records(reader, self._options.skipping, self._text_of), BATCH_RECORDS):
                for digest in digests:
                    if digest.text == self._options.text:
                        digest.add_texts([record.value for record in batch])
                    else:
                        digest.add(batch)
                yield batch

    def texts(self, digests: Sequence[TextDigest] = ()) -> Iterator[list[str]]:
        """Yield the texts alone."""
        for batch in self.batches(digests):
            yield [record.value for record in batch]

    def _text_of(self, fields: Fields) -> str:
        text = self._made_text(fields)
        self._require(fields)
        return text
