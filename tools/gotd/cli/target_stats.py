"""ds-target-stats: fit a selection rule to a target and a pool."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import click

from gotd.allocator import share_one_heap
from gotd.cli import _options as options
from gotd.cli._environment import one_of
from gotd.cli._frame import Run, entry_point, prepare_process
from gotd.cli._options import SectionedCommand
from gotd.cli._outputs import TARGET, require_apart, require_ending
from gotd.cli._printing import print_json, print_text
from gotd.cli._rule_options import chosen_rule, of_rules, require_heard, values_given
from gotd.errors import UsageError
from gotd.methods import rule_names
from gotd.methods.base import DEVICE, TARGET_MASSES, TextRule
from gotd.methods.options import TransportOptions
from gotd.selection import require_usable, resolve, save
from gotd.streams.locations import STANDARD
from gotd.streams.record_text import RecordText
from gotd.streams.sinks import open_output
from gotd.streams.sources import rereadable

if TYPE_CHECKING:
    from gotd.cli._fitting import Fit, Inputs

#: What every rule listens to, and --screen.
_ALWAYS = frozenset({"pool", "target", "threads", "quiet", "help", "version", "screen", "vector_key", "dry_run"})

#: The options of rules that other packages add are of one rule, too.
_SECTIONS = {
    "Options": ["target", "output", "method", "source", "target_mass"],
    "What is read": ["target_texts", "mix", "weights", "vector_key", "text_key", "text_template", "message_template",
                     "skip_invalid", "long_window"],
    "How vectors are compared": ["whiten", "center", "metric", "epsilon"],
    "How the potentials are found": ["pool_sample", "passes", "tol", "max_iterations", "max_target",
                                     "allow_unconverged", "seed"],
    "How much is to be chosen": ["choose", "share"],
    "Of one rule": [],
    "Other options": ["screen", "dry_run", "threads", "device", "quiet", "help", "version"],
}


@dataclass(frozen=True)
class TargetStatsOptions:
    """Options of ds-target-stats but for those of the rules; what they mean is in its help."""

    target: Annotated[str, click.option(
        "--target", required=True, metavar="FILE",
        help="Vectors of the task's texts; for dsir and cross-entropy the texts.")]
    output: Annotated[str | None, click.option(
        "-o", "--output", default=None, metavar="FILE.npz", help="The target file, for ds-score.")]
    screen: Annotated[bool, click.option(
        "--screen", is_flag=True,
        help="Fit nothing: print each POOL file's distance to the target, nearest first, as a table.")]
    method: Annotated[str, click.option(
        "--method", type=click.Choice(rule_names()), default="got", show_default=True, help="What is fitted.")]
    source: Annotated[tuple[str, ...], click.option(
        "--source", multiple=True, metavar="FILE.npy", callback=options.listed,
        help="Vectors of the model's own training text; may be given again. Default: the pool. POOL files beside "
             "it give the mean and the directions to whiten.")]
    mix: Annotated[tuple[str, ...], click.option(
        "--mix", multiple=True, metavar="FILE.npy:MASS",
        help="Give these rows this share of the source's mass, as what was chosen before; may be given again.")]
    weights: Annotated[tuple[str, ...], click.option(
        "--weights", multiple=True, metavar="FILE.npy",
        help="One weight for each row of the source (or pool), float32 or float64; default: all alike.")]
    target_mass: Annotated[str, click.option(
        "--target-mass", default="text", show_default=True, metavar="text|words|sqrt-words|FILE.npy",
        help="Mass of each target text: all alike, its words, their square root, or as the file says. Where long "
             "and short texts are judged by the word, words or sqrt-words asks the same question.")]
    target_texts: Annotated[str | None, click.option(
        "--target-texts", default=None, metavar="FILE",
        help="The records that --target was embedded from, whose words --target-mass counts.")]
    vector_key: Annotated[str | None, options.vector_key]
    text: Annotated[RecordText, options.text]
    skip_invalid: Annotated[int, options.skip_invalid]
    long_window: Annotated[bool, options.long]
    threads: Annotated[int | None, options.threads]
    device: Annotated[str, options.device]
    dry_run: Annotated[bool, options.dry_run]

    @property
    def destination(self) -> str:
        """Where the target file goes. Raises: UsageError for no name where one is needed."""
        if self.output is None and not self.screen:
            raise UsageError("nowhere to write: give -o FILE.npz, or --screen for distances alone")
        return self.output or STANDARD

    def inputs(self, pool: tuple[str, ...]) -> "Inputs":
        """Return the files to fit to. Raises: UsageError where standard input is among them more than once."""
        from gotd.cli._fitting import Inputs
        from gotd.cli._target import TargetMasses
        from gotd.streams.record_files import ReadOptions
        from gotd.streams.records import Skipping

        reading = ReadOptions(self.text, Skipping(self.skip_invalid), self.long_window)
        inputs = Inputs(self.target, list(self.source or pool) or [STANDARD], list(pool) if self.source else [],
                        self.mix, list(self.weights), TargetMasses(self.target_mass, self.target_texts, reading),
                        self.vector_key, source_is_pool=not self.source)
        if inputs.files.count(STANDARD) > 1:
            raise UsageError("standard input can be read once: give `-` at most once")
        return inputs


@click.command("ds-target-stats", cls=SectionedCommand, sections=_SECTIONS)
@of_rules
@click.argument("pool", nargs=-1, metavar="POOL...", callback=options.listed)
@options.gathered(TargetStatsOptions)
@options.common
@click.pass_context
def command(context: click.Context, asked: TargetStatsOptions, /, pool: tuple[str, ...], quiet: bool,
            **_of_rules: object) -> None:
    """Fit a rule to a target, by default its optimal-transport potentials; print a JSON summary.

    Reads vectors, .npy or lists in records and tables (--vector-key), each file once, once more for each of --passes,
    and once more for --share where the sample is not the whole pool (standard input and pipes then go through temporary
    files). Writes one .npz of the size of the target, and of d x d numbers where vectors are whitened. Holds the
    target, the sample (--pool-sample rows, float16 where the files are) and at most 256 MiB of products; never the
    pool.

    Baselines: mean and nearest score by the distance to the target's mean and to its nearest row; round-robin lets
    each target row in turn take its nearest document (reads the pool twice or more); best-match scores by the best rank
    in any target row's list of nearest documents; classifier is logistic regression; dsir compares hashed words and
    word pairs, cross-entropy two language models of them, and both read records (JSON Lines) in place of vectors;
    random.

    \b
    Examples:
      ds-target-stats --target target.npy emb/*.npy -o target.npz
      ds-target-stats --target target.npy --source pretraining.npy --passes 3 emb/*.npy -o target.npz
      ds-target-stats --dry-run --target target.npy emb/*.npy -o target.npz
      ds-target-stats --screen --target target.npy emb/*.npy
      ds-target-stats --method dsir --target target.jsonl pool/*.jsonl.zst -o dsir.npz
    """
    from gotd.cli._fitting import fit_rows, fit_texts, posed_rows, screened_table

    run = Run("ds-target-stats", quiet)
    run.follow("gotd.ot")
    given = _options_given(context, asked)
    require_ending(asked.destination, TARGET)
    inputs = asked.inputs(pool)
    cpus = prepare_process(options.thread_count(asked.threads))
    share_one_heap()
    if asked.screen:
        if not pool:
            raise UsageError("--screen compares files: name them")
        print_text(screened_table(inputs, TransportOptions.of(given), cpus, asked.device, run))
        run.close()
        return
    rule = resolve(asked.method, given)
    if given.get("passes") and STANDARD in inputs.mixed_files:
        raise UsageError("--mix -: standard input can be read once; with --passes name a file")
    require_apart([asked.destination], inputs.files)
    if asked.dry_run:
        from gotd.cli._fit_plan import FitPlan

        plan = FitPlan(asked.method, given, inputs, cpus, asked.device)
        print_text(plan.report(rule, asked.destination, run))
        return
    with ExitStack() as stack:
        if rule.rereads:
            names, ranked, weights = (stack.enter_context(rereadable(list(each)))
                                      for each in (inputs.names, inputs.ranked, inputs.weights))
            inputs = replace(inputs, names=names, ranked=ranked, weights=weights)
        if isinstance(rule, TextRule):
            fit = fit_texts(rule, asked.target, inputs.names, inputs.masses.reading, cpus, run)
        else:
            fit = fit_rows(posed_rows(asked.method, given, inputs, cpus, asked.device), inputs)
    _finish(fit, inputs, asked.destination, run)


def _options_given(context: click.Context, asked: TargetStatsOptions) -> dict[str, object]:
    """Return the options of the rule, or of --screen, that the command line or the environment give.

    Raises: UsageError for one on the command line that does nothing.
    """
    params = context.params
    if asked.screen and asked.dry_run:
        raise UsageError("--dry-run measures a fit, and --screen fits nothing: leave one of them out")
    if params["whiten"] and params["center"] is False:
        params["whiten"], params["center"] = one_of(whiten=params["whiten"], center=params["center"])
    rule = chosen_rule(context, asked.method)
    kind, name = (TransportOptions, f"{asked.method} --screen") if asked.screen else (rule.options_type, asked.method)
    heard = _ALWAYS | TARGET_MASSES | DEVICE if asked.screen else _ALWAYS | {"output", "method"} | rule.inputs
    given = values_given(context, kind)
    require_heard(context, name, kind.of(given), heard)
    # The environment speaks to ds-probe and ds-topk as well: that a choice has a share is said here, in part at least.
    if not any(options.on_command_line(context, each) for each in ("share", "choose")):
        given.pop("share", None)
    return given


def _finish(fit: "Fit", inputs: "Inputs", output: str, run: Run) -> None:
    """Say what was met and what is odd, write the target file and print the summary."""
    rule, fitted = fit.rule, fit.fitted
    for name, what in (("source_blank", "rows without content left out"),
                       ("pool_blank", "rows of the pool without content left out"),
                       ("target_blank", "rows of the target without content left out")):
        run.note(fit.count(name), what)
    run.advance(fit.count("source_read"))
    if inputs.ranked:
        run.say(f"the pool {rule.use_of_pool(fitted)}; --source is what the rule is fitted at")
    if advice := rule.advice(fitted):
        run.say(advice)
    for warning in fit.warnings:
        run.say(f"warning: {warning}")
    require_usable(rule, fitted)
    with open_output(output) as sink:
        save(sink, fitted.arrays, fitted.summary)
    print_json(fit.printed)
    run.close()


main = entry_point(command)
