"""ds-report: what was chosen, and why."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from gotd.cli import _options as options
from gotd.cli._environment import is_from_environment
from gotd.cli._frame import Run, entry_point, prepare_process
from gotd.cli._outputs import require_apart, require_ending
from gotd.cli._printing import print_text
from gotd.cli._row_counts import expected_rows
from gotd.errors import UsageError
from gotd.streams.locations import STANDARD
from gotd.streams.record_text import RecordText
from gotd.streams.sinks import open_output

if TYPE_CHECKING:
    from gotd.report.figures import Report

#: What can be written, by the name; and what else ends in .json.
ENDINGS, MULTIQC = (".html", ".json", ".md"), "_mqc.json"


@dataclass(frozen=True)
class ReportOptions:
    """Options of ds-report; what they mean is in its help."""

    choice: Annotated[str, click.option(
        "--choice", required=True, metavar="FILE", help="The choice: records, as ds-topk wrote them.")]
    scores: Annotated[str | None, click.option(
        "--scores", metavar="DIR|FILE.npy", help="Scores of the pool, made by ds-score.")]
    target: Annotated[str | None, click.option(
        "--target", metavar="FILE.npz", help="The target file that the scores were made with.")]
    target_texts: Annotated[Sequence[str], click.option(
        "--target-texts", multiple=True, metavar="FILE", callback=options.listed,
        help="Records of the target: they say why; may be given again, in the order of its vectors.")]
    target_vectors: Annotated[str | None, click.option(
        "--target-vectors", metavar="FILE.npy", help="Of the target's records, in their order.")]
    vectors: Annotated[str | None, click.option(
        "--vectors", metavar="FILE.npy", help="Of the choice's records, in their order.")]
    pool_vectors: Annotated[Sequence[str], click.option(
        "--pool-vectors", multiple=True, metavar="DIR|FILE.npy", callback=options.listed,
        help="Of the pool's records, for its distance to the target; may be given again. Default: a sample is "
             "embedded.")]
    probes: Annotated[Sequence[str], click.option(
        "--probe", "probes", multiple=True, metavar="FILE.json",
        help="What ds-probe wrote (-o FILE.json), to be shown beside the rest; may be given again.")]
    models: Annotated[Sequence[str], click.option(
        "--model", "models", multiple=True, metavar="NAME|FOLDER",
        help="Embeds choice, target and pool where no vectors are given, as in ds-embed; default hash where the target "
             "is of hash.")]
    fields: Annotated[Sequence[str], click.option(
        "--field", "fields", multiple=True, metavar="NAME", callback=options.readable_each,
        help="Count the values of this field; may be given again. Default: fields of few short values.")]
    show: Annotated[int, click.option(
        "--show", type=click.IntRange(0, 100), default=10, show_default=True, metavar="N",
        help="Texts of each kind: the best, random ones, those at the threshold.")]
    seed: Annotated[int, click.option(
        "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the random texts.")]
    output: Annotated[str, click.option(
        "-o", "--output", required=True, metavar="FILE.html|FILE.json|FILE.md",
        help="Where to write; .md: a dataset card; *_mqc.json for MultiQC, `-` for JSON on standard output.")]
    vector_key: Annotated[str | None, options.vector_key]
    dry_run: Annotated[bool, options.dry_run]
    target_text: Annotated[RecordText, options.target_text]
    text: Annotated[RecordText, options.text]
    skip_invalid: Annotated[int, options.skip_invalid]
    long_window: Annotated[bool, options.long]
    threads: Annotated[int | None, options.threads]

    def require_target(self) -> None:
        """Raise UsageError for what does nothing without something else."""
        if self.target_vectors and not self.target_texts:
            raise UsageError("--target-vectors are of the target's texts: give --target-texts, too")
        models = None if is_from_environment("models") else self.models
        idle = {"--target-texts": self.target_texts, "--vectors": self.vectors, "--model": models,
                "--pool-vectors": self.pool_vectors}
        for name, value in idle.items():
            if value and not self.target:
                raise UsageError(f"{name} is for what --target decides: give the target file, too")


@click.command("ds-report")
@options.inputs
@options.gathered(ReportOptions)
@options.common
def command(asked: ReportOptions, files: tuple[str, ...], quiet: bool) -> None:
    """Report on a choice: what was chosen, why, how much of the target it serves, and how it was made.

    Reads the choice and, as far as they are given, the records of the pool (FILE...) with their scores, the target file
    and the target's texts. Writes one page that needs no network, the same as JSON, or a dataset card (README.md with
    the head that the Hugging Face hub reads). What is not given is left out, and said. A choice, scores and a target
    that do not belong together are an error, by their seals and contents.

    On the page: pool against choice by each short field, lengths, scores; texts, best, random and last, each with the
    target texts that hold its mass in the transport plan (of other rules than got: the nearest); what of the target is
    hardly served; the distance to it of the pool and of the choice; what ds-probe said, as tables, and its curve as a
    plot; copies and leaks; every command's options, and the target's run record.

    Holds the choice, its vectors and the target; of the pool some thousand counts and texts. Reads everything once.

    \b
    Examples:
      ds-report --choice selected.jsonl.zst --scores scores/ pool/*.jsonl.zst -o report.html
      ds-report --choice selected.jsonl.zst --target target.npz --target-texts target.jsonl -o report.json
      ds-report --choice selected.jsonl.zst --scores scores/ --target target.npz pool/*.jsonl.zst -o README.md
    """
    run, output = Run("ds-report", quiet), asked.output
    require_ending(output, ENDINGS)
    names = [asked.choice, asked.scores, asked.target, asked.target_vectors, asked.vectors]
    every = [*files, *asked.target_texts, *asked.pool_vectors, *asked.probes, *filter(None, names)]
    if every.count(STANDARD) > 1:
        raise UsageError("standard input can be read once: give `-` at most once")
    require_apart([output], every)
    asked.require_target()
    threads = prepare_process(options.thread_count(asked.threads))
    if asked.dry_run:
        from gotd.cli._report_plan import ReportPlan

        print_text(ReportPlan(files, asked, threads).report(run))
        return
    run.expect(lambda: expected_rows([asked.choice, *files]) if files or not asked.scores else None)
    from gotd.cli._reporting import report

    with ExitStack() as stack:
        found = report(files, asked, threads, run, stack)
    data = page_of(found, output)
    with open_output(output) as sink:
        sink.write(data)
    for what in found.missing.values():
        run.notes.append(f"left out: {what}")
    run.close()


def page_of(report: "Report", output: str) -> bytes:
    """Return what a file of that name holds."""
    from gotd.report.card import as_card
    from gotd.report.page import as_html, as_json, as_multiqc

    pages = {".html": as_html, ".md": as_card, MULTIQC: as_multiqc}
    return next((page for ending, page in pages.items() if output.lower().endswith(ending)), as_json)(report)


main = entry_point(command)
