"""What ds-report --dry-run says: it is made of the first records of the choice, and the first of the pool are read."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from gotd.cli._dry_run import Step, known_rows, report_steps, sizes_of
from gotd.cli._frame import Run
from gotd.cli._pace import Sample
from gotd.cli._reporting import report
from gotd.cli.report import ReportOptions, page_of
from gotd.report.figures import PoolFigures
from gotd.report.reading import Membership, Pool, read_choice
from gotd.streams.record_files import ReadOptions
from gotd.streams.records import Skipping

#: Records of the choice in two samples: what does not go by their number, such as the target's vectors, is told so.
_MANY, _FEW = 512, 64


def _unheard(_rows: int) -> None:
    """Rows that somebody else counts."""


class ReportPlan:
    """A report of which only a sample is made. names : of the pool's records"""

    def __init__(self, names: Sequence[str], asked: ReportOptions, threads: int) -> None:
        self._asked, self._threads = asked, threads
        self._reading = ReadOptions(asked.text, Skipping(asked.skip_invalid), asked.long_window)
        self._pool = list(names) or Pool([], asked.scores, self._reading, _unheard).score_files
        scores = Pool(names, asked.scores, self._reading, _unheard).score_files
        vectors = [*asked.pool_vectors, *filter(None, [asked.vectors, asked.target_vectors])]
        others = [*asked.target_texts, *filter(None, [asked.target]), *asked.probes]
        self._sizes = sizes_of(list(dict.fromkeys([asked.choice, *names, *scores, *others, *vectors])))
        self._names, self._apart = list(names), ", vectors apart" if vectors else ""

    def report(self, run: Run) -> str:
        """Return what it would take."""
        explained = Step(f"of the choice read and explained{self._apart}", [self._asked.choice],
                         self._explained(_MANY), self._explained(_FEW))
        read = [Step("of the pool read", self._pool, self._read)] if self._pool else []
        return report_steps(self._asked.output, self._sizes, [*read, explained], run)

    def _read(self, sample: Sample) -> None:
        """Read the pool as the report does, as far as the run wants."""
        asked, choice = self._asked, read_choice(self._asked.choice, self._reading.again())
        beside = asked.scores is not None and self._names
        pool = Pool(self._names, asked.scores, self._reading.again(), _unheard if beside else sample.advance,
                    sample.advance if beside else _unheard)
        figures, membership = PoolFigures(asked.text, asked.fields, asked.seed), Membership(choice, pool)
        for batch in sample.until_enough(pool.batches()):
            membership.add(batch)
            figures.add(batch)

    def _explained(self, most: int) -> Callable[[Sample], None]:
        """Make the report without the pool, of so many records of the choice."""
        asked = replace(self._asked, scores=None, pool_vectors=[], vectors=None, target_vectors=None, probes=[])

        def work(sample: Sample) -> None:
            with ExitStack() as stack:
                found = report([], asked, self._threads, Run("", quiet=True), stack, most)
            page_of(found, asked.output)
            sample.advance(min(most, known_rows(self._sizes, [asked.choice])))

        return work
