"""ds-target-stats: fit a selection rule to a target and a pool."""

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from gotd.allocator import share_one_heap
from gotd.cli import _options as options
from gotd.cli._environment import one_of
from gotd.cli._frame import Run, entry_point, prepare_process
from gotd.cli._outputs import TARGET, require_apart, require_ending
from gotd.cli._printing import print_json, print_text
from gotd.cli._rule_options import chosen_rule, of_rules, require_heard, values_given
from gotd.cli._sections import SectionedCommand
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


@click.command("ds-target-stats", cls=SectionedCommand, sections=_SECTIONS)
@click.argument("pool", nargs=-1, metavar="POOL...", callback=options.listed)
@click.option("--target", required=True, metavar="FILE",
              help="Vectors of the task's texts; for dsir and cross-entropy the texts.")
@click.option("-o", "--output", default=None, metavar="FILE.npz", help="The target file, for ds-score.")
@click.option("--screen", is_flag=True,
              help="Fit nothing: print each POOL file's distance to the target, nearest first, as a table.")
@click.option("--method", type=click.Choice(rule_names()), default="got", show_default=True, help="What is fitted.")
@click.option("--source", multiple=True, metavar="FILE.npy", callback=options.listed,
              help="Vectors of the model's own training text; may be given again. Default: the pool. POOL files beside "
                   "it give the mean and the directions to whiten.")
@click.option("--mix", multiple=True, metavar="FILE.npy:MASS",
              help="Give these rows this share of the source's mass, as what was chosen before; may be given again.")
@click.option("--weights", multiple=True, metavar="FILE.npy",
              help="One weight for each row of the source (or pool), float32 or float64; default: all alike.")
@click.option("--target-mass", default="text", show_default=True, metavar="text|words|sqrt-words|FILE.npy",
              help="Mass of each target text: all alike, its words, their square root, or as the file says. Where long "
                   "and short texts are judged by the word, words or sqrt-words asks the same question.")
@click.option("--target-texts", default=None, metavar="FILE",
              help="The records that --target was embedded from, whose words --target-mass counts.")
@of_rules
@options.vector_key
@options.text
@options.skip_invalid
@options.long
@options.threads
@options.device
@options.dry_run
@options.common
@click.pass_context
def command(context: click.Context, /, pool: tuple[str, ...], target: str, output: str | None, screen: bool,
            method: str, source: tuple[str, ...], mix: tuple[str, ...], weights: tuple[str, ...], target_mass: str,
            target_texts: str | None, vector_key: str | None, text: RecordText, skip_invalid: int, long_window: bool,
            threads: int | None, device: str, dry_run: bool, quiet: bool, **_of_rules: object) -> None:
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
    from gotd.cli._fit_plan import FitPlan
    from gotd.cli._fitting import Inputs, fit_rows, fit_texts, posed_rows, screened_table
    from gotd.cli._target import TargetMasses
    from gotd.streams.record_files import ReadOptions
    from gotd.streams.records import Skipping

    run = Run("ds-target-stats", quiet)
    run.follow("gotd.ot")
    given = _options_given(context, screen, method)
    require_ending(_output(output, screen), TARGET)
    masses = TargetMasses(target_mass, target_texts, ReadOptions(text, Skipping(skip_invalid), long_window))
    names, ranked = list(source or pool) or [STANDARD], list(pool) if source else []
    inputs = Inputs(target, names, ranked, mix, list(weights), masses, vector_key)
    if inputs.files.count(STANDARD) > 1:
        raise UsageError("standard input can be read once: give `-` at most once")
    cpus = prepare_process(options.thread_count(threads))
    share_one_heap()
    if screen:
        if not pool:
            raise UsageError("--screen compares files: name them")
        print_text(screened_table(inputs, TransportOptions.of(given), cpus, device, run))
        run.close()
        return
    rule = resolve(method, given)
    if given.get("passes") and STANDARD in inputs.mixed_files:
        raise UsageError("--mix -: standard input can be read once; with --passes name a file")
    require_apart([_output(output, screen)], inputs.files)
    if dry_run:
        print_text(FitPlan(method, given, inputs, not source, cpus, device).report(rule, _output(output, screen), run))
        return
    with ExitStack() as stack:
        if rule.rereads:
            names, ranked, rows_weights = (stack.enter_context(rereadable(list(each)))
                                           for each in (names, ranked, weights))
            inputs = replace(inputs, names=names, ranked=ranked, weights=rows_weights)
        if isinstance(rule, TextRule):
            fit = fit_texts(rule, target, inputs.names, masses.reading, cpus, run)
        else:
            fit = fit_rows(posed_rows(method, given, inputs, not source, cpus, device), inputs)
    _finish(fit, inputs, _output(output, screen), run)


def _options_given(context: click.Context, screen: bool, method: str) -> dict[str, object]:
    """Return the options of the rule, or of --screen, that the command line or the environment give.

    Raises: UsageError for one on the command line that does nothing.
    """
    params = context.params
    if screen and params["dry_run"]:
        raise UsageError("--dry-run measures a fit, and --screen fits nothing: leave one of them out")
    if params["whiten"] and params["center"] is False:
        params["whiten"], params["center"] = one_of(whiten=params["whiten"], center=params["center"])
    rule = chosen_rule(context, method)
    kind, name = (TransportOptions, f"{method} --screen") if screen else (rule.options_type, method)
    heard = _ALWAYS | TARGET_MASSES | DEVICE if screen else _ALWAYS | {"output", "method"} | rule.inputs
    given = values_given(context, kind)
    require_heard(context, name, kind.of(given), heard)
    # The environment speaks to ds-probe and ds-topk as well: that a choice has a share is said here, in part at least.
    if not any(options.on_command_line(context, each) for each in ("share", "choose")):
        given.pop("share", None)
    return given


def _output(name: str | None, screen: bool) -> str:
    """Return where the target file goes. Raises: UsageError for no name where one is needed."""
    if name is None and not screen:
        raise UsageError("nowhere to write: give -o FILE.npz, or --screen for distances alone")
    return name or STANDARD


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
