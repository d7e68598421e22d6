"""Rules that read texts: records in, scores out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from gotd.allocator import keep_freed_memory
from gotd.cli._contents import run_content
from gotd.cli._frame import Run
from gotd.cli._jobs import Provenance
from gotd.cli._scored import write_scored
from gotd.methods.base import JSON, Fitted, TextProblem, TextRule
from gotd.selection import AnyRule, Embedder, TargetFile
from gotd.streams.record_files import ReadOptions, RecordFiles, record_batches
from gotd.streams.records import Record, RecordReader, Skipping
from gotd.streams.seal import RecordRun
from gotd.streams.sinks import Sink
from gotd.streams.sources import ByteSource
from gotd.streams.text_digest import TextDigest

if TYPE_CHECKING:
    import numpy as np

Windows = Iterator[list[Record]]


class Fit(NamedTuple):
    """A rule with its options, what was fitted, what was met in the inputs, and what made the vectors, if known."""

    rule: AnyRule
    fitted: Fitted
    counts: dict[str, JSON]
    embedder: Embedder | None = None

    @property
    def printed(self) -> dict[str, JSON]:
        """The summary that is printed."""
        return self.fitted.summary | self.counts

    @property
    def warnings(self) -> list[str]:
        """Of the fit and of the inputs."""
        return self.fitted._replace(summary=self.printed).warnings

    def count(self, name: str) -> int:
        """Return a count of what was met; 0 where it was not counted."""
        count = self.counts.get(name, 0)
        return count if isinstance(count, int) else 0


def fit_texts(rule: TextRule, target: str, names: Sequence[str], reading: ReadOptions, threads: int,
              run: Run) -> Fit:
    """Fit a rule to the texts of the target and of the source."""
    from gotd.methods.input_warnings import counted, input_warnings

    keep_freed_memory()
    texts, source = RecordFiles([target], reading).texts(), RecordFiles(names, reading).texts()
    fitted = rule.fit(TextProblem(texts, source, threads, reading.text_key))
    run.note(reading.skipping.skipped, "bad records skipped")
    if fitted.read is None:
        return Fit(rule, fitted, {})
    blank = fitted.read.target_blank
    warnings = [*fitted.warnings, *input_warnings(fitted.target_rows, blank, fitted.read)]
    return Fit(rule, fitted, counted(blank, fitted.read) | {"warnings": warnings})


class TextTarget:
    """What a target file made from texts says: which field they stand in, and how they are scored."""

    def __init__(self, rule: type[TextRule], target: TargetFile, threads: int) -> None:
        keep_freed_memory()
        self.text_key = rule.figures_type.read(target.summary).text_key
        self.scorer = rule.scorer(target.arrays, target.summary, threads)


def score_texts(sources: Iterable[ByteSource], sink: Sink, arrays_wanted: bool, ours: TextTarget,
                provenance: Provenance, skipping: Skipping, long_window: bool, run: Run) -> int:
    """Write scores as an array, sealed with the texts they belong to, or records with "gotd_score".

    Return how many have the lowest there is.
    """
    runs: list[RecordRun] = []

    def ended(reader: RecordReader, digest: TextDigest) -> None:
        runs.append(digest.run)
        provenance.contents.append(run_content(digest.run) if arrays_wanted else reader.verifier.content)

    remedy = f"the target was fitted with --text-key {ours.text_key}: fit it to records of the same names"
    options = ReadOptions(ours.text_key, skipping, long_window)
    found = _scored(record_batches(sources, options, remedy, ended=ended), ours)
    return write_scored(run.until_enough(found), runs, sink, arrays_wanted, provenance, run)


def _scored(found: Windows, ours: TextTarget) -> "Iterator[tuple[list[Record], np.ndarray]]":
    def work(window: list[Record]) -> "np.ndarray":
        return ours.scorer.scores([record.fields[ours.text_key] for record in window])

    return _ahead(found, work)


def _ahead(found: Windows, work: "Callable[[list[Record]], np.ndarray]") -> "Iterator[tuple[list[Record], np.ndarray]]":
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
