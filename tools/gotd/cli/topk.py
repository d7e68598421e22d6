"""ds-topk: the best records."""

import math
from fractions import Fraction

import click

from gotd.choosing import (
    Choice,
    Reading,
    choose_best,
    choose_carried,
    choose_within_chars,
    count_carried,
    count_duplicates,
    count_scores,
)
from gotd.cli import _options as options
from gotd.cli._environment import one_of
from gotd.cli._frame import Run, entry_point
from gotd.cli._outputs import RECORDS, require_apart, require_ending
from gotd.errors import GotdError, UsageError
from gotd.streams.locations import STANDARD
from gotd.streams.pairing import Pair, pairs
from gotd.streams.records import RecordWriter, Skipping
from gotd.streams.seal import made_by
from gotd.streams.sinks import open_output
from gotd.streams.sources import rereadable

#: One more whenever the same records, scores and options give another choice.
REVISION = 1


@click.command("ds-topk")
@options.inputs
@click.option("-k", "count", type=click.IntRange(1), default=None, help="Choose so many records.")
@click.option("--fraction", type=options.FiniteRange(0, 1, min_open=True), default=None, metavar="F",
              help="Choose this share of the records, rounded up.")
@click.option("--budget-chars", type=click.IntRange(1), default=None, metavar="N",
              help="Choose the best records whose texts together have at most N characters.")
@click.option("--scores", default=None, metavar="DIR|FILE.npy", help="Scores made by ds-score from the same records.")
@click.option("--order", type=click.Choice(["score", "input"]), default="score", show_default=True,
              help="Best first, or as they came.")
@options.output
@options.text_key
@options.skip_invalid
@options.long
@options.common
def command(files: tuple[str, ...], count: int | None, fraction: float | None, budget_chars: int | None,
            scores: str | None, order: str, output: str, text_key: str, skip_invalid: int, long_window: bool,
            quiet: bool) -> None:
    """Choose the best records, best first; ties go to the earlier record.

    Reads records that carry "score", or records and the --scores of the same records, held against each other by
    their seals. Scores are compared as float32. Writes records with "score", zstd, and counts those whose text another
    one has. Holds what it chooses. --fraction counts first: standard input then goes through a temporary file.

    \b
    Examples:
      ds-topk -k 5000 --scores scores/ pool/*.jsonl.zst -o selected.jsonl.zst
      ds-embed pool.jsonl.zst | ds-score --target target.npz | ds-topk -k 5000 -o selected.jsonl.zst
    """
    run = Run("ds-topk", quiet)
    count, fraction, budget_chars = one_of(count=count, fraction=fraction, budget_chars=budget_chars)
    if [count, fraction, budget_chars].count(None) != 2:
        raise UsageError("give one of -k N, --fraction F and --budget-chars N")
    require_ending(output, RECORDS)
    names = list(files) or [STANDARD]
    if [*names, scores].count(STANDARD) > 1:
        raise UsageError("standard input can be read once: give `-` at most once")
    found = pairs(scores, names) if scores is not None else []
    require_apart([output], [*names, *(pair.scores for pair in found)])
    how = {"k": count, "fraction": fraction, "budget_chars": budget_chars, "order": order}
    reading = Reading(text_key, Skipping(skip_invalid), long_window, run.advance)
    if scores is None:
        choice = _from_carried(names, count, fraction, budget_chars, reading)
    else:
        choice = _from_scores(found, count, fraction, budget_chars, reading)
    if order == "input":
        choice.records.sort(key=lambda record: record.row)
    maker = made_by("ds-topk", REVISION, how, target=_only(choice.targets), pool_rows=run.rows)
    with open_output(output) as sink:
        writer = RecordWriter(sink, maker)
        writer.write([record.line for record in choice.records])
        writer.finish()
    if count and len(choice.records) < count:
        run.notes.append(f"only {len(choice.records):,} records were there to choose from")
    run.note(reading.skipping.skipped, "bad records skipped")
    run.notes.append(f"{len(choice.records):,} chosen")
    run.note(count_duplicates(choice.records, text_key), "duplicates among them")
    run.close()


def _from_carried(names: list[str], count: int | None, fraction: float | None, chars: int | None,
                  reading: Reading) -> Choice:
    if fraction is None:
        return choose_carried(names, count or chars or 0, chars is not None, reading)
    with rereadable(names) as kept:
        return choose_carried(kept, _share(fraction, count_carried(kept, reading)), False, reading)


def _from_scores(found: list[Pair], count: int | None, fraction: float | None, chars: int | None,
                 reading: Reading) -> Choice:
    if count is not None:
        return choose_best(found, count, reading)
    with rereadable([pair.scores for pair in found]) as kept:
        found = [pair._replace(scores=name) for pair, name in zip(found, kept, strict=True)]
        if chars is not None:
            return choose_within_chars(found, chars, reading)
        return choose_best(found, _share(fraction or 0.0, count_scores(found)), reading)


def _share(fraction: float, rows: int) -> int:
    """So many of the rows, rounded up, by the decimal number that was given: 0.07 of 100 is 7, and 0.07 * 100 more."""
    return math.ceil(Fraction(str(fraction)) * rows)


def _only(targets: set[str]) -> str | None:
    if len(targets) > 1:
        raise GotdError("the scores were made for different targets; score every shard with one target file")
    return next(iter(targets), None)


main = entry_point(command)
