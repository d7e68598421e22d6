"""Records scored by the texts in them."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from gotd.cli._contents import run_content
from gotd.cli._frame import Run
from gotd.cli._jobs import Provenance
from gotd.cli._scored import write_scored
from gotd.methods.base import TextRule
from gotd.selection import TargetFile
from gotd.streams.digests import RecordRun, TextDigest
from gotd.streams.record_files import BATCH_RECORDS, ReadOptions
from gotd.streams.record_text import RecordText
from gotd.streams.records import Record, RecordReader, Skipping, read_records, windows
from gotd.streams.sinks import Sink
from gotd.streams.sources import ByteSource

if TYPE_CHECKING:
    import numpy as np

Windows = Iterator[list[Record[str]]]


class TextTarget:
    """What a target file made from texts says: how the text of a record is made, and how it is scored."""

    def __init__(self, rule: type[TextRule], target: TargetFile, threads: int, skipping: Skipping,
                 long_window: bool) -> None:
        self.text = RecordText.of_spec(rule.summary_type.read(target.summary).text_key)
        remedy = f"the target was fitted with {self.text.option}: fit it to records of the same names"
        self.reading = ReadOptions(self.text, skipping, long_window, remedy)
        self.scorer = rule.scorer(target.arrays, target.summary, threads)


def score_texts(sources: Iterable[ByteSource], sink: Sink, arrays_wanted: bool, ours: TextTarget,
                provenance: Provenance, run: Run) -> int:
    """Write scores as an array, sealed with the texts they belong to, or records with "gotd_score".

    Return how many have the lowest there is.
    """
    runs: list[RecordRun] = []

    def windows_of_all() -> Windows:
        for source in sources:
            reader, digest = RecordReader(source, ours.reading.long_window), TextDigest(ours.text)
            for window in windows(read_records(reader, ours.reading.skipping, ours.reading.text_of), BATCH_RECORDS):
                digest.add_texts([record.value for record in window])
                yield window
            runs.append(digest.run)
            provenance.contents.append(run_content(digest.run) if arrays_wanted else reader.verifier.content)

    def work(window: list[Record[str]]) -> "np.ndarray":
        return ours.scorer.scores([record.value for record in window])

    found = _ahead(windows_of_all(), work)
    return write_scored(run.until_enough(found), runs, sink, arrays_wanted, provenance, run)


def _ahead(found: Windows, work: "Callable[[list[Record[str]]], np.ndarray]"
           ) -> "Iterator[tuple[list[Record[str]], np.ndarray]]":
    """Each window and what comes of it; the next one is read meanwhile."""
    with ThreadPoolExecutor(1, "gotd-ahead") as pool:
        held = None
        for window in found:
            begun = window, pool.submit(work, window)
            if held:
                yield held[0], held[1].result()
            held = begun
        if held:
            yield held[0], held[1].result()
