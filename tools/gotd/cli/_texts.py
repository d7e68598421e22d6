"""Rules that read texts: records in, scores out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from gotd.allocator import keep_freed_memory
from gotd.cli._contents import run_content
from gotd.cli._frame import Run
from gotd.cli._jobs import Provenance
from gotd.cli._scored import write_scored
from gotd.methods.base import JSON, Fitted, TextProblem, TextRule
from gotd.selection import AnyRule, Embedder, TargetFile
from gotd.streams.json_fields import NAME_THE_FIELD, text_of
from gotd.streams.records import Record, RecordReader, Skipping, read_records, windows
from gotd.streams.seal import RecordRun
from gotd.streams.sinks import Sink
from gotd.streams.sources import ByteSource, open_input
from gotd.streams.text_digest import TextDigest

if TYPE_CHECKING:
    import numpy as np

#: Texts counted or scored at once: some blocks for each thread.
_WINDOW = 4096
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


class TextReading(NamedTuple):
    """How texts are read out of records."""

    text_key: str
    skip_invalid: int
    long_window: bool


def fit_texts(rule: TextRule, target: str, names: Sequence[str], reading: TextReading, threads: int,
              run: Run) -> Fit:
    """Fit a rule to the texts of the target and of the source."""
    from gotd.methods.input_warnings import counted, input_warnings

    keep_freed_memory()
    skipping = Skipping(reading.skip_invalid)

    def texts(files: Sequence[str]) -> Iterator[list[str]]:
        return text_batches(files, reading.text_key, skipping, reading.long_window)

    fitted = rule.fit(TextProblem(texts([target]), texts(names), threads, reading.text_key))
    run.note(skipping.skipped, "bad records skipped")
    if fitted.read is None:
        return Fit(rule, fitted, {})
    blank = fitted.read.target_blank
    warnings = [*fitted.warnings, *input_warnings(fitted.target_rows, blank, fitted.read)]
    return Fit(rule, fitted, counted(blank, fitted.read) | {"warnings": warnings})


def text_batches(files: Sequence[str], text_key: str, skipping: Skipping, long_window: bool,
                 digests: Sequence[TextDigest] = (), remedy: str = NAME_THE_FIELD) -> Iterator[list[str]]:
    """The texts of all files in order, some thousand at a time. remedy : where a record has no such field"""
    for window in record_batches(files, text_key, skipping, long_window, digests, remedy):
        yield [record.fields[text_key] for record in window]


def record_batches(files: Sequence[str], text_key: str, skipping: Skipping, long_window: bool,
                   digests: Sequence[TextDigest] = (), remedy: str = NAME_THE_FIELD, group_key: str = "") -> Windows:
    """Records that have a text of all files in order. group_key : a field besides, a string or a whole number."""
    for name in files:
        with open_input(name) as source:
            for window in _windows([source], text_key, skipping, long_window, remedy, group_key):
                for digest in digests:
                    digest.add(window)
                yield window


def _windows(sources: Iterable[ByteSource], text_key: str, skipping: Skipping, long_window: bool,
             remedy: str = NAME_THE_FIELD, group_key: str = "",
             ended: Callable[[RecordReader, TextDigest], None] | None = None) -> Windows:
    """Records that have a text, of all sources in order. ended : told of each source when it has been read"""

    def check(fields: dict[str, Any]) -> None:
        text_of(fields, text_key, remedy)
        if group_key and not isinstance(fields.get(group_key), str | int):
            raise ValueError(f'no "{group_key}" field that is a string or a whole number, as --group needs it')

    def records() -> Windows:
        for source in sources:
            reader, digest = RecordReader(source, long_window), TextDigest(text_key)
            for batch in read_records(reader, skipping, check):
                if ended:
                    digest.add(batch)
                yield batch
            if ended:
                ended(reader, digest)

    return windows(records(), _WINDOW)


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
    found = _scored(_windows(sources, ours.text_key, skipping, long_window, remedy, ended=ended), ours)
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
