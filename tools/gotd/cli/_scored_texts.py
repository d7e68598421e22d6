"""Records scored by rules that read the texts in them."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from gotd.cli._contents import run_content
from gotd.cli._frame import Run
from gotd.cli._outputs import is_array
from gotd.cli._scored import Met, Output, Window, write_scored
from gotd.errors import UsageError
from gotd.methods.base import TextRule, TextScorer
from gotd.selection import TargetFile
from gotd.streams.digests import TextDigest
from gotd.streams.record_files import BATCH_RECORDS, ReadOptions
from gotd.streams.record_text import RecordText
from gotd.streams.records import Record, RecordReader, read_records, windows
from gotd.streams.sources import ByteSource

if TYPE_CHECKING:
    import numpy as np


class TextTargets:
    """What target files made from texts say: how the text of a record is made, and how it is scored."""

    def __init__(self, files: Sequence[str], held: Sequence[TargetFile], threads: int, reading: ReadOptions) -> None:
        self._scorers: list[TextScorer] = []
        specs = []
        for target in held:
            if not issubclass(target.rule, TextRule):
                raise TypeError("a rule of vectors scores no texts")
            specs.append(target.rule.summary_type.read(target.summary).text_key)
            self._scorers.append(target.rule.scorer(target.arrays, target.summary, threads))
        text, *others = map(RecordText.of_spec, specs)
        for file, other in zip(files[1:], others, strict=True):
            if other != text:
                what = f"fitted with {other.option}, {files[0]} with {text.option}"
                raise UsageError(f"{file}: {what}: score by them one after the other")
        remedy = f"the target was fitted with {text.option}: fit it to records of the same names"
        self.reading = ReadOptions(text, reading.skipping, reading.long_window, remedy)

    def score(self, sources: Iterable[ByteSource], outputs: Sequence[Output], run: Run) -> int:
        """Write scores as arrays, sealed with the texts they belong to, or records with "gotd_score".

        Return how many have the lowest there is.
        """
        met, texts_alone, reading = Met(), is_array(outputs[0].provenance.job.output), self.reading

        def windows_of_all() -> Iterator[list[Record[str]]]:
            for source in sources:
                reader, digest = RecordReader(source, reading.long_window), TextDigest(reading.text)
                for window in windows(read_records(reader, reading.skipping, reading.text_of), BATCH_RECORDS):
                    digest.add_texts([record.value for record in window])
                    yield window
                met.runs.append(digest.run)
                met.contents.append(run_content(digest.run) if texts_alone else reader.verifier.content)

        return write_scored(run.until_enough(self._scored(windows_of_all(), outputs)), met, outputs, run)

    def _scored(self, found: Iterable[list[Record[str]]], outputs: Sequence[Output]) -> Iterator[Window]:
        """Each window and its scores; the next one is read meanwhile."""

        def work(window: list[Record[str]]) -> "list[np.ndarray]":
            texts = [record.value for record in window]
            return [self._scorers[output.target].scores(texts) for output in outputs]

        with ThreadPoolExecutor(1, "gotd-ahead") as pool:
            held = None
            for window in found:
                begun = window, pool.submit(work, window)
                if held:
                    yield Window(held[0], len(held[0]), held[1].result())
                held = begun
            if held:
                yield Window(held[0], len(held[0]), held[1].result())
