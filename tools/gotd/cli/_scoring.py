"""One target or several, applied to inputs in one reading of each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from gotd.cli._contents import has_texts_alone, table_content, texts_content, whole_content
from gotd.cli._embedding import tell
from gotd.cli._frame import Run
from gotd.cli._jobs import Job, Making, Provenance
from gotd.cli._outputs import is_array, is_directory
from gotd.cli._score_targets import VectorTargets
from gotd.cli._scored import Output
from gotd.cli._scored_rows import InputOptions, RowScoring, VectorFields
from gotd.cli._scored_texts import TextTargets
from gotd.errors import UsageError
from gotd.methods.base import TextRule
from gotd.selection import load
from gotd.streams.seal import MadeBy
from gotd.streams.sinks import Sink
from gotd.streams.sources import opened_in_turn
from gotd.types import JSON

#: One more whenever the same vectors or texts and target give other scores.
REVISION = 3


def folders(targets: Sequence[str], output: str) -> list[str]:
    """Return where the scores by each target go: into the output, or, of several targets, into folders of their names.

    Raises: UsageError where several have no folder, or one name.
    """
    if len(targets) == 1:
        return [output]
    if not is_directory(output):
        raise UsageError(f"-o {output}: scores by several targets go into a folder each; give -o DIR/")
    names = [PurePath(target).name.removesuffix(".npz") for target in targets]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise UsageError(f"several targets are called {twice[0]}: folders in {output} are named after them; rename one")
    return [f"{output.rstrip('/')}/{name}/" for name in names]


class Scoring:
    """Targets, all of vectors or all of texts, with how inputs are read for them.

    models : where the models are that made the targets' vectors, as far as that was said
    making : of the scores by each target
    """

    def __init__(self, targets: Sequence[str], models: Sequence[str], inputs: InputOptions, threads: int, device: str
                 ) -> None:
        held, key = [load(target) for target in targets], inputs.vector_key
        sealed: dict[str, JSON] = {} if key is None else {"vector_key": key}
        self.making = [Making(MadeBy("ds-score", REVISION, sealed, target=each.digest, embedder=each.embedder),
                              self._content_of) for each in held]
        self._fields = VectorFields(key, key is not None or any(each.embedder is None for each in held))
        self._inputs = inputs
        reads_texts = [issubclass(each.rule, TextRule) for each in held]
        if any(reads_texts) and not all(reads_texts):
            texts, vectors = (targets[reads_texts.index(kind)] for kind in (True, False))
            raise UsageError(f"{texts} scores texts, {vectors} vectors: score by each kind apart")
        self._texts = self._vectors = None
        if reads_texts[0]:
            for option in inputs.of_texts:
                raise UsageError(f"{option} does nothing with {targets[0]}, which says what it reads; leave it out")
            self._texts = TextTargets(targets, held, threads, inputs.reading)
        else:
            self._vectors = VectorTargets(targets, held, models, threads, device)

    def close(self) -> None:
        """End what was begun."""
        if self._vectors:
            self._vectors.close()

    def provenances(self, found: Sequence[Sequence[Job]]) -> Iterator[list[Provenance]]:
        """Yield the outputs that are made in one reading: for the same inputs one by each target."""
        for jobs in zip(*found, strict=True):
            yield [Provenance(job, making) for job, making in zip(jobs, self.making, strict=True)]

    def _content_of(self, job: Job, name: str) -> str:
        """Name what of an input its output depends on."""
        reading = self._inputs.reading
        skipping, long_window = reading.skipping.allowed, reading.long_window
        if is_array(job.output):
            if self._texts:
                return texts_content(name, self._texts.reading.text, skipping, long_window)
            lists = self._fields.may_be_lists and not self._texts
            if lists and (content := table_content(name, self._fields.key)):
                return content
            if self._fields.key is None and has_texts_alone(name, long_window, self._fields.names):
                return texts_content(name, reading.text, skipping, long_window)
        return whole_content(name, long_window)

    def score(self, outputs: Sequence[Output], run: Run) -> int:
        """Read the inputs of some outputs, which are the same, and write the scores; return how many rank last."""
        sources = opened_in_turn(outputs[0].provenance.job.inputs)
        if self._texts:
            return self._texts.score(sources, outputs, run)
        assert self._vectors is not None
        return RowScoring(self._vectors, outputs, self._inputs, self._fields, run).score(sources)

    def work(self, provenance: Provenance, sink: Sink, run: Run) -> None:
        """Write the scores by the first target, or what of them the run wants."""
        self.score([Output(0, provenance, sink)], run)

    def tell(self, lowest: int, run: Run) -> None:
        """Add what was met to the closing line. lowest : how many rows rank last"""
        run.note(self._inputs.reading.skipping.skipped, "bad records skipped")
        run.note(lowest, "texts without content, or shorter than --min-words, rank last" if self._texts else
                 "rows without content rank last")
        if self._vectors and self._vectors.counts.documents:
            tell(self._vectors.counts, self._vectors.embedder.precision, run)
