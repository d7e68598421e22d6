"""What an output depends on in its inputs, named so that a change shows: lines, texts alone, or rows."""

from collections import deque
from collections.abc import Sequence

from gotd.streams.arrays import ArrayReader
from gotd.streams.digests import RecordRun, TextDigest
from gotd.streams.file_seal import end_seal
from gotd.streams.json_fields import parse_object
from gotd.streams.npy_header import MAGIC
from gotd.streams.record_files import ReadOptions, RecordFiles
from gotd.streams.record_text import RecordText
from gotd.streams.records import RecordReader, Skipping
from gotd.streams.sources import open_input
from gotd.streams.vector_reader import holds_table, vector_reader


def run_content(run: RecordRun) -> str:
    """The content of records of which the texts alone count."""
    return f"{run.rows} texts {run.digest}"


def texts_content(name: str, text: RecordText, skip_invalid: int, long_window: bool) -> str:
    """The content of a file of records of which the texts alone count, by its seal, or else read."""
    found = end_seal(name)
    if found and len(found.seal.records) == 1 and found.seal.records[0].text_key == text.spec:
        return run_content(found.seal.records[0])
    digest = TextDigest(text)
    deque(RecordFiles([name], ReadOptions(text, Skipping(skip_invalid), long_window)).batches([digest]), maxlen=0)
    return run_content(digest.run)


def whole_content(name: str, long_window: bool) -> str:
    """The content of a file of records or vectors, all of it, by its seal, or else read."""
    found = end_seal(name)
    if found:
        return found.seal.content
    with open_input(name) as source:
        if source.peek(len(MAGIC)) == MAGIC:
            vectors = ArrayReader(source, "vectors")
            deque(vectors.blocks(), maxlen=0)
            return vectors.verifier.content
        records = RecordReader(source, long_window)
        deque(records.batches(), maxlen=0)
        return records.verifier.content


def has_texts_alone(name: str, long_window: bool, vector_fields: Sequence[str]) -> bool:
    """Return whether a file holds records that carry no vectors, by its seal, or by its first record."""
    found = end_seal(name)
    if found and (found.seal.kind != "records" or found.seal.made_by.embedder):
        return False
    with open_input(name) as source:
        if source.peek(len(MAGIC)) == MAGIC:
            return False
        lines = next(RecordReader(source, long_window).batches(), [])
    try:
        return not lines or parse_object(lines[0]).keys().isdisjoint(vector_fields)
    except ValueError:  # which whoever reads it will say
        return True


def table_content(name: str, vector_key: str | None) -> str | None:
    """The content of a table of which the vectors alone count; None for what is no table of them."""
    if end_seal(name):
        return None
    with open_input(name) as source:
        if not holds_table(source, vector_key):
            return None
        vectors = vector_reader(source, vector_key)
        deque(vectors.blocks(), maxlen=0)
        return vectors.verifier.content
