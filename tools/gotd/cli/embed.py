"""ds-embed: records to vectors, or to records that carry them."""

from collections.abc import Iterator

import click

from gotd.cli import _options as options
from gotd.cli._dry_run import report
from gotd.cli._frame import Run, entry_point, print_text
from gotd.cli._jobs import Job, has_nothing_to_do, is_directory, jobs, run_jobs
from gotd.embedders.loading import load
from gotd.embedders.protocol import Embedder
from gotd.streams.arrays import ArrayWriter
from gotd.streams.carried import with_embeddings
from gotd.streams.json_fields import text_of
from gotd.streams.records import Record, RecordReader, RecordWriter, Skipping, read_records, windows
from gotd.streams.seal import Digest, MadeBy, RecordRun, made_by
from gotd.streams.sinks import Sink, open_output
from gotd.streams.sources import open_input

#: Texts given to the embedder at once.
_WINDOW = 2048


@click.command("ds-embed")
@options.inputs
@options.output
@click.option("--model", "models", multiple=True, default=("hash",), show_default="hash", metavar="NAME|FOLDER",
              help="hash, a model2vec folder, a Hugging Face folder or name. Twice: unit vectors side by side.")
@click.option("--dimension", type=click.IntRange(2), default=None, help="Of hash; default 1024.")
@click.option("--max-tokens", type=click.IntRange(1), default=None, help="Of a text; default: the model's own.")
@click.option("--batch-tokens", type=click.IntRange(1), default=None, help="Tokens in a transformer's batch.")
@click.option("--precision", type=click.Choice(["float32", "bfloat16", "float16"]), default="float32",
              show_default=True, help="Of a transformer's network; pooling is in float32.")
@options.device
@click.option("--dtype", type=click.Choice(["float16", "float32"]), default="float16", show_default=True,
              help="Of vectors in files; safe in half precision.")
@options.shard
@options.text_key
@options.skip_invalid
@options.long
@options.threads
@options.dry_run
@options.common
def command(files: tuple[str, ...], output: str, models: tuple[str, ...], dimension: int | None,
            max_tokens: int | None, batch_tokens: int | None, precision: str, device: str, dtype: str,
            shard: str | None, text_key: str, skip_invalid: int, long_window: bool, threads: int | None,
            dry_run: bool, quiet: bool) -> None:
    """Turn records into vectors.

    Reads JSON Lines (zstd, gzip, plain). Writes one .npy for -o FILE.npy, one for each input for -o DIR/, and
    records with an "embedding" field (base64 of float16) to a pipe. Holds the model and a window of 2048 texts.
    Row i belongs to record i; finished outputs are recognised by their seal and not made again.

    \b
    Examples:
      ds-embed pool/*.jsonl.zst -o emb/
      ds-embed target.jsonl -o target.npy
      ds-embed --dry-run pool/*.jsonl.zst -o emb/
      ds-chunk pool.jsonl.zst | ds-embed | ds-score --target target.npz | ds-topk -k 5000 -o best.jsonl.zst
    """
    run = Run("ds-embed", quiet)
    found = jobs(files, output, ".npy", shard, dry_run)
    if has_nothing_to_do(found, files, run):
        return
    embedder = load(models, device=device, threads=options.thread_count(threads), max_tokens=max_tokens,
                    dimension=dimension, batch_tokens=batch_tokens, dtype=precision)
    skipping = Skipping(skip_invalid)
    complete = 0
    vectors = is_directory(output) or output.endswith(".npy")
    maker = made_by("ds-embed", {"text_key": text_key} | ({"dtype": dtype} if vectors else {}),
                    embedder=embedder.identity)

    def work(job: Job, sink: Sink, mine: MadeBy, run: Run) -> None:
        digest = Digest()
        texts = windows(_records(job.inputs, text_key, skipping, long_window, digest), _WINDOW)
        if vectors:
            writer = ArrayWriter(sink, "vectors", "<f2" if dtype == "float16" else "<f4", embedder.dimension, mine)
            _write_vectors(texts, embedder, writer, text_key, digest, run)
        else:
            _write_records(texts, embedder, RecordWriter(sink, mine), text_key, run)

    if dry_run:
        print_text(report(found, maker, work, len(files), run))
        return
    for job, mine in run_jobs(found, maker):
        if mine is None:
            complete += 1
            continue
        with open_output(job.output) as sink:
            work(job, sink, mine, run)
    run.note(complete, "outputs were already complete")
    run.note(skipping.skipped, "bad records skipped")
    run.note(embedder.counts.empty, "empty texts")
    run.note(embedder.counts.truncated, "texts truncated")
    run.close()


def _records(names: list[str], text_key: str, skipping: Skipping, long_window: bool,
             digest: Digest) -> Iterator[list[Record]]:
    """Records of all inputs in order."""
    for name in names:
        with open_input(name) as source:
            reader = RecordReader(source, long_window)
            yield from read_records(reader, skipping, lambda fields: text_of(fields, text_key), digest)


def _write_vectors(texts: Iterator[list[Record]], embedder: Embedder, writer: ArrayWriter, text_key: str,
                   digest: Digest, run: Run) -> None:
    for window in run.until_enough(texts):
        writer.write(embedder.embed([record.fields[text_key] for record in window]))
        run.advance(len(window))
    writer.records.append(RecordRun(digest.rows, digest.hexdigest()))
    writer.finish()


def _write_records(texts: Iterator[list[Record]], embedder: Embedder, writer: RecordWriter, text_key: str,
                   run: Run) -> None:
    for window in run.until_enough(texts):
        writer.write(with_embeddings(window, embedder.embed([record.fields[text_key] for record in window])))
        run.advance(len(window))
    writer.finish()


main = entry_point(command)
