"""ds-topk: the best records."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated

import click

from gotd.choice.candidates import Ranking, ScoredRecords, ScoreFiles
from gotd.choice.choose import EXCLUDED, Rules, choose, count_copies, scored
from gotd.choice.near_copies import NearCopies
from gotd.cli import _options as options
from gotd.cli._environment import one_of
from gotd.cli._frame import Run, entry_point
from gotd.cli._outputs import RECORDS, require_apart, require_ending
from gotd.errors import GotdError, UsageError
from gotd.overlap import RUN_WORDS, Sharing
from gotd.streams.digests import TextDigest
from gotd.streams.embedded_records import SCORE
from gotd.streams.locations import STANDARD
from gotd.streams.pairing import Pair, pairs
from gotd.streams.record_files import ReadOptions, RecordFiles
from gotd.streams.record_text import RecordText
from gotd.streams.records import RecordWriter, Skipping
from gotd.streams.seal import MadeBy
from gotd.streams.sinks import open_output
from gotd.streams.sources import rereadable
from gotd.types import JSON

#: One more whenever the same records, scores and options give another choice.
REVISION = 1
#: What the closing line calls a reason to leave records out.
_SAID = {EXCLUDED: "that share words with the excluded texts"}


@dataclass(frozen=True)
class TopkOptions:
    """Options of ds-topk; what they mean is in its help."""

    count: Annotated[int | None, click.option("-k", "count", type=click.IntRange(1), help="Choose so many records.")]
    fraction: Annotated[float | None, click.option(
        "--fraction", type=options.FiniteRange(0, 1, min_open=True), metavar="F",
        help="Choose this share of the records, rounded up.")]
    budget_chars: Annotated[int | None, click.option(
        "--budget-chars", type=click.IntRange(1), metavar="N",
        help="Choose the best records whose texts together have at most N characters.")]
    scores: Annotated[str | None, click.option(
        "--scores", metavar="DIR|FILE.npy", help="Scores made by ds-score from the same records.")]
    score_key: Annotated[str | None, click.option(
        "--score-key", metavar="NAME", callback=options.readable,
        help="Rank by this field of the records, whoever made it; default: by the sealed scores of ds-score.")]
    keep_copies: Annotated[bool, click.option(
        "--keep-copies", is_flag=True,
        help="Choose also what says the same as a better record, but for case and white space.")]
    distinct: Annotated[float | None, click.option(
        "--distinct", type=options.FiniteRange(0, 1, min_open=True), metavar="J",
        help="Leave out near copies of better records: Jaccard similarity of runs of 5 words, J or more.")]
    exclude: Annotated[tuple[str, ...], click.option(
        "--exclude", multiple=True, metavar="FILE", callback=options.listed,
        help="Leave out what shares a run of words with the texts of these records; may be given again.")]
    exclude_words: Annotated[int, click.option(
        "--exclude-words", type=click.IntRange(1), default=RUN_WORDS, show_default=True, metavar="N",
        help="Words of such a run; a shorter text counts where it is a whole text or paragraph.")]
    order: Annotated[str, click.option(
        "--order", type=click.Choice(["score", "input"]), default="score", show_default=True,
        help="Best first, or as they came.")]
    output: Annotated[str, options.output]
    text: Annotated[RecordText, options.text]
    skip_invalid: Annotated[int, options.skip_invalid]
    long_window: Annotated[bool, options.long]

    @property
    def sealed(self) -> dict[str, JSON]:
        """Those that the choice depends on, as its seal has them."""
        return {"k": self.count, "fraction": self.fraction, "budget_chars": self.budget_chars, "order": self.order,
                "distinct": self.distinct, "keep_copies": self.keep_copies,
                "score_key": None if self.scores is not None else self.score_key}


@click.command("ds-topk")
@options.inputs
@options.gathered(TopkOptions)
@options.common
@click.pass_context
def command(context: click.Context, asked: TopkOptions, files: tuple[str, ...], quiet: bool) -> None:
    """Choose the best records, best first; ties go to the earlier record.

    Reads records that carry "gotd_score", as ds-score seals them, or records and the --scores of the same records, held
    against each other by their seals. Scores are compared as float32. Writes records with "gotd_score", zstd. Leaves
    out texts without a letter or digit, and copies: what equals a better record but for case and white space. What is
    left out is counted down to the last record's score. Holds what it chooses, and the runs of --exclude. For
    --fraction and --distinct standard input goes through a temporary file.

    \b
    Examples:
      ds-topk -k 5000 --scores scores/ pool/*.jsonl.zst -o selected.jsonl.zst
      ds-topk -k 5000 --exclude test.jsonl --distinct 0.8 --scores scores/ pool/*.jsonl.zst -o selected.jsonl.zst
      ds-embed pool.jsonl.zst | ds-score --target target.npz | ds-topk -k 5000 -o selected.jsonl.zst
    """
    run = Run("ds-topk", quiet)
    asked = _one_of_each(asked)
    require_ending(asked.output, RECORDS)
    names = list(files) or [STANDARD]
    _refuse_idle(context, [*names, *asked.exclude], asked.scores)
    found = pairs(asked.scores, names) if asked.scores is not None else []
    require_apart([asked.output], [*names, *asked.exclude, *(pair.scores for pair in found)])
    read = ReadOptions(asked.text, Skipping(asked.skip_invalid), asked.long_window)
    excluded = _Excluded(asked.exclude, asked.exclude_words, read.again()) if asked.exclude else None
    ranking, by_chars = Ranking(read, asked.score_key, run.advance), asked.budget_chars is not None
    with _opened(names, found, asked.fraction is not None or asked.distinct is not None, ranking) as pool:
        limit = asked.count or asked.budget_chars or _share(asked.fraction or 0.0, pool.count())
        near = NearCopies(asked.distinct) if asked.distinct is not None else None
        shares = excluded.shares if excluded else None
        choice = choose(pool, Rules(limit, by_chars, asked.keep_copies, shares, near))
    records, replaced = scored(choice.records) if found else (choice.records, 0)
    if asked.order == "input":
        records.sort(key=lambda record: record.row)
    maker = MadeBy("ds-topk", REVISION, asked.sealed, target=_only(pool.targets), pool_rows=pool.rows,
                   excluded=excluded.identity if excluded else None)
    with open_output(asked.output) as sink:
        writer = RecordWriter(sink, maker)
        writer.notes["left_out"] = choice.left_out
        writer.write([record.line for record in records])
        writer.finish()
    if not by_chars and len(records) < limit:
        run.notes.append(f"only {len(records):,} records were there to choose from")
    run.note(read.skipping.skipped + (excluded.skipped if excluded else 0), "bad records skipped")
    run.note(replaced, f'records had a "{SCORE}" already, replaced')
    run.notes.append(f"{len(records):,} chosen")
    run.note(count_copies(records, asked.text) if asked.keep_copies else 0, "copies among them")
    for reason, number in choice.left_out.items():
        run.note(number, f"{_SAID.get(reason, reason)} left out")
    run.close()


def _one_of_each(asked: TopkOptions) -> TopkOptions:
    """Return the options, of which one beside another on the command line is left out where only a variable set it."""
    count, fraction, budget_chars = one_of(count=asked.count, fraction=asked.fraction, budget_chars=asked.budget_chars)
    if [count, fraction, budget_chars].count(None) != 2:
        raise UsageError("give one of -k N, --fraction F and --budget-chars N")
    distinct, keep_copies = one_of(distinct=asked.distinct, keep_copies=asked.keep_copies or None)
    if distinct is not None and keep_copies:
        raise UsageError("--distinct leaves near copies out, --keep-copies has them all: give one")
    return replace(asked, count=count, fraction=fraction, budget_chars=budget_chars, distinct=distinct,
                   keep_copies=bool(keep_copies))


def _refuse_idle(context: click.Context, names: list[str], scores: str | None) -> None:
    """Error for what cannot be read, or does nothing."""
    if [*names, scores].count(STANDARD) > 1:
        raise UsageError("standard input can be read once: give `-` at most once")
    if scores is not None and options.on_command_line(context, "score_key"):
        raise UsageError("--score-key ranks by a field of the records, --scores by scores beside them: give one")
    if not context.params["exclude"] and options.on_command_line(context, "exclude_words"):
        raise UsageError("--exclude-words is of --exclude: give that, too")


class _Excluded:
    """The texts that nothing chosen may share a run of words with.

    identity : of the texts and of what sharing is, for the seal; skipped : bad records among them
    """

    def __init__(self, names: Sequence[str], words: int, read: ReadOptions) -> None:
        digest = TextDigest(read.text)
        self.shares = Sharing([text for batch in RecordFiles(names, read).texts([digest]) for text in batch], words)
        if not self.shares.runs:
            raise GotdError(f"{', '.join(names)}: no text with a word in it; --exclude is for texts of a test")
        self.identity = {"texts": digest.run.digest, "words": words}
        self.skipped = read.skipping.skipped


@contextlib.contextmanager
def _opened(names: list[str], found: list[Pair], again: bool, ranking: Ranking) -> Iterator[ScoredRecords | ScoreFiles]:
    """The pool, its scores and, if it is to be read `again`, its records in temporary files if they come from pipes."""
    with contextlib.ExitStack() as stack:
        if again:
            names = stack.enter_context(rereadable(names))
        if found:
            kept = dict(zip([name for pair in found for name in pair.records], names, strict=True))
            scores = stack.enter_context(rereadable([pair.scores for pair in found]))
            yield ScoreFiles([Pair(name, [kept[record] for record in pair.records])
                          for pair, name in zip(found, scores, strict=True)], ranking)
        else:
            yield ScoredRecords(names, ranking)


def _share(fraction: float, rows: int) -> int:
    """So many of the rows, rounded up, by the decimal number that was given: 0.07 of 100 is 7, and 0.07 * 100 more."""
    return math.ceil(Fraction(str(fraction)) * rows)


def _only(targets: set[str]) -> str | None:
    if len(targets) > 1:
        raise GotdError("the scores were made for different targets; score every shard with one target file")
    return next(iter(targets), None)


main = entry_point(command)
