"""ds-chunk: records of about one length."""

import click

from gotd.chunked_records import document_of, lines_of
from gotd.chunking import Chunker, Settings
from gotd.cli import _options as options
from gotd.cli._contents import whole_content
from gotd.cli._environment import unless_idle
from gotd.cli._frame import Run, entry_point
from gotd.cli._jobs import has_nothing_to_do, jobs, run_jobs
from gotd.cli._outputs import is_directory
from gotd.errors import UsageError
from gotd.streams.json_fields import text_of
from gotd.streams.records import RecordReader, RecordWriter, Skipping, read_records
from gotd.streams.seal import MadeBy
from gotd.streams.sinks import open_output
from gotd.streams.sources import open_input

#: One more whenever the same records and options give other chunks.
REVISION = 1
#: Fields that were dropped, named in the closing line.
_FIELDS_NAMED = 5


@click.command("ds-chunk")
@options.inputs
@click.option("--chars", type=click.IntRange(16), default=1000, show_default=True, help="Longest piece, characters.")
@click.option("--min-chars", type=click.IntRange(0), default=0, metavar="N",
              help="Leave out records that are shorter than that, when they have been joined.")
@click.option("--join", default="same", show_default=True, metavar="same|never|FIELD|all",
              help="Neighbours to join: those whose other fields are all the same, none, of one FIELD's value, or any.")
@options.output
@options.shard
@options.text_key
@options.skip_invalid
@options.long
@options.common
def command(files: tuple[str, ...], chars: int, min_chars: int, join: str, output: str, shard: str | None,
            text_key: str, skip_invalid: int, long_window: bool, quiet: bool) -> None:
    """Cut long texts and join short ones into records of about --chars characters, never more.

    Reads and writes records in order; joins only neighbours of one file. A whole document passes byte for byte, but
    that its "id" is a string: a number in quotes, and FILE:LINE, without the folder, where there is none. A piece keeps
    its document's fields, joined ones keep the fields that agree, and "parts" names the documents. Pieces without a
    letter or digit are left out. Holds one document. Finished outputs are recognised by their seal and not made again.

    \b
    Examples:
      ds-chunk pool/*.jsonl.zst -o chunks/
      zcat reviews.jsonl.gz | ds-chunk --chars 500 -o reviews.jsonl.zst
    """
    run = Run("ds-chunk", quiet)
    if text_key in ("id", "parts"):
        raise UsageError(f'--text-key {text_key}: chunks have an "{text_key}" of their own; rename that field first')
    shard = unless_idle("shard", shard, is_directory(output))
    if join in ("id", text_key):
        raise UsageError(f'--join {join}: every record has its own; name a field that neighbours have in common')
    found = jobs(files, output, ".jsonl.zst", shard)
    if has_nothing_to_do(found, files, shard, run):
        return
    skipping = Skipping(skip_invalid)
    chunker = Chunker(Settings(chars, min_chars, join))
    written = done_before = 0
    maker = MadeBy("ds-chunk", REVISION, {"chars": chars, "min_chars": min_chars, "join": join, "text_key": text_key})
    for job, provenance in run_jobs(found, maker, lambda _, name: whole_content(name, long_window), names_matter=True):
        if provenance is None:
            done_before += 1
            continue
        with open_output(job.output) as sink:
            writer = RecordWriter(sink, maker, text_key)
            for name in job.inputs:
                with open_input(name) as source:
                    reader = RecordReader(source, long_window)
                    for batch in read_records(reader, skipping, lambda fields: text_of(fields, text_key)):
                        complete = [chunk for record in batch for chunk in chunker.add(document_of(record, text_key))]
                        writer.write(*lines_of(complete, text_key))
                        run.advance(len(batch))
                    provenance.contents.append(reader.verifier.content)
                writer.write(*lines_of(chunker.flush(), text_key))
            writer.made_by = provenance.complete
            writer.finish()
            written += writer.rows
    run.note(done_before, "outputs were already complete")
    run.notes.append(f"{written:,} chunks")
    _note_counts(chunker, run)
    run.note(skipping.skipped, "bad records skipped")
    run.close()


def _note_counts(chunker: Chunker, run: Run) -> None:
    run.note(chunker.split, "documents split")
    run.note(chunker.joined, "pieces joined")
    run.note(chunker.apart, "short neighbours not joined, whose fields differ (see --join)")
    for key, count in chunker.dropped.most_common(_FIELDS_NAMED):
        run.note(count, f'joined without "{key}", which differs')
    run.note(max(0, len(chunker.dropped) - _FIELDS_NAMED), "more fields dropped like this")
    run.note(chunker.empty, "empty texts left out")
    run.note(chunker.without_content, "pieces without a letter or digit left out")
    run.note(chunker.short, "shorter than --min-chars left out")


main = entry_point(command)
