"""ds-probe: which choice helps, before anything is trained."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Annotated

import click

from gotd.cli import _options as options
from gotd.cli._frame import Run, entry_point, prepare_process
from gotd.cli._outputs import require_apart, require_ending
from gotd.cli._printing import json_bytes, print_json, print_text
from gotd.cli._row_counts import expected_rows
from gotd.errors import UsageError
from gotd.streams.locations import STANDARD
from gotd.streams.record_text import RecordText
from gotd.streams.sinks import open_output
from gotd.streams.sources import rereadable


@dataclass(frozen=True)
class ProbeOptions:
    """Options of ds-probe; what they mean is in its help. share : lambda"""

    target: Annotated[str, click.option("--target", required=True, metavar="FILE", help="Held-out texts of the task.")]
    source: Annotated[Sequence[str], click.option(
        "--source", multiple=True, required=True, metavar="FILE", callback=options.listed,
        help="A sample of what the model was trained on, or of the pool; may be given again.")]
    pool: Annotated[Sequence[str], click.option(
        "--pool", multiple=True, metavar="FILE", callback=options.listed,
        help="What random choices are drawn from, and what --rules choose from; default the source; may be given "
             "again.")]
    rules: Annotated[bool, click.option(
        "--rules", is_flag=True,
        help="Which rule? Fit rules to a part of --target, and judge what they choose out of the pool by the rest.")]
    curve: Annotated[bool, click.option(
        "--curve", is_flag=True, help="Which k? Judge the first N, 2 N, 4 N ... of one CHOICE, best first.")]
    output: Annotated[str | None, click.option(
        "-o", "--output", metavar="FILE.json", help="Write it as JSON there, too; ds-report --probe reads it.")]
    as_json: Annotated[bool, click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")]
    share: Annotated[float, click.option(
        "--lambda", "share", type=options.FiniteRange(0, 1), default=0.3, show_default=True, metavar="L",
        help="Share of the choice in the effective distribution (1 - L) source + L choice.")]
    budget: Annotated[int | None, click.option(
        "--budget", type=click.IntRange(1), metavar="WORDS",
        help="Count the first so many words of each choice. Default: each as it is.")]
    group: Annotated[str | None, click.option(
        "--group", metavar="KEY", callback=options.readable,
        help="Field of the target's records: those with the same value are resampled together. Default: copies and "
             "near copies are.")]
    draws: Annotated[int, click.option(
        "--draws", type=click.IntRange(2), default=5, show_default=True, metavar="N",
        help="Random choices of each size.")]
    order: Annotated[int, click.option(
        "--order", type=click.IntRange(2, 3), default=3, show_default=True, help="Of the n-grams.")]
    resamples: Annotated[int, click.option(
        "--resamples", type=click.IntRange(100), default=2000, show_default=True, metavar="N",
        help="Of the held-out texts, for the intervals.")]
    max_target: Annotated[int, click.option(
        "--max-target", type=click.IntRange(1), default=20000, show_default=True, metavar="N",
        help="Held-out texts that judge; of more, a random part.")]
    seed: Annotated[int, click.option(
        "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of random choices and resamples.")]
    target_vectors: Annotated[str | None, click.option(
        "--target-vectors", metavar="FILE.npy", help="Of the target: print distances too.")]
    source_vectors: Annotated[Sequence[str], click.option(
        "--source-vectors", multiple=True, metavar="FILE.npy", callback=options.listed,
        help="Of the source, in its order.")]
    vectors: Annotated[Sequence[str], click.option(
        "--vectors", multiple=True, metavar="FILE.npy", callback=options.listed,
        help="Of each choice, in the order of the choices.")]
    vector_key: Annotated[str | None, options.vector_key]
    lines: Annotated[Sequence[str], click.option(
        "--rule", "lines", multiple=True, metavar="LINE",
        help="With --rules: a rule and its options, as 'got --no-whiten'; may be given again. Default: got, also with "
             "--target-mass sqrt-words and with --no-whiten, mean, nearest, round-robin, classifier, dsir.")]
    fraction: Annotated[float, click.option(
        "--fraction", type=options.FiniteRange(0, 1, min_open=True), default=0.02, show_default=True, metavar="F",
        help="With --rules: share of the pool's words that each chooses; or --budget.")]
    fit_share: Annotated[float, click.option(
        "--fit-share", type=options.FiniteRange(0, 1, min_open=True, max_open=True), default=0.5, show_default=True,
        metavar="F", help="With --rules: share of the target's texts that rules are fitted to.")]
    max_pool: Annotated[int, click.option(
        "--max-pool", type=click.IntRange(1), default=50000, show_default=True, metavar="N",
        help="With --rules: texts that are chosen from; of more, a random part.")]
    models: Annotated[Sequence[str], click.option(
        "--model", "models", multiple=True, default=("hash",), show_default="hash", metavar="NAME|FOLDER",
        help="With --rules: embeds target and pool, as in ds-embed.")]
    device: Annotated[str, options.device]
    first: Annotated[int | None, click.option(
        "--first", type=click.IntRange(1), metavar="N",
        help="With --curve: the smallest prefix, in documents. Default: a 64th of all.")]
    target_text: Annotated[RecordText, options.target_text]
    text: Annotated[RecordText, options.text]
    skip_invalid: Annotated[int, options.skip_invalid]
    long_window: Annotated[bool, options.long]
    threads: Annotated[int | None, options.threads]
    dry_run: Annotated[bool, options.dry_run]

    def require_mode(self, context: click.Context, choices: Sequence[str]) -> None:
        """Raise UsageError for what does nothing in the way the command is used, or is missing there."""
        if self.rules and self.curve:
            raise UsageError("--rules and --curve: give one")
        mode = "--rules" if self.rules else "--curve" if self.curve else ""
        for name, modes in _MODES.items():
            option = next(each for each in context.command.params if each.name == name)
            if options.on_command_line(context, name) and mode not in modes:
                wanted = f"is for {modes[0]}" if modes[0] else f"does nothing with {mode}"
                raise UsageError(f"{max(option.opts, key=len)} {wanted}; leave it out")
        if self.rules and choices:
            raise UsageError(f"--rules make the choices themselves: leave out {choices[0]}")
        if self.curve and len(choices) > 1:
            raise UsageError(f"--curve judges one ranking, and there are {len(choices)}: give one")
        self._require_vectors(len(choices) or 1)

    def _require_vectors(self, choices: int) -> None:
        of_target, of_source, every = bool(self.target_vectors), bool(self.source_vectors), bool(self.vectors)
        if self.rules:
            if of_target != every:
                raise UsageError("--rules need both: --target-vectors, and --vectors of what they choose from")
        elif of_target or of_source or every:
            if not (of_target and of_source and every):
                raise UsageError("distances need all three: --target-vectors, --source-vectors and --vectors")
            if len(self.vectors) != choices:
                raise UsageError(f"{len(self.vectors)} --vectors for {choices} choices: give one for each, in their "
                                 "order")


#: Ways to use the command in which an option does something; "" compares choices.
_MODES = {
    "lines": ("--rules",), "fraction": ("--rules",), "fit_share": ("--rules",), "max_pool": ("--rules",),
    "models": ("--rules",), "device": ("--rules",), "first": ("--curve",), "budget": ("", "--rules"),
    "source_vectors": ("",), "target_vectors": ("", "--rules"), "vectors": ("", "--rules"),
}


@click.command("ds-probe")
@click.argument("choices", nargs=-1, metavar="[CHOICE]...", callback=options.listed)
@options.gathered(ProbeOptions)
@options.common
@click.pass_context
def command(context: click.Context, asked: ProbeOptions, choices: tuple[str, ...], quiet: bool) -> None:
    """Compare choices without training: what would each do for a model of the target?

    Prints the cross-entropy of held-out target text under an n-gram model of (1 - L) source + L choice, in nats a word,
    for no choice, random ones of the same words, and each CHOICE. It has two averages. By the word all words count
    alike: what is the loss of a model on this text? By the text every text counts alike, whatever its length: which
    choice answers the question that got was asked, which gives all target texts the same mass? Where texts are of
    unlike lengths, the two may name different choices.

    --rules answers which rule is best for this target, before the pool is embedded: rules are fitted to half of the
    target's texts, choose --fraction of a sample of the pool, and are judged by the other half; copies, or a --group,
    are never parted. The last lines say which is best, and how ds-target-stats is told. --curve answers how many
    documents to take: the first N, 2 N, 4 N ... of one ranking, whole, and by as many words of each.

    "random" is the mean of several draws. "to random" and "to best" are paired differences, below zero where the row
    is better. Intervals are of 95 %, by bootstrap-t over units: copies and near copies of a text (or a --group) are one
    unit. In simulations with skewed units (scripts/bench/coverage.py) they held the truth in 94 to 97 % of cases with
    30, 100 and 300 units and in 93 to 96 % with 10; those "to random", which cover how the draws differ as well, in up
    to 99 %. Those "to best", the lowest of the choices, hold for all rows at once, whichever choice is the best.

    With vectors it prints also the entropic optimal-transport distance to the target, by squared distances that are not
    whitened (of `hash` vectors centred), eps 0.05 of their standard deviation. Target text that stands in a choice,
    given or random, is left out of all figures, and counted.

    Reads records (zstd, gzip, plain): every choice once, the source twice (standard input then goes through a temporary
    file), --pool twice. Holds the target and the counts of its words, pairs and triples, some 300 bytes a word of it
    and 40 more for each choice and each random one; of the source, the pool and the choices a few blocks, for which
    a single text takes up to 70 times its bytes. --rules holds also --max-pool texts with their vectors, and --curve
    reads the CHOICE once for each prefix and three times more.

    \b
    Examples:
      ds-probe --target held-out.jsonl --source pool.jsonl.zst selected.jsonl.zst
      ds-probe --dry-run --target held-out.jsonl --source pool.jsonl.zst selected.jsonl.zst
      ds-probe --rules --target target.jsonl --source pool.jsonl.zst -o rules.json
      ds-probe --curve --target held-out.jsonl --source pool.jsonl.zst selected.jsonl.zst
      ds-topk -k 300 --scores scores/ pool/*.jsonl.zst | ds-probe --json --target held-out.jsonl --source pool.jsonl.zst
    """
    run = Run("ds-probe", quiet)
    asked.require_mode(context, choices)
    names = [] if asked.rules else list(choices) or [STANDARD]
    every = [*names, asked.target, *asked.source, *asked.pool, *asked.vectors, *asked.source_vectors,
             *([asked.target_vectors] if asked.target_vectors else [])]
    if every.count(STANDARD) > 1:
        raise UsageError("standard input can be read once: give `-` at most once")
    if asked.output is not None:
        require_ending(asked.output, (".json",))
        require_apart([asked.output], every)
    cpus = prepare_process(options.thread_count(asked.threads))
    if asked.dry_run:
        from gotd.cli._probe_plan import ProbePlan

        print_text(ProbePlan(names, asked, cpus).report(run))
        return
    run.expect(lambda: expected_rows([*names, asked.target, *asked.source, *asked.pool]))
    from gotd.cli._probing import Found, probe, probe_prefixes
    from gotd.cli._probing_rules import probe_rules

    with ExitStack() as stack:
        source, pool, vectors, read_again = (
            stack.enter_context(rereadable(list(each)))
            for each in (asked.source, asked.pool, asked.source_vectors, names if asked.curve else []))
        asked = replace(asked, source=source, pool=pool, source_vectors=vectors)
        found: Found
        if asked.rules:
            found = probe_rules(asked, cpus, run)
        elif asked.curve:
            found = probe_prefixes(read_again[0], asked, cpus, run)
        else:
            found = probe(names, asked, cpus, run)
    if asked.output is not None:
        with open_output(asked.output) as sink:
            sink.write(json_bytes(found.record))
    if asked.as_json:
        print_json(found.record)
    else:
        print_text(found.table)
    run.close()


main = entry_point(command)
