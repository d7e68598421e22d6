"""ds-chunk: records of about one length."""

import sys
from dataclasses import dataclass
from typing import Annotated

import click

from gotd.chunked_records import DocumentReader, lines_of
from gotd.chunking import Chunker, Settings
from gotd.cli import _options as options
from gotd.cli._contents import whole_content
from gotd.cli._dry_run import report
from gotd.cli._frame import Run, entry_point
from gotd.cli._jobs import Making, Provenance, has_nothing_to_do, inputs_to_read, jobs, run_jobs
from gotd.cli._outputs import is_plain
from gotd.cli._printing import print_text
from gotd.cli._row_counts import expected_rows
from gotd.cli._shard import part_of
from gotd.errors import UsageError
from gotd.streams.record_files import record_readers
from gotd.streams.record_text import TEXT_FIELD, RecordText
from gotd.streams.records import RecordReader, RecordWriter, Skipping, read_records
from gotd.streams.seal import MadeBy
from gotd.streams.sinks import Sink, open_output
from gotd.types import JSON

#: One more whenever the same records and options give other chunks.
REVISION = 1
#: Fields that were dropped, named in the closing line.
_FIELDS_NAMED = 5


@dataclass(frozen=True)
class ChunkOptions:
    """Options of ds-chunk; what they mean is in its help."""

    chars: Annotated[int, click.option(
        "--chars", type=click.IntRange(16), default=1000, show_default=True,
        help="Longest piece, characters. For a target of short texts: about twice their length, 250 or more.")]
    whole: Annotated[bool, click.option(
        "--whole", is_flag=True, help="Neither cut nor join: documents as they are, each with an id.")]
    min_chars: Annotated[int, click.option(
        "--min-chars", type=click.IntRange(0), default=0, metavar="N",
        help="Leave out records that are shorter than that, when they have been joined.")]
    join: Annotated[str, click.option(
        "--join", default="same", show_default=True, metavar="same|never|FIELD|all",
        help="Neighbours to join: those whose other fields are all the same, none, of one FIELD's value, or any.")]
    output: Annotated[str, options.output]
    plain: Annotated[bool, options.plain]
    shard: Annotated[str | None, options.shard]
    text: Annotated[RecordText, options.text]
    skip_invalid: Annotated[int, options.skip_invalid]
    long_window: Annotated[bool, options.long]
    dry_run: Annotated[bool, options.dry_run]

    @property
    def settings(self) -> Settings:
        """How texts are cut and joined."""
        if self.whole:
            return Settings(sys.maxsize, self.min_chars, "never")
        return Settings(self.chars, self.min_chars, self.join)

    @property
    def sealed(self) -> dict[str, JSON]:
        """Those that chunks depend on, as their seal has them."""
        cut: dict[str, JSON] = {"whole": True} if self.whole else {"chars": self.chars}
        joined: dict[str, JSON] = {} if self.whole else {"join": self.join}
        return {**cut, "min_chars": self.min_chars, **joined, "text_key": self.text.spec}


@click.command("ds-chunk")
@options.inputs
@options.gathered(ChunkOptions)
@options.common
@click.pass_context
def command(context: click.Context, asked: ChunkOptions, files: tuple[str, ...], quiet: bool) -> None:
    """Cut long texts and join short ones into records of about --chars characters, never more.

    Reads and writes records in order; joins only neighbours of one file. A whole document passes byte for byte, but
    that its "id" is a string: a number in quotes, and FILE:LINE, without the folder, where there is none. A piece keeps
    its document's fields, joined ones keep the fields that agree, and "parts" names the documents. Pieces without a
    letter or digit are left out. Text that is made (--text-template, messages) stands in "text", and pieces have not
    the fields it was made from. Holds one document. Finished outputs are recognised by their seal and not made again.

    \b
    Examples:
      ds-chunk pool/*.jsonl.zst -o chunks/
      ds-chunk --dry-run pool/*.jsonl.zst -o chunks/
      ds-chunk --text-template '{question}\\n\\n{answer}' faq.csv -o faq.jsonl.zst
      zcat reviews.jsonl.gz | ds-chunk --chars 500 -o reviews.jsonl.zst
    """
    run = Run("ds-chunk", quiet)
    _refuse_what_cannot_be(context, asked.text)
    shard = part_of(asked.shard, asked.output, len(files))
    plain = is_plain(asked.output, asked.plain)
    found = jobs(files, asked.output, ".jsonl.zst", shard, asked.dry_run)
    if has_nothing_to_do(found, files, shard, run):
        return
    maker = MadeBy("ds-chunk", REVISION, asked.sealed)
    making = Making(maker, lambda _job, name: whole_content(name, asked.long_window), names_matter=True)
    if asked.dry_run:
        skipping = Skipping(asked.skip_invalid)

        def work(provenance: Provenance, sink: Sink, sample: Run) -> None:
            _Files(asked, skipping, sample).chunk_all(sink, provenance)

        print_text(report(found, making, work, skipping, len(files), run))
        return
    run.expect(lambda: expected_rows(inputs_to_read(found)))
    files_of = _Files(asked, Skipping(asked.skip_invalid), run)
    written = done_before = 0
    for job, provenance in run_jobs(found, making):
        if provenance is None:
            done_before += 1
            continue
        with open_output(job.output, plain) as sink:
            written += files_of.chunk_all(sink, provenance)
    run.note(done_before, "outputs were already complete")
    run.notes.append(f"{written:,} chunks")
    files_of.tell()
    run.close()


class _Files:
    """Files of records, chunked one after the other.

    field : where the text of chunks stands: text that is made, of several fields or of messages, has one of its own
    replaced : records that had another text there
    """

    def __init__(self, asked: ChunkOptions, skipping: Skipping, run: Run) -> None:
        self._text, self._skipping, self._long_window = asked.text, skipping, asked.long_window
        self.field, self.replaced = asked.text.key if asked.text.template is None else TEXT_FIELD, 0
        self._chunker, self._run = Chunker(asked.settings), run
        self._documents = DocumentReader(asked.text)

    def chunk_all(self, sink: Sink, provenance: Provenance) -> int:
        """Write the chunks of a job's inputs, or of them what the run wants; return how many."""
        writer = RecordWriter(sink, provenance.made_by, self._text)
        for reader in record_readers(provenance.job.inputs, self._long_window):
            self._chunk(reader, writer)
            provenance.contents.append(reader.verifier.content)
        writer.text = RecordText(self.field)
        writer.made_by = provenance.complete
        writer.finish()
        return writer.rows

    def _chunk(self, reader: RecordReader, writer: RecordWriter) -> None:
        text, chunker = self._text, self._chunker
        for batch in self._run.until_enough(read_records(reader, self._skipping, text.of)):
            if not text.is_in_place(batch[0].fields):
                self.field = TEXT_FIELD
                self.replaced += sum(TEXT_FIELD in each.fields for each in batch if TEXT_FIELD not in text.paths)
            complete = [chunk for record in batch for chunk in chunker.add(self._documents.document(record))]
            writer.write(*lines_of(complete, self.field))
            self._run.advance(len(batch))
        writer.write(*lines_of(chunker.flush(), self.field))

    def tell(self) -> None:
        """Add what was met to the closing line."""
        run, chunker = self._run, self._chunker
        run.note(chunker.split, "documents split")
        run.note(chunker.joined, "pieces joined")
        run.note(chunker.apart, "short neighbours not joined, whose fields differ (see --join)")
        for key, count in chunker.dropped.most_common(_FIELDS_NAMED):
            run.note(count, f'joined without "{key}", which differs')
        run.note(max(0, len(chunker.dropped) - _FIELDS_NAMED), "more fields dropped like this")
        run.note(chunker.empty, "empty texts left out")
        run.note(chunker.without_content, "pieces without a letter or digit left out")
        run.note(chunker.short, "shorter than --min-chars left out")
        run.note(self.replaced, f'records had another "{TEXT_FIELD}" already, replaced')
        run.note(self._skipping.skipped, "bad records skipped")


def _refuse_what_cannot_be(context: click.Context, text: RecordText) -> None:
    """Error for options that cannot be together, or do nothing."""
    join, whole = context.params["join"], context.params["whole"]
    if text.template is None and text.key in ("id", "parts"):
        raise UsageError(f'--text-key {text.key}: chunks have an "{text.key}" of their own; rename that field first')
    if join in ("id", *text.paths):
        raise UsageError(f'--join {join}: every record has its own; name a field that neighbours have in common')
    for name in ("chars", "join"):
        if whole and options.on_command_line(context, name):
            raise UsageError(f"--{name} does nothing with --whole; leave one of them out")


main = entry_point(command)
