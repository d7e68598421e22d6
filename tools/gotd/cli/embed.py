"""ds-embed: records to vectors, or to records that carry them."""

from dataclasses import dataclass
from typing import Annotated

import click

from gotd.cli import _options as options
from gotd.cli._contents import texts_content, whole_content
from gotd.cli._dry_run import report
from gotd.cli._embedding import embed_all, embed_into, tell
from gotd.cli._environment import is_from_environment
from gotd.cli._frame import Run, entry_point, prepare_process
from gotd.cli._jobs import Job, Making, Provenance, has_nothing_to_do, inputs_to_read, jobs, run_jobs
from gotd.cli._outputs import is_array, is_directory, is_plain
from gotd.cli._printing import print_text
from gotd.cli._row_counts import expected_rows
from gotd.cli._shard import part_of
from gotd.embedders.loading import load
from gotd.errors import UsageError
from gotd.streams.record_files import ReadOptions
from gotd.streams.record_text import RecordText
from gotd.streams.records import Skipping
from gotd.streams.seal import MadeBy
from gotd.streams.sinks import Sink

#: One more whenever the same texts, embedder and options give other bytes; embedders have revisions of their own.
REVISION = 1
#: Options that not every model has.
_OF_SOME_MODELS = ("dimension", "max_tokens", "batch_tokens", "pooling", "precision", "device")
_DTYPES = {"float16": "<f2", "float32": "<f4"}


@dataclass(frozen=True)
class EmbedOptions:
    """Options of ds-embed; what they mean is in its help."""

    output: Annotated[str, options.output]
    plain: Annotated[bool, options.plain]
    models: Annotated[tuple[str, ...], click.option(
        "--model", "models", multiple=True, default=("hash",), show_default="hash", metavar="NAME|FOLDER",
        help="hash, a model2vec folder, a Hugging Face folder or name. Twice: unit vectors side by side.")]
    dimension: Annotated[int | None, click.option("--dimension", type=click.IntRange(2), help="Of hash; default 1024.")]
    max_tokens: Annotated[int | None, click.option(
        "--max-tokens", type=click.IntRange(1), help="Of a text; default: the model's own.")]
    batch_tokens: Annotated[int | None, click.option(
        "--batch-tokens", type=click.IntRange(1), help="Tokens in a transformer's batch.")]
    pooling: Annotated[str | None, click.option(
        "--pooling", metavar="NAME",
        help="From a transformer's tokens to a vector, in place of the model's own way and without what it does "
             "after: mean, weightedmean, cls, lasttoken, max, mean_sqrt_len_tokens, padded-mean.")]
    precision: Annotated[str, click.option(
        "--precision", type=click.Choice(["auto", "float32", "bfloat16", "float16"]), default="auto",
        show_default=True,
        help="Of a transformer's network; auto: the faster of float32 and bfloat16, as a trial of some "
             "milliseconds finds on this machine.")]
    device: Annotated[str, click.option(
        "--device", default="auto", show_default=True,
        help="Of a transformer: cpu, cuda, cuda:1; several with commas; auto: all GPUs, or the CPU.")]
    dtype: Annotated[str, click.option(
        "--dtype", type=click.Choice(["float16", "float32"]), default="float16", show_default=True,
        help="Of vectors in files; float16 unless a model's numbers are beyond it.")]
    shard: Annotated[str | None, options.shard]
    text: Annotated[RecordText, options.text]
    skip_invalid: Annotated[int, options.skip_invalid]
    long_window: Annotated[bool, options.long]
    threads: Annotated[int | None, options.threads]
    dry_run: Annotated[bool, options.dry_run]


@click.command("ds-embed")
@options.inputs
@options.gathered(EmbedOptions)
@options.common
@click.pass_context
def command(context: click.Context, asked: EmbedOptions, files: tuple[str, ...], quiet: bool) -> None:
    """Turn records into vectors.

    Reads JSON Lines, CSV, Parquet and more, packed or not. Writes one .npy for -o FILE.npy, one for each input for -o
    DIR/, and records with a "gotd_embedding" field (base64 of float16) to a pipe. Holds the model and three windows of
    2048 texts or 8 MiB (8192 texts for each GPU).
    Row i belongs to record i; finished outputs are recognised by their seal and not made again.

    \b
    Examples:
      ds-embed pool/*.jsonl.zst -o emb/
      ds-embed target.jsonl -o target.npy
      ds-embed --dry-run pool/*.jsonl.zst -o emb/
      ds-chunk pool.jsonl.zst | ds-embed | ds-score --target target.npz | ds-topk -k 5000 -o best.jsonl.zst
    """
    run = Run("ds-embed", quiet)
    shard = part_of(asked.shard, asked.output, len(files))
    found = jobs(files, asked.output, ".npy", shard, asked.dry_run)
    if has_nothing_to_do(found, files, shard, run):
        return
    plain = is_plain(asked.output, asked.plain)
    is_vectors = is_directory(asked.output) or is_array(asked.output)
    if asked.dtype != "float16" and not is_vectors and not is_from_environment("dtype"):
        raise UsageError(f"--dtype {asked.dtype}: records carry float16; write vectors to files (-o FILE.npy or "
                         "-o DIR/)")
    cpus = prepare_process(options.thread_count(asked.threads), keeps_memory=set(asked.models) == {"hash"})
    written = _DTYPES[asked.dtype] if is_vectors else None
    reading = ReadOptions(asked.text, Skipping(asked.skip_invalid), asked.long_window)
    # From the environment they are for other models and for the other commands of a chain, too.
    shared = [name for name in _OF_SOME_MODELS if not options.on_command_line(context, name)]
    with load(asked.models, device=asked.device, threads=cpus, max_tokens=asked.max_tokens, dimension=asked.dimension,
              batch_tokens=asked.batch_tokens, precision=asked.precision, pooling=asked.pooling, half=written != "<f4",
              passed_over=shared) as embedder:
        sealed = {"text_key": asked.text.spec} | ({"dtype": asked.dtype} if is_vectors else {})
        def work(provenance: Provenance, sink: Sink, run: Run) -> None:
            embed_into(sink, provenance, embedder, reading, written, run)

        def content_of(_job: Job, name: str) -> str:
            return (texts_content(name, asked.text, asked.skip_invalid, asked.long_window) if is_vectors
                    else whole_content(name, asked.long_window))

        making = Making(MadeBy("ds-embed", REVISION, sealed, embedder=embedder.identity), content_of)
        if asked.dry_run:
            print_text(report(found, making, work, reading.skipping, len(files), run))
            return
        run.expect(lambda: expected_rows(inputs_to_read(found)))
        complete, counts = embed_all(run_jobs(found, making), embedder, reading, written, run, plain)
    run.note(complete, "outputs were already complete")
    run.note(reading.skipping.skipped, "bad records skipped")
    run.note(counts.empty, "texts without content, whose vectors are zero")
    tell(counts, embedder.precision, run)
    run.close()


main = entry_point(command)
