"""ds-target-stats: fit a selection rule to a target and a pool."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from gotd.cli import _options as options
from gotd.cli._environment import one_of
from gotd.cli._frame import Run, entry_point
from gotd.cli._outputs import TARGET, require_apart, require_ending
from gotd.cli._printing import print_json, print_text
from gotd.cli._rows import SCREEN_OPTIONS, fit_rows, mixed, screened_table
from gotd.cli._step import pool_use, require_step
from gotd.cli._target import ROOT_WORDS, TEXT, WORDS
from gotd.cli._texts import fit_texts
from gotd.cli._vectors import Embedders
from gotd.errors import GotdError, UsageError
from gotd.methods.contents import check_contents
from gotd.methods.registry import RULES, Rule
from gotd.methods.settings import PLAIN_EPSILON, WHITENED_EPSILON, Settings
from gotd.streams.locations import STANDARD
from gotd.streams.sinks import open_output
from gotd.streams.sources import rereadable
from gotd.streams.targets import write_target

if TYPE_CHECKING:
    from gotd.methods.protocol import Fitted

_DEFAULTS = Settings()
#: What is random takes 64 bits of it.
_MOST_SEED = 2**64 - 1


@click.command("ds-target-stats")
@click.argument("pool", nargs=-1, metavar="POOL...", callback=options.listed)
@click.option("--target", required=True, metavar="FILE", help="Vectors of the task's texts; for dsir the texts.")
@click.option("-o", "--output", default=None, metavar="FILE.npz", help="The target file, for ds-score.")
@click.option("--screen", is_flag=True,
              help="Fit nothing: print each POOL file's distance to the target, nearest first, as a table.")
@click.option("--method", type=click.Choice(list(RULES)), default="got", show_default=True, help="What is fitted.")
@click.option("--source", multiple=True, metavar="FILE.npy", callback=options.listed,
              help="Vectors of the model's own training text; may be given again. Default: the pool. POOL files beside "
                   "it give the mean and the directions to whiten.")
@click.option("--mix", multiple=True, metavar="FILE.npy:MASS",
              help="Give these rows this share of the source's mass, as what was chosen before; may be given again.")
@click.option("--weights", multiple=True, metavar="FILE.npy",
              help="One weight for each row of the source (or pool), float32 or float64; default: all alike.")
@click.option("--target-mass", default=TEXT, show_default=True, metavar="text|words|sqrt-words|FILE.npy",
              help="Mass of each target text: all alike, its words, their square root, or as the file says. Where long "
                   "and short texts are judged by the word, words or sqrt-words asks the same question.")
@click.option("--target-texts", default=None, metavar="FILE",
              help="The records that --target was embedded from, whose words --target-mass counts.")
@click.option("--epsilon", type=options.FiniteRange(0), default=None,
              help="Regularisation, in standard deviations of the cost; 0 is exact. Default: "
                   f"{PLAIN_EPSILON:g}; where vectors are whitened {WHITENED_EPSILON:g}, less where that is learned "
                   "from few rows, and a quarter of it with --share.")
@click.option("--metric", type=click.Choice(["sqeuclidean", "cosine"]), default=_DEFAULTS.metric, show_default=True,
              help="The cost between two vectors.")
@click.option("--center/--no-center", default=None,
              help="Subtract the source's mean vector and scale to unit length. Default: for hash, or to whiten.")
@click.option("--whiten/--no-whiten", default=None,
              help="Center, and scale directions so that the source varies alike in all. Default: for got, not with "
                   "--no-center, not to --screen.")
@click.option("--pool-sample", type=click.IntRange(1), default=_DEFAULTS.sample, show_default=True, metavar="N",
              help="Rows of the source solved on.")
@click.option("--passes", type=click.IntRange(0), default=_DEFAULTS.passes, show_default=True, metavar="N",
              help="Readings of the whole source after that, at most; each measures the error there, and corrects.")
@click.option("--tol", type=options.FiniteRange(0, min_open=True), default=_DEFAULTS.tolerance, show_default=True,
              help="Marginal error to reach.")
@click.option("--max-iterations", type=click.IntRange(1), default=_DEFAULTS.max_iterations, show_default=True,
              metavar="N", help="Looks at the sample, at most.")
@click.option("--max-target", type=click.IntRange(0), default=_DEFAULTS.max_target, show_default=True, metavar="N",
              help="Compress a larger target to so many weighted points; 0 keeps all.")
@click.option("--choose", type=options.FiniteRange(0, min_open=True), default=_DEFAULTS.choose, show_default=True,
              metavar="K|F", help="Documents to be chosen, or below 1 their fraction: the summary's expected_overlap "
                                  "is the part of them that another --seed would choose, too.")
@click.option("--allow-unconverged", is_flag=True, help="Write the file all the same.")
@click.option("--seed", type=click.IntRange(0, _MOST_SEED), default=_DEFAULTS.seed, show_default=True,
              help="Of all that is random.")
@click.option("--share", type=options.FiniteRange(0, 1, min_open=True), default=None, metavar="L",
              help="Fit what is best for --choose documents that will be so much of what the model has seen, up to 1, "
                   "in place of the first step towards them. Prints the distance after either choice.")
@click.option("--rounds", type=click.IntRange(1), default=None, metavar="N",
              help="Of round-robin: documents each target row takes. Default: 65536 among all.")
@click.option("--gumbel", is_flag=True, help="Of dsir: add noise, so that the best are a sample in proportion.")
@click.option("--min-words", type=click.IntRange(0), default=_DEFAULTS.min_words, show_default=True, metavar="N",
              help="Of dsir: shorter texts score lowest.")
@options.text_key
@options.skip_invalid
@options.long
@options.threads
@options.device
@options.common
@click.pass_context
def command(context: click.Context, /, pool: tuple[str, ...], target: str, output: str | None, screen: bool,
            method: str, threads: int | None, allow_unconverged: bool, quiet: bool, **how: Any) -> None:
    """Fit a rule to a target, by default its optimal-transport potentials; print a JSON summary.

    Reads .npy vectors, each file once, once more for each of --passes, and once more for --share where the sample is
    not the whole pool (standard input and pipes then go through temporary files). Writes one .npz of the size of the
    target, and of d x d numbers where vectors are whitened. Holds the target, the sample (--pool-sample rows, float16
    where the files are) and at most 256 MiB of products; never the pool.

    Baselines: mean and nearest score by the distance to the target's mean and to its nearest row; round-robin lets
    each target row in turn take its nearest document (reads the pool twice or more); classifier is logistic regression;
    dsir compares hashed words and word pairs, and reads records (JSON Lines) in place of vectors; random.

    \b
    Examples:
      ds-target-stats --target target.npy emb/*.npy -o target.npz
      ds-target-stats --target target.npy --source pretraining.npy --passes 3 emb/*.npy -o target.npz
      ds-target-stats --screen --target target.npy emb/*.npy
      ds-target-stats --method dsir --target target.jsonl pool/*.jsonl.zst -o dsir.npz
    """
    run = Run("ds-target-stats", quiet)
    if how["whiten"] and how["center"] is False:
        how["whiten"], how["center"] = one_of(whiten=how["whiten"], center=how["center"])
    rule = RULES[method]
    _require_heard(context, method, rule)
    require_step(context, rule, how)
    written = _output(output, screen)
    names = list(how["source"] or pool) or [STANDARD]
    ranked = list(pool) if how["source"] else []
    mixes = [mixed(item)[0] for item in how["mix"]]
    beside = [*mixes, *_weighing_files(how)]
    if [target, *names, *ranked, *beside].count(STANDARD) > 1:
        raise UsageError("standard input can be read once: give `-` at most once")
    if how["passes"] and STANDARD in mixes:
        raise UsageError("--mix -: standard input can be read once; with --passes name a file")
    if screen:
        print_text(screened_table(target, pool, options.thread_count(threads), how, run))
        run.close()
        return
    require_apart([written], [target, *names, *ranked, *beside])
    embedders = Embedders()
    with ExitStack() as stack:
        if how["passes"] or rule.rereads or how["share"]:
            names = stack.enter_context(rereadable(names))
            ranked = stack.enter_context(rereadable(ranked))
            how["weights"] = stack.enter_context(rereadable(list(how["weights"])))
        cpus = options.thread_count(threads)
        if rule.reads == "texts":
            fitted, inputs = fit_texts(rule, target, names, cpus, how, run)
        else:
            fitted, inputs = fit_rows(rule, target, names, ranked, embedders, cpus, how)
    _count(inputs, run)
    printed = fitted.summary | inputs
    if ranked:
        run.say(f"the pool {pool_use(rule, printed)}; --source is what the rule is fitted at")
    _judge(printed, how["tol"], allow_unconverged, run)
    _write(written, method, fitted._replace(summary=fitted.summary | {"embedder": embedders.identity}))
    print_json(printed)
    run.close()


def _weighing_files(how: dict[str, Any]) -> list[str]:
    """Return the files that say what rows and target texts weigh."""
    masses = [] if how["target_mass"] in (TEXT, WORDS, ROOT_WORDS) else [how["target_mass"]]
    return [*how["weights"], *masses, *([how["target_texts"]] if how["target_texts"] else [])]


def _output(name: str | None, screen: bool) -> str:
    """Return where the target file goes. Raises: UsageError for no name where one is needed, or another file's."""
    if name is None and not screen:
        raise UsageError("nowhere to write: give -o FILE.npz, or --screen for distances alone")
    require_ending(name or STANDARD, TARGET)
    return name or STANDARD


def _count(inputs: dict[str, Any], run: Run) -> None:
    """Say what the inputs held beside what the rule was fitted to."""
    run.advance(inputs.get("source_read", 0))
    run.note(inputs.get("source_blank", 0), "rows without content left out")
    run.note(inputs.get("pool_blank", 0), "rows of the pool without content left out")
    run.note(inputs.get("target_blank", 0), "rows of the target without content left out")


def _require_heard(context: click.Context, method: str, rule: Rule) -> None:
    """Raises: UsageError for an option on the command line that the rule does not listen to."""
    if context.params["screen"]:
        rule, method = rule._replace(options=SCREEN_OPTIONS), f"{method} --screen"
    heard = {"pool", "target", "output", "screen", "method", "threads", "quiet", "help"} | rule.options
    if context.params["screen"]:
        heard -= {"output", "method"}
    idle = _idle(context.params, rule)
    for option in context.command.params:
        name = option.name or ""
        if options.on_command_line(context, name) and (name not in heard or name in idle):
            raise UsageError(f"{option.opts[0]} does nothing with --method {method}{idle.get(name, '')}; leave it out")


def _idle(params: dict[str, Any], rule: Rule) -> dict[str, str]:
    """Options of the rule that do nothing beside the others as they are given, and what makes them idle."""
    idle: dict[str, str] = {}
    if "gumbel" in rule.options and not params["gumbel"]:
        idle |= {"seed": " without --gumbel"}
    if "rounds" in rule.options and not params["whiten"]:
        idle |= dict.fromkeys(("seed", "pool_sample"), " without --whiten")
    if params["epsilon"] == 0.0:
        idle |= dict.fromkeys(("passes", "tol", "max_iterations", "allow_unconverged"), " and --epsilon 0")
    return idle


def _judge(summary: dict[str, Any], tolerance: float, allow_unconverged: bool, run: Run) -> None:
    """Says the warnings; an error where the potentials are not what was asked for."""
    if "share" in summary:
        from gotd.methods.finite_step import advice

        run.say(advice(summary))
    for warning in summary["warnings"]:
        run.say(f"warning: {warning}")
    if summary["converged"] or allow_unconverged:
        return
    if summary["marginal_error"] > tolerance:
        raise GotdError(
            f"not converged: marginal error {summary['marginal_error']:.2g} after {summary['iterations']} iterations, "
            f"{tolerance:g} was asked; raise --max-iterations, --passes, --tol or --epsilon, or say --allow-unconverged"
        )
    raise GotdError(
        f"not converged: the marginals hold, but one more step would move scores by {summary['score_error']:.2g} of "
        "their standard deviation: the target has parts that are many epsilons apart; raise --epsilon, "
        "--max-iterations or --passes, or say --allow-unconverged"
    )


def _write(output: str, method: str, fitted: "Fitted") -> None:
    """Raises: GotdError where ds-score would refuse the file."""
    try:
        check_contents(method, fitted.arrays, fitted.summary)
    except ValueError as error:
        raise GotdError(f"what --method {method} fitted cannot score: {error}; are the vectors huge?") from error
    with open_output(output) as sink:
        write_target(sink, fitted.arrays, fitted.summary)


main = entry_point(command)
