"""Scored records, into an array of scores or as records that carry them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gotd.cli._frame import Run
from gotd.streams.arrays import ArrayWriter
from gotd.streams.carried import with_scores
from gotd.streams.records import Record, RecordWriter
from gotd.streams.seal import Digest, MadeBy, RecordRun
from gotd.streams.sinks import Sink

if TYPE_CHECKING:
    import numpy as np


def write_scored(found: "Iterable[tuple[list[Record], np.ndarray]]", digest: Digest, sink: Sink, arrays_wanted: bool,
                 made_by: MadeBy, run: Run) -> None:
    """Records with their scores, float32 (n,), window by window.

    digest : has taken in all the records once `found` is at its end; an array is sealed with it
    """
    if arrays_wanted:
        scores = ArrayWriter(sink, "scores", "<f4", None, made_by)
        for window, values in found:
            scores.write(values)
            run.advance(len(window))
        scores.records.append(RecordRun(digest.rows, digest.hexdigest()))
        scores.finish()
    else:
        records = RecordWriter(sink, made_by)
        for window, values in found:
            records.write(with_scores(window, values))
            run.advance(len(window))
        records.finish()
