"""Scored records, into an array of scores or as records that carry them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gotd.cli._frame import Run
from gotd.cli._jobs import Provenance
from gotd.streams.arrays import ArrayWriter
from gotd.streams.carried import SCORE, with_scores
from gotd.streams.digests import RecordRun
from gotd.streams.records import Record, RecordWriter
from gotd.streams.sinks import Sink

if TYPE_CHECKING:
    import numpy as np

#: What a seal calls the number of rows without content.
NOTE = "lowest"


def write_scored(found: "Iterable[tuple[Sequence[Record[object]], np.ndarray]]", runs: list[RecordRun], sink: Sink,
                 arrays_wanted: bool, provenance: Provenance, run: Run) -> int:
    """Write records with their scores, float32 (n,), window by window; return how many have the lowest there is.

    runs : the records, once `found` is at its end; an array is sealed with them
    """
    maker = provenance.made_by
    writer = ArrayWriter(sink, "scores", "<f4", None, maker) if arrays_wanted else RecordWriter(sink, maker)
    lowest = 0
    for window, values in found:
        if isinstance(writer, ArrayWriter):
            writer.write(values)
        else:
            writer.write(with_scores(window, values))
            run.tally(sum(SCORE in record.fields for record in window), f'records had a "{SCORE}" already, replaced')
        lowest += count_lowest(values)
        run.advance(len(window))
    if isinstance(writer, ArrayWriter):
        writer.records += runs
    writer.notes[NOTE] = lowest
    writer.made_by = provenance.complete
    writer.finish()
    return lowest


def count_lowest(scores: "np.ndarray") -> int:
    """Return how many rows rank last because they have no content. Shapes: float32 (n,)."""
    import numpy as np

    from gotd.methods.base import LOWEST

    return int(np.count_nonzero(scores == LOWEST))
