"""ds-probe: which choice helps, before anything is trained."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Annotated

import click

from gotd.cli import _options as options
from gotd.cli._frame import Run, entry_point, prepare_process
from gotd.cli._printing import print_json, print_text
from gotd.errors import UsageError
from gotd.streams.locations import STANDARD
from gotd.streams.record_text import RecordText
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
        help="What random choices are drawn from; default the source; may be given again.")]
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
    as_json: Annotated[bool, click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")]
    vector_key: Annotated[str | None, options.vector_key]
    target_text: Annotated[RecordText, options.target_text]
    text: Annotated[RecordText, options.text]
    skip_invalid: Annotated[int, options.skip_invalid]
    long_window: Annotated[bool, options.long]
    threads: Annotated[int | None, options.threads]


@click.command("ds-probe")
@click.argument("choices", nargs=-1, metavar="[CHOICE]...", callback=options.listed)
@options.gathered(ProbeOptions)
@options.common
def command(asked: ProbeOptions, choices: tuple[str, ...], quiet: bool) -> None:
    """Compare choices without training: what would each do for a model of the target?

    Prints the cross-entropy of held-out target text under an n-gram model of (1 - L) source + L choice, in nats a word,
    for no choice, random ones of the same words, and each CHOICE. It has two averages. By the word all words count
    alike: what is the loss of a model on this text? By the text every text counts alike, whatever its length: which
    choice answers the question that got was asked, which gives all target texts the same mass? Where texts are of
    unlike lengths, the two may name different choices.

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
    a single text takes up to 70 times its bytes.

    \b
    Examples:
      ds-probe --target held-out.jsonl --source pool.jsonl.zst selected.jsonl.zst
      ds-topk -k 300 --scores scores/ pool/*.jsonl.zst | ds-probe --json --target held-out.jsonl --source pool.jsonl.zst
    """
    run = Run("ds-probe", quiet)
    names = list(choices) or [STANDARD]
    every = [*names, asked.target, *asked.source, *asked.pool, *asked.vectors, *asked.source_vectors,
             asked.target_vectors]
    if every.count(STANDARD) > 1:
        raise UsageError("standard input can be read once: give `-` at most once")
    given = bool(asked.target_vectors), bool(asked.source_vectors), bool(asked.vectors)
    if any(given) and not all(given):
        raise UsageError("distances need all three: --target-vectors, --source-vectors and --vectors")
    if all(given) and len(asked.vectors) != len(names):
        raise UsageError(f"{len(asked.vectors)} --vectors for {len(names)} choices: give one for each, in their order")
    cpus = prepare_process(options.thread_count(asked.threads))
    from gotd.cli._probing import probe

    with ExitStack() as stack:
        source, pool, vectors = (stack.enter_context(rereadable(list(each)))
                                 for each in (asked.source, asked.pool, asked.source_vectors))
        found = probe(names, replace(asked, source=source, pool=pool, source_vectors=vectors), cpus, run)
        if isinstance(found, str):
            print_text(found)
        else:
            print_json(found)
    run.close()


main = entry_point(command)
