"""Records to tokens on disk, in one pass."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gotd.errors import DataError
from gotd.streams.digests import TextDigest, content_of
from gotd.streams.record_files import record_readers
from gotd.streams.record_text import RecordText
from gotd.streams.records import Record, Skipping, read_records, windows
from gotd.streams.seal import MadeBy
from gotd.streams.sources import shown
from gotd.training.tokenizers import Frame
from gotd.training.tokens import TokenStore, TokenWriter

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

#: Texts given to the tokenizer at once.
WINDOW = 1024
_NUMBER = re.compile(r"-?[0-9]{1,18}")


def uncounted(rows: int) -> None:
    """For a reading nobody watches."""


@dataclass
class Reading:
    """How records are read.

    seals : fills with what the inputs' seals say of who made them
    watch : gets the texts, some hundreds at a time, as they become tokens
    """

    text: RecordText
    label_key: str
    skipping: Skipping
    long_window: bool
    advance: Callable[[int], None]
    seals: list[MadeBy] = field(default_factory=list)
    watch: Callable[[list[str]], None] | None = None

    def texts(self, window: list[Record[str]]) -> list[str]:
        """Return the texts of some records."""
        texts = [record.value for record in window]
        if self.watch is not None:
            self.watch(texts)
        return texts


class Content:
    """Running digest of what training reads of records: texts, and labels where they count; nothing else they hold."""

    def __init__(self, reading: Reading, labelled: bool) -> None:
        self._texts, self._labels = TextDigest(reading.text), TextDigest(None)
        self._label_key = reading.label_key if labelled else None

    def add(self, records: list[Record[str]]) -> None:
        """Take the next records."""
        self._texts.add_texts([record.value for record in records])
        if self._label_key is not None:
            self._labels.add_texts([str(record.fields.get(self._label_key)) for record in records])

    def hexdigest(self) -> str:
        """Return the digest of all records so far."""
        texts, labels = (each.run.digest or "" for each in (self._texts, self._labels))
        return texts if self._label_key is None else content_of(texts, labels.encode())


def records_of(names: list[str], reading: Reading, content: Content | None = None) -> Iterator[list[Record[str]]]:
    """The good records of all inputs in order."""
    for reader in record_readers(names, reading.long_window):
        for batch in read_records(reader, reading.skipping, reading.text.of):
            if content is not None:
                content.add(batch)
            yield batch
        reading.seals += [seal.made_by for seal in reader.verifier.seals]


def digest_of(names: list[str], reading: Reading, labelled: bool) -> str:
    """The digest alone, as `write_blocks` and, for labelled records, `write_texts` store it."""
    content = Content(reading, labelled)
    for batch in records_of(names, reading, content):
        reading.advance(len(batch))
    return content.hexdigest()


def write_blocks(names: list[str], folder: Path, tokenizer: "PreTrainedTokenizerFast", frame: Frame,
                 reading: Reading) -> TokenStore:
    """Every document with what separates it from the next. Texts without a token are counted and left out."""
    content, empty = Content(reading, labelled=False), 0
    with TokenWriter(folder, len(tokenizer), labelled=False) as writer:
        for window in windows(records_of(names, reading, content), WINDOW):
            documents = documents_of(reading.texts(window), tokenizer, frame)
            empty += len(window) - len(documents)
            writer.add(documents)
            reading.advance(len(window))
        return writer.finish(content.hexdigest(), empty, 0)


def documents_of(texts: list[str], tokenizer: "PreTrainedTokenizerFast", frame: Frame) -> list[list[int]]:
    """Return the tokens of the texts that have some, each with what separates it from the next."""
    found = tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
    return [[*frame.before, *tokens, *frame.after] for tokens in found if tokens]


def write_texts(names: list[str], folder: Path, tokenizer: "PreTrainedTokenizerFast", length: int, labels: list[str],
                reading: Reading) -> TokenStore:
    """Every text on its own, cut at `length` tokens, with its label's place in `labels`."""
    content, empty, truncated = Content(reading, labelled=True), 0, 0
    places = {label: place for place, label in enumerate(labels)}
    with TokenWriter(folder, len(tokenizer), labelled=True) as writer:
        for window in windows(records_of(names, reading, content), WINDOW):
            texts = reading.texts(window)
            found = tokenizer(texts, truncation=True, max_length=length, return_attention_mask=False, verbose=False)
            truncated += sum(bool(encoding.overflowing) for encoding in found.encodings)
            empty += sum(not text.strip() for text in texts)
            filler = [tokenizer.eos_token_id or 0]  # some tokenizers make nothing at all of an empty text
            writer.add([tokens or filler for tokens in found["input_ids"]],
                       [_place(record, places, reading.label_key) for record in window])
            reading.advance(len(window))
        return writer.finish(content.hexdigest(), empty, truncated)


def _place(record: Record[str], places: Mapping[str, int], key: str) -> int:
    label = label_of(record, key)
    if label not in places:
        what = f'label "{label}" is unknown: the training data has {", ".join(list(places)[:8])}'
        raise DataError(record.place, what, "train on data that has it, or leave that record out")
    return places[label]


def label_of(record: Record[str], key: str) -> str:
    """The label of a record: text, a whole number or a truth value."""
    label = record.fields.get(key)
    if label is None:
        raise DataError(record.place, f'no "{key}" field', "give --label-key, or label that record")
    if not isinstance(label, str | int) or label == "":
        raise DataError(record.place, f'"{key}" is {label!r}: a label is text or a whole number', "mend that line")
    return str(label)


def labels_of(names: list[str], reading: Reading) -> list[str]:
    """The labels that occur, sorted: numbers by value."""
    found = {label_of(record, reading.label_key) for batch in records_of(names, reading) for record in batch}
    if len(found) < 2:
        raise DataError(shown(names[0]), f"{len(found)} different labels", "classify needs at least two")
    return sorted(found, key=lambda label: (0, int(label), label) if _NUMBER.fullmatch(label) else (1, 0, label))
