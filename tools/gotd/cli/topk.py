"""ds-topk: the best records."""

import heapq
import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gotd.cli import _options as options
from gotd.cli._frame import Run, entry_point
from gotd.cli.score import SCORE, literals, scored
from gotd.errors import DataError, GotdError, UsageError
from gotd.streams.arrays import ArrayReader
from gotd.streams.files import STANDARD, open_input, open_output
from gotd.streams.records import RecordReader, RecordWriter, Skipping, read_records
from gotd.streams.seal import Digest, Seal, made_by

if TYPE_CHECKING:
    import numpy as np


@click.command("ds-topk")
@options.inputs
@click.option("-k", "count", type=click.IntRange(1), default=None, help="How many records to choose.")
@click.option("--fraction", type=click.FloatRange(0, 1, min_open=True), default=None, metavar="F",
              help="Choose this share of the records (rounded up); needs --scores.")
@click.option("--scores", default=None, metavar="DIR|FILE.npy", help="Scores made by ds-score from the same records.")
@click.option("--order", type=click.Choice(["score", "input"]), default="score", show_default=True)
@options.output
@options.skip_invalid
@options.long
@options.common
def command(files: tuple[str, ...], count: int | None, fraction: float | None, scores: str | None, order: str,
            output: str, skip_invalid: int, long_window: bool, quiet: bool) -> None:
    """Choose the best records, best first; ties go to the earlier record.

    Reads records that carry "score", or records and the --scores of the same records, whose seals are checked
    against every record read. Writes records, zstd. Holds O(k): k records and their scores.

    \b
    Examples:
      ds-topk -k 5000 --scores scores/ pool/*.jsonl.zst -o selected.jsonl.zst
      ds-embed pool.jsonl.zst | ds-score --target target.npz | ds-topk -k 5000 -o selected.jsonl.zst
    """
    run = Run("ds-topk", quiet)
    if (count is None) == (fraction is None):
        raise UsageError("give one of -k N and --fraction F")
    names = list(files) or [STANDARD]
    skipping = Skipping(skip_invalid)
    if scores is not None:
        chosen, target = _from_scores(names, scores, count, fraction, skipping, long_window, run)
    elif fraction is None and count is not None:
        chosen, target = _from_records(names, count, skipping, long_window, run)
    else:
        raise UsageError("--fraction needs to know how many records there are: give --scores, or use -k")
    if order == "input":
        chosen.sort(key=lambda item: item[0])
    maker = made_by("ds-topk", {"k": count, "fraction": fraction, "order": order}, target=target, pool_rows=run.rows)
    with open_output(output) as sink:
        writer = RecordWriter(sink, maker)
        writer.write([line for _, line in chosen])
        writer.finish()
    if count and len(chosen) < count:
        run.notes.append(f"only {len(chosen):,} records were there to choose from")
    run.note(skipping.skipped, "bad records skipped")
    run.notes.append(f"{len(chosen):,} chosen")
    run.close()


def _from_records(names: list[str], k: int, skipping: Skipping, long_window: bool,
                  run: Run) -> tuple[list[tuple[int, bytes]], Any]:
    """(row, line) of the best, best first, from records with scores, and the target the stream says it was scored for."""
    import numpy as np

    heap: list[tuple[Any, int, bytes]] = []
    targets: set[str] = set()
    row = 0
    for name in names:
        with open_input(name) as source:
            reader = RecordReader(source, long_window)
            for batch in read_records(reader, skipping, _has_score):
                for record in batch:
                    item = (np.float32(record.fields[SCORE]), -row, record.line)
                    row += 1
                    if len(heap) < k:
                        heapq.heappush(heap, item)
                    elif item > heap[0]:
                        heapq.heapreplace(heap, item)
                run.advance(len(batch))
            targets |= {seal.made_by["target"] for seal in reader.verifier.seals if "target" in seal.made_by}
    best = sorted(heap, key=lambda item: (-item[0], -item[1]))
    return [(-row, line) for _, row, line in best], _one_target(targets)


def _has_score(fields: dict[str, Any]) -> None:
    score = fields.get(SCORE)
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise ValueError(f'no number "{SCORE}"; pipe the records through ds-score, or give --scores')
    if not math.isfinite(score):
        raise ValueError(f'"{SCORE}" is NaN or infinite')


def _one_target(targets: set[str]) -> str | None:
    if len(targets) > 1:
        raise GotdError("the scores were made for different targets; score every shard with one target file")
    return next(iter(targets), None)


def _from_scores(names: list[str], scores: str, k: int | None, fraction: float | None, skipping: Skipping,
                 long_window: bool, run: Run) -> tuple[list[tuple[int, bytes]], Any]:
    """As `_from_records`, from score files: one pass over the scores, then the records that pass chose."""
    from gotd.ranking import TopK

    files = _score_files(names, scores)
    if fraction is not None:
        k = math.ceil(fraction * sum(sum(len(block) for block in _read(file)[0]) for file in files))
    top, rows, seals = TopK(k or 0), [], []
    for file in files:
        blocks, found = _read(file)
        for block in blocks:
            top.add(block)
            run.advance(len(block))
        rows.append(top.seen - sum(rows))
        seals.append(found[0] if len(found) == 1 else None)
    best_scores, best_rows = top.best()
    lines: dict[int, bytes] = {}
    first = 0
    for name, file, here, seal in zip(names, files, rows, seals, strict=True):
        wanted = {int(row) - first for row in best_rows if first <= row < first + here}
        lines |= {first + row: line for row, line in _lines(name, file, here, seal, wanted, skipping, long_window)}
        first += here
    targets = {seal.made_by["target"] for seal in seals if seal and "target" in seal.made_by}
    values = literals(best_scores)
    chosen = [(int(row), scored(lines[int(row)], value)) for row, value in zip(best_rows, values, strict=True)]
    return chosen, _one_target(targets)


def _score_files(names: list[str], scores: str) -> list[str]:
    if not Path(scores).is_dir():
        if len(names) != 1:
            raise UsageError("one file of scores goes with one file of records: give a directory of scores")
        return [scores]
    files = [str(Path(scores) / f"{options.stem(name)}.npy") for name in names]
    missing = [file for file in files if not Path(file).exists()]
    if missing:
        raise GotdError(f"{missing[0]}: missing ({len(missing)} of {len(files)} are); score those records first")
    return files


def _read(file: str) -> "tuple[list[np.ndarray], list[Seal]]":
    with open_input(file) as source:
        reader = ArrayReader(source, "scores")
        return list(reader.blocks()), reader.verifier.seals


def _lines(name: str, file: str, rows: int, seal: Seal | None, wanted: set[int], skipping: Skipping,
           long_window: bool) -> list[tuple[int, bytes]]:
    """The wanted lines of one file of records, all of which is read to prove that the scores are its own."""
    digest, found = Digest(), []
    with ExitStack() as stack:
        reader = RecordReader(stack.enter_context(open_input(name)), long_window)
        for batch in read_records(reader, skipping, None, digest):
            start = digest.rows - len(batch)
            found += [(start + i, record.line) for i, record in enumerate(batch) if start + i in wanted]
    if digest.rows != rows:
        raise DataError(file, f"{rows} scores for the {digest.rows} records of {name}", "score those records again")
    if seal and seal.records and seal.records != digest.hexdigest():
        raise DataError(file, f"scores of other records than {name}, or in another order", "score those records again")
    return found


main = entry_point(command)
