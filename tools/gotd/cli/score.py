"""ds-score: the score of every row against a fitted target."""

import base64
import binascii
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from gotd.cli import _options as options
from gotd.cli._frame import Run, entry_point
from gotd.errors import DataError
from gotd.streams.arrays import MAGIC, ArrayReader, ArrayWriter, seal_at_end
from gotd.streams.files import ByteSource, open_input, open_output
from gotd.streams.json_fields import with_field, without_field
from gotd.streams.records import Record, RecordReader, RecordWriter, Skipping, read_records, windows
from gotd.streams.seal import made_by, require_same_embedder

if TYPE_CHECKING:
    import numpy as np

    from gotd.methods.got import Scorer

EMBEDDING, SCORE = "embedding", "score"
#: Records scored at once: a few blocks of the kernel for each thread.
_WINDOW = 4096


@click.command("ds-score")
@options.inputs
@click.option("--target", required=True, metavar="FILE.npz", help="From ds-target-stats.")
@options.output
@options.shard
@options.skip_invalid
@options.long
@options.threads
@options.common
def command(files: tuple[str, ...], target: str, output: str, shard: str | None, skip_invalid: int, long_window: bool,
            threads: int | None, quiet: bool) -> None:
    """Score vectors, or records that carry them: how fast the distance to the target falls per mass added there.

    Reads .npy vectors and writes .npy scores (float32); reads records with "embedding" and writes them with "score"
    in its place. Higher is better; zero is the average document of the source. Holds the target and some blocks.

    \b
    Examples:
      ds-score --target target.npz emb/*.npy -o scores/
      ds-embed pool.jsonl.zst | ds-score --target target.npz | ds-topk -k 100 -o best.jsonl.zst
    """
    run = Run("ds-score", quiet)
    import torch

    from gotd.methods.got import Scorer
    from gotd.ot.blocks import Workers
    from gotd.streams.targets import read_target

    arrays, summary, digest = read_target(target)
    workers = Workers(options.thread_count(threads))
    scorer = Scorer(arrays, summary, workers, torch.device("cpu"))
    maker = made_by("ds-score", {}, target=digest, embedder=summary["embedder"])
    skipping = Skipping(skip_invalid)
    complete = 0
    for names, goal in options.jobs(files, output, ".npy", shard):
        if _is_done(names, goal, maker):
            complete += 1
            continue
        with ExitStack() as stack:
            sources = [stack.enter_context(open_input(name)) for name in names]
            sink = stack.enter_context(open_output(goal))
            if sources[0].peek(len(MAGIC)) == MAGIC:
                _score_vectors(sources, ArrayWriter(sink, "scores", "<f4", None, maker), scorer, maker, target, run)
            else:
                readers = [RecordReader(source, long_window) for source in sources]
                _score_records(readers, RecordWriter(sink, maker), scorer, maker, target, skipping, run)
    run.note(complete, "outputs were already complete")
    run.note(skipping.skipped, "bad records skipped")
    run.close()


def _is_done(names: list[str], goal: str, maker: Mapping[str, Any]) -> bool:
    """Whether the goal holds the scores of exactly these sealed vectors."""
    if len(names) != 1 or "-" in (names[0], goal):
        return False
    found, source = seal_at_end(goal), seal_at_end(names[0])
    if not (found and source and found.kind == "scores"):
        return False
    return dict(found.made_by) == {**maker, "vectors": [source.digest]} and found.records == source.records


def _score_vectors(sources: list[ByteSource], writer: ArrayWriter, scorer: "Scorer", maker: dict[str, Any],
                   target: str, run: Run) -> None:
    vectors: list[str] = []
    records: list[str | None] = []
    for source in sources:
        reader = ArrayReader(source, "vectors")
        for block in reader.blocks():
            announced = reader.verifier.announced
            if announced:
                require_same_embedder(maker.get("embedder"), announced.made_by.get("embedder"), target, source.name)
            _require_dimension(source.name, block.shape[1], scorer)
            writer.write(scorer.scores(block))
            run.advance(len(block))
        for seal in reader.verifier.seals:
            require_same_embedder(maker.get("embedder"), seal.made_by.get("embedder"), target, source.name)
            vectors.append(seal.digest)
            records.append(seal.records)
    # Which records these scores belong to is known where one sealed run of vectors made them all.
    if len(records) == 1 and len(sources) == 1:
        writer.records = records[0]
    maker["vectors"] = vectors
    writer.finish()
    del maker["vectors"]


def _score_records(readers: list[RecordReader], writer: RecordWriter, scorer: "Scorer", maker: Mapping[str, Any],
                   target: str, skipping: Skipping, run: Run) -> None:
    for reader in readers:
        for batch in windows(read_records(reader, skipping, _has_embedding), _WINDOW):
            announced = reader.verifier.announced
            if announced:
                require_same_embedder(maker.get("embedder"), announced.made_by.get("embedder"), target, reader.name)
            scores = scorer.scores(_vectors(batch, scorer.dimension))
            writer.write([scored(_bare(record), value) for record, value in zip(batch, literals(scores), strict=True)])
            run.advance(len(batch))
        for seal in reader.verifier.seals:
            require_same_embedder(maker.get("embedder"), seal.made_by.get("embedder"), target, reader.name)
    writer.finish()


def _require_dimension(place: str, dimension: int, scorer: "Scorer") -> None:
    if dimension != scorer.dimension:
        raise DataError(place, f"dimension {dimension}, the target has {scorer.dimension}", "embed both alike")


def _has_embedding(fields: dict[str, Any]) -> None:
    if not isinstance(fields.get(EMBEDDING), str):
        raise ValueError(f'no "{EMBEDDING}" field; pipe the records through ds-embed')


def _vectors(batch: list[Record], dimension: int) -> "np.ndarray":
    """The batch's embeddings, float16 (n, dimension)."""
    import numpy as np

    rows = np.empty((len(batch), dimension), dtype="<f2")
    for row, record in zip(rows, batch, strict=True):
        try:
            data = base64.b64decode(record.fields[EMBEDDING], validate=True)
        except (binascii.Error, ValueError) as error:
            raise DataError(record.place, f'"{EMBEDDING}" is not base64', "pipe the records through ds-embed") from error
        if len(data) != 2 * dimension:
            what = f"dimension {len(data) / 2:g}, the target has {dimension}"
            raise DataError(record.place, what, "embed pool and target with the same --model")
        row[:] = np.frombuffer(data, dtype="<f2")
        if not np.isfinite(row).all():
            raise DataError(record.place, "an embedding that is NaN or infinite", "embed that record again")
    return rows


def _bare(record: Record) -> bytes:
    return without_field(record.line, EMBEDDING)


def scored(line: bytes, literal: bytes) -> bytes:
    """The record with its score at the end, in place of one it may have."""
    if b'"' + SCORE.encode() + b'"' in line:
        from gotd.streams.json_fields import parse_object

        if SCORE in parse_object(line):
            line = without_field(line, SCORE)
    return with_field(line, SCORE, literal)


def literals(scores: "np.ndarray") -> list[bytes]:
    """Each float32 as the shortest JSON number that reads back as the same."""
    import orjson

    return orjson.dumps(scores, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",") if len(scores) else []


main = entry_point(command)
