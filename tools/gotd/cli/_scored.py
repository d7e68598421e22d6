"""Scored records or vectors, into arrays of scores or as records that carry them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gotd.cli._frame import Run
from gotd.cli._jobs import Provenance
from gotd.cli._outputs import is_array
from gotd.streams.arrays import ArrayWriter
from gotd.streams.digests import RecordRun
from gotd.streams.embedded_records import SCORE, with_scores
from gotd.streams.records import Record, RecordWriter
from gotd.streams.sinks import Sink

if TYPE_CHECKING:
    import numpy as np

#: What a seal calls the number of rows without content.
NOTE = "lowest"


class Output(NamedTuple):
    """Scores by one target in the making. target : its place among those that are read for together"""

    target: int
    provenance: Provenance
    sink: Sink


class Window(NamedTuple):
    """Some rows with their scores.

    records : None of vectors; rows : how many
    scores : float32 (rows,) by each target
    """

    records: Sequence[Record[object]] | None
    rows: int
    scores: "Sequence[np.ndarray]"


@dataclass
class Met:
    """What a reading of inputs has met, once they have been read.

    runs : the records that the rows belong to; contents : of each input
    """

    runs: list[RecordRun] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)


def write_scored(found: Iterable[Window], met: Met, outputs: Sequence[Output], run: Run, of_vectors: bool = False
                 ) -> int:
    """Write scores, window by window, one output for each target; return how many have the lowest there is.

    met : what `found` has met when it is at its end: arrays are sealed with it
    of_vectors : there are no records, whatever an output is called
    """
    writers = [_writer(output, of_vectors or is_array(output.provenance.job.output)) for output in outputs]
    lowest = [0] * len(writers)
    for window in found:
        for place, (writer, values) in enumerate(zip(writers, window.scores, strict=True)):
            if isinstance(writer, ArrayWriter):
                writer.write(values)
            elif window.records is not None:
                writer.write(with_scores(window.records, values))
                had = sum(SCORE in record.fields for record in window.records)
                run.tally(had, f'records had a "{SCORE}" already, replaced')
            lowest[place] += count_lowest(values)
        run.advance(window.rows)
    for writer, output, count in zip(writers, outputs, lowest, strict=True):
        if isinstance(writer, ArrayWriter):
            writer.records += met.runs
        writer.notes[NOTE] = count
        output.provenance.contents.extend(met.contents)
        writer.made_by = output.provenance.complete
        writer.finish()
    return max(lowest)


def _writer(output: Output, arrays: bool) -> ArrayWriter | RecordWriter:
    maker = output.provenance.made_by
    return ArrayWriter(output.sink, "scores", "<f4", None, maker) if arrays else RecordWriter(output.sink, maker)


def count_lowest(scores: "np.ndarray") -> int:
    """Return how many rows rank last because they have no content. Shapes: float32 (n,)."""
    import numpy as np

    from gotd.methods.base import LOWEST

    return int(np.count_nonzero(scores == LOWEST))
