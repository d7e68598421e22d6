"""ds-topk: the best records."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import click

from gotd.choice.candidates import Ranking
from gotd.choice.choose import choose, count_copies, lines_of
from gotd.choice.options import ChoiceOptions
from gotd.choice.ranking import Ranked
from gotd.cli import _options as options
from gotd.cli._choice_plan import ChoicePlan
from gotd.cli._choosing import (
    EQUAL,
    Excluded,
    RankedFiles,
    require_one_reader,
    shares_in,
    split_of,
    tell,
    the_target,
)
from gotd.cli._environment import one_of, unless_idle
from gotd.cli._frame import Run, entry_point
from gotd.cli._outputs import RECORDS, is_plain, require_apart, require_ending
from gotd.cli._printing import print_text
from gotd.cli._row_counts import expected_rows
from gotd.errors import UsageError
from gotd.overlap import RUN_WORDS
from gotd.streams.embedded_records import SCORE
from gotd.streams.locations import STANDARD, TABLE, is_table
from gotd.streams.record_files import ReadOptions
from gotd.streams.record_text import RecordText
from gotd.streams.records import RecordWriter, Skipping
from gotd.streams.seal import MadeBy
from gotd.streams.sinks import Sink, open_output
from gotd.streams.table_writer import TableWriter, require_tables

#: One more whenever the same records, scores and options give another choice.
REVISION = 2
_NO_MAKER = MadeBy("ds-topk", REVISION, {})
_SHARE = options.FiniteRange(0, 1, min_open=True)
_COUNT = click.IntRange(1)
#: Amounts, of which one is given.
_AMOUNTS = ("k", "fraction", "budget_chars", "budget_words", "budget_tokens")


@dataclass(frozen=True)
class TopkOptions:
    """Options of ds-topk; what they mean is in its help."""

    k: Annotated[int | None, click.option("-k", "k", type=_COUNT, help="Choose so many records.")]
    fraction: Annotated[float | None, click.option(
        "--fraction", type=_SHARE, metavar="F", help="Choose this share of the records, rounded up.")]
    budget_chars: Annotated[int | None, click.option(
        "--budget-chars", type=_COUNT, metavar="N",
        help="Choose the best records whose texts together have at most N characters; the first that does not fit ends "
             "the choice.")]
    budget_words: Annotated[int | None, click.option(
        "--budget-words", type=_COUNT, metavar="N", help="The same by words, as ds-probe counts them.")]
    budget_tokens: Annotated[int | None, click.option(
        "--budget-tokens", type=_COUNT, metavar="N", help="The same by tokens of --tokenizer, without special ones.")]
    tokenizer: Annotated[str | None, click.option(
        "--tokenizer", metavar="FOLDER", help="Of a model; counts the tokens of --budget-tokens.")]
    scores: Annotated[tuple[str, ...], click.option(
        "--scores", multiple=True, metavar="DIR|FILE.npy",
        help="Scores made by ds-score from the same records; again for each further target, which share the choice.")]
    score_key: Annotated[tuple[str, ...], click.option(
        "--score-key", multiple=True, metavar="NAME", callback=options.readable_each,
        help="Rank by this field of the records, whoever made it; default: by the sealed scores of ds-score.")]
    split: Annotated[str, click.option(
        "--split", default=EQUAL, show_default=True, metavar="equal|S,S...|FILE",
        help="Shares of several targets, in the order of --scores; or a file as of --shares, by their names.")]
    per: Annotated[str | None, click.option(
        "--per", metavar="FIELD", callback=options.readable,
        help="Field whose values are kinds that have quotas; meta.source: source in meta.")]
    at_most: Annotated[float | None, click.option(
        "--at-most", type=_SHARE, metavar="S", help="No kind has more than this share of the choice.")]
    shares: Annotated[str | None, click.option(
        "--shares", metavar="FILE",
        help='Share of the choice for each kind: JSON {"kind": share} or lines "kind<TAB>share"; others have none.')]
    allow_fewer: Annotated[bool, click.option(
        "--allow-fewer", is_flag=True, help="Choose fewer where quotas cannot be filled; default: an error.")]
    temperature: Annotated[float, click.option(
        "--temperature", type=options.FiniteRange(0), default=0.0, show_default=True, metavar="T",
        help="Draw records by chance, with odds exp(score / T), T in standard deviations of the scores; 0: the best.")]
    seed: Annotated[int, click.option(
        "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of --temperature.")]
    keep_copies: Annotated[bool, click.option(
        "--keep-copies", is_flag=True,
        help="Choose also what says the same as a better record, but for case and white space.")]
    distinct: Annotated[float | None, click.option(
        "--distinct", type=_SHARE, metavar="J",
        help="Leave out near copies of better records: Jaccard similarity of runs of 5 words, J or more.")]
    exclude: Annotated[tuple[str, ...], click.option(
        "--exclude", multiple=True, metavar="FILE", callback=options.listed,
        help="Leave out what shares a run of words with the texts of these records; may be given again.")]
    exclude_words: Annotated[int, click.option(
        "--exclude-words", type=_COUNT, default=RUN_WORDS, show_default=True, metavar="N",
        help="Words of such a run; a shorter text counts where it is a whole text or paragraph.")]
    order: Annotated[str, click.option(
        "--order", type=click.Choice(["score", "input"]), default="score", show_default=True,
        help="Best first (with --temperature as drawn), or as they came.")]
    output: Annotated[str, options.output]
    plain: Annotated[bool, options.plain]
    text: Annotated[RecordText, options.text]
    skip_invalid: Annotated[int, options.skip_invalid]
    long_window: Annotated[bool, options.long]
    dry_run: Annotated[bool, options.dry_run]

    @property
    def shares_files(self) -> list[str]:
        """The file of shares, if any."""
        return [] if self.shares is None else [self.shares]

    def choice(self, targets: list[str]) -> ChoiceOptions:
        """Return the options of the choice; what only the environment says and does nothing is passed over."""
        amounts = one_of(**{name: getattr(self, name) for name in _AMOUNTS})
        if amounts.count(None) != len(amounts) - 1:
            raise UsageError("give one of -k N, --fraction F, --budget-chars N, --budget-words N and --budget-tokens N")
        given = dict(zip(_AMOUNTS, amounts, strict=True))
        distinct, keep_copies = one_of(distinct=self.distinct, keep_copies=self.keep_copies or None)
        at_most, shares = one_of(at_most=self.at_most, shares=self.shares)
        has_kinds, has_quotas = self.per is not None, (at_most, shares) != (None, None)
        shares = unless_idle("shares", shares, has_kinds)
        return ChoiceOptions(
            **given, tokenizer=unless_idle("tokenizer", self.tokenizer, given["budget_tokens"] is not None),
            keep_copies=bool(keep_copies), distinct=distinct, per=unless_idle("per", self.per, has_quotas),
            at_most=unless_idle("at_most", at_most, has_kinds), shares=None if shares is None else shares_in(shares),
            allow_fewer=bool(unless_idle("allow_fewer", self.allow_fewer, has_kinds)), temperature=self.temperature,
            seed=self.seed if self.temperature else 0, split=split_of(self.split, targets) if len(targets) > 1 else ())


@click.command("ds-topk")
@options.inputs
@options.gathered(TopkOptions)
@options.common
@click.pass_context
def command(context: click.Context, asked: TopkOptions, files: tuple[str, ...], quiet: bool) -> None:
    """Choose the best records, best first; ties go to the earlier record.

    Reads records that carry "gotd_score", as ds-score seals them, or records and the --scores of the same records, held
    against each other by their seals. Scores are compared as float32. Writes records with "gotd_score". Leaves
    out texts without a letter or digit, and copies: what equals a better record but for case and white space. What is
    left out is counted down to the last record's score. Holds what it chooses, and the runs of --exclude. Standard
    input goes through a temporary file for whatever may read it twice: --fraction, --distinct, budgets of words and
    tokens, quotas, --temperature.

    \b
    Examples:
      ds-topk -k 5000 --scores scores/ pool/*.jsonl.zst -o selected.jsonl.zst
      ds-topk -k 5000 --dry-run --scores scores/ pool/*.jsonl.zst -o selected.jsonl.zst
      ds-topk -k 5000 --exclude test.jsonl --distinct 0.8 --scores scores/ pool/*.jsonl.zst -o selected.jsonl.zst
      ds-embed pool.jsonl.zst | ds-score --target target.npz | ds-topk -k 5000 -o selected.jsonl.zst
    """
    run = Run("ds-topk", quiet)
    require_ending(asked.output, (*RECORDS, TABLE))
    require_tables(asked.output)
    plain = is_plain(asked.output, asked.plain)
    names = list(files) or [STANDARD]
    _refuse_idle(context, asked)
    require_one_reader([*names, *asked.exclude, *asked.scores, *asked.shares_files])
    ranked, others = RankedFiles.of(names, asked.scores, asked.score_key), [*asked.exclude, *asked.shares_files]
    targets = ranked.targets
    require_apart([asked.output], [*ranked.files, *others])
    how = asked.choice(targets)
    read = ReadOptions(asked.text, Skipping(asked.skip_invalid), asked.long_window)
    excluded = Excluded(asked.exclude, asked.exclude_words, read.again()) if asked.exclude else None
    if asked.dry_run:
        plan = ChoicePlan(ranked, how, read, excluded, others)
        print_text(plan.report(asked.output, partial(_writer, output=asked.output, maker=_NO_MAKER), run))
        return
    run.expect(lambda: expected_rows(ranked.counted))
    ranking = Ranking(read, ranked.keys, run.advance, how.per or "")
    with ranked.opened(how.reads_again(len(targets)), ranking) as pool:
        rules = how.rules(pool.count, max(1, len(targets)), excluded.shares if excluded else None)
        choice = choose(pool, rules)
    records, replaced = lines_of(choice.records, bool(ranked.scores), targets)
    if asked.order == "input":
        records.sort(key=lambda record: record.row)
    by = {"score_key": next(iter(ranked.keys), None)} if len(targets) < 2 else {"targets": targets}
    maker = MadeBy("ds-topk", REVISION, how.sealed() | {"order": asked.order} | by, pool_rows=pool.rows,
                   target=the_target(pool.targets) if len(targets) < 2 else None,
                   excluded=excluded.identity if excluded else None, tokenizer=rules.unit.identity)
    with open_output(asked.output, plain) as sink:
        _write(_writer(sink, asked.output, maker), records, choice.left_out)
    if rules.unit.name == "records" and len(records) < rules.limit:
        run.notes.append(f"only {len(records):,} records were there to choose from")
    run.note(read.skipping.skipped + (excluded.skipped if excluded else 0), "bad records skipped")
    run.note(replaced, f'records had a "{SCORE}" already, replaced')
    run.notes.append(f"{len(records):,} chosen")
    run.note(count_copies(records, asked.text) if how.keep_copies else 0, "copies among them")
    tell(choice, run)
    run.close()


def _writer(sink: Sink, output: str, maker: MadeBy) -> TableWriter | RecordWriter:
    return TableWriter(sink, maker) if is_table(output) else RecordWriter(sink, maker)


def _write(writer: TableWriter | RecordWriter, records: Sequence[Ranked], left_out: dict[str, int]) -> None:
    writer.notes["left_out"] = left_out
    writer.write([record.line for record in records])
    writer.finish()


def _refuse_idle(context: click.Context, asked: TopkOptions) -> None:
    """Raise UsageError for what does nothing beside the other options."""
    if asked.scores and options.on_command_line(context, "score_key"):
        raise UsageError("--score-key ranks by a field of the records, --scores by scores beside them: give one")
    if not asked.exclude and options.on_command_line(context, "exclude_words"):
        raise UsageError("--exclude-words is of --exclude: give that, too")
    if max(len(asked.scores), len(asked.score_key)) < 2 and options.on_command_line(context, "split"):
        raise UsageError("--split shares a choice over several targets: give --scores for each")
    if not asked.temperature and options.on_command_line(context, "seed"):
        raise UsageError("--seed is of --temperature: give that, too")


main = entry_point(command)
