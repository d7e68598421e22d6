"""ds-score: the score of every row against a fitted target, or against several in one reading."""

from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Annotated

import click

from gotd.allocator import share_one_heap
from gotd.cli import _options as options
from gotd.cli._dry_run import report
from gotd.cli._frame import Run, entry_point, prepare_process
from gotd.cli._jobs import Job, has_nothing_to_do, inputs_to_read, is_done, jobs
from gotd.cli._outputs import is_plain
from gotd.cli._printing import print_text
from gotd.cli._row_counts import expected_rows
from gotd.cli._scored import Output
from gotd.cli._scored_rows import InputOptions
from gotd.cli._scoring import Scoring, folders
from gotd.cli._shard import part_of
from gotd.errors import UsageError
from gotd.streams.record_files import ReadOptions
from gotd.streams.record_text import RecordText
from gotd.streams.records import Skipping
from gotd.streams.sinks import open_output

#: Options that only texts have a use for.
_OF_TEXTS = {"models": "--model", "text_key": "--text-key", "text_template": "--text-template",
             "message_template": "--message-template"}


@dataclass(frozen=True)
class ScoreOptions:
    """Options of ds-score; what they mean is in its help."""

    targets: Annotated[tuple[str, ...], click.option(
        "--target", "targets", required=True, multiple=True, metavar="FILE.npz",
        help="From ds-target-stats. Given again: scores by each, in a folder of its name in -o DIR/.")]
    output: Annotated[str, options.output]
    plain: Annotated[bool, options.plain]
    models: Annotated[tuple[str, ...], click.option(
        "--model", "models", multiple=True, metavar="FOLDER|NAME",
        help="Where the model is that made the target's vectors, to make them of texts; of hash not needed.")]
    vector_key: Annotated[str | None, options.vector_key]
    text: Annotated[RecordText, options.text]
    shard: Annotated[str | None, options.shard]
    skip_invalid: Annotated[int, options.skip_invalid]
    long_window: Annotated[bool, options.long]
    threads: Annotated[int | None, options.threads]
    device: Annotated[str, options.device]
    dry_run: Annotated[bool, options.dry_run]


@click.command("ds-score")
@options.inputs
@options.gathered(ScoreOptions)
@options.common
@click.pass_context
def command(context: click.Context, asked: ScoreOptions, files: tuple[str, ...], quiet: bool) -> None:
    """Score texts, or vectors: how fast the distance to the target falls per mass added there.

    Reads records, of whose texts it makes vectors as those of the target were made, and writes none of them; records
    that carry "gotd_embedding", or a list of numbers (--vector-key); or .npy vectors. Writes records with "gotd_score",
    or .npy scores (float32) for -o DIR/ and -o FILE.npy. Higher is better; zero is the average document of the source.
    Holds the target, the model and some blocks. With a target of another --method the score is that rule's.

    \b
    Examples:
      ds-score --target target.npz pool/*.jsonl.zst -o scores/
      ds-score --target target.npz emb/*.npy -o scores/
      ds-score --target law.npz --target news.npz pool/*.jsonl.zst -o both/
      ds-chunk pool.jsonl.zst | ds-score --target target.npz | ds-topk -k 100 -o best.jsonl.zst
    """
    run = Run("ds-score", quiet)
    shard = part_of(asked.shard, asked.output, len(files))
    plain = is_plain(asked.output, asked.plain)
    found = [jobs(files, folder, ".npy", shard, asked.dry_run) for folder in folders(asked.targets, asked.output)]
    if has_nothing_to_do(found[0], files, shard, run):
        return
    if asked.dry_run and len(asked.targets) > 1:
        raise UsageError("--dry-run looks at one target: give it one --target at a time")
    cpus = prepare_process(options.thread_count(asked.threads))
    share_one_heap()
    of_texts = [option for name, option in _OF_TEXTS.items() if options.on_command_line(context, name)]
    reading = ReadOptions(asked.text, Skipping(asked.skip_invalid), asked.long_window)
    inputs = InputOptions(reading, asked.vector_key, of_texts)
    with closing(Scoring(asked.targets, asked.models, inputs, cpus, asked.device)) as scoring:
        if asked.dry_run:
            print_text(report(found[0], scoring.making[0], scoring.work, reading.skipping, len(files), run))
            return
        run.expect(lambda: expected_rows(inputs_to_read(found[0])))
        _score_all(scoring, found, plain, run)
    run.close()


def _score_all(scoring: Scoring, found: list[list[Job]], plain: bool, run: Run) -> None:
    """Make the outputs that are not there yet: those of the same inputs in one reading."""
    complete = lowest = 0
    for together in scoring.provenances(found):
        left = {i: each for i, each in enumerate(together) if not is_done(each)}
        complete += len(together) - len(left)
        if left:
            with ExitStack() as stack:
                lowest += scoring.score([Output(i, each, stack.enter_context(open_output(each.job.output, plain)))
                                         for i, each in left.items()], run)
    run.note(complete, "outputs were already complete")
    scoring.tell(lowest, run)


main = entry_point(command)
