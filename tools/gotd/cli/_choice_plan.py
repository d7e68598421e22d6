"""What ds-topk --dry-run says: the first records ranked as for the choice, and how large it would be."""

from collections.abc import Callable, Sequence

from gotd.choice.candidates import Ranking
from gotd.choice.choose import lines_of
from gotd.choice.noise import Noise
from gotd.choice.options import ChoiceOptions
from gotd.choice.ranking import Ranked
from gotd.choice.ranking_window import Window
from gotd.cli._choosing import Excluded, RankedFiles
from gotd.cli._dry_run import Step, known_rows, report_steps, sizes_of
from gotd.cli._frame import Run
from gotd.cli._pace import CountingSink, Sample
from gotd.streams.record_files import ReadOptions
from gotd.streams.records import RecordWriter
from gotd.streams.sinks import Sink
from gotd.streams.table_writer import TableWriter

#: Of the records that rank best in the sample, so many tell how large one is.
_WRITTEN = 2000


class ChoicePlan:
    """A choice that is not made. others : files that are read besides"""

    def __init__(self, ranked: RankedFiles, how: ChoiceOptions, read: ReadOptions, excluded: Excluded | None,
                 others: Sequence[str]) -> None:
        self._files, self._how, self._read = ranked, how, read
        self._sizes = sizes_of([*ranked.files, *others])
        self._rows = known_rows(self._sizes, ranked.names)
        self._rules = how.rules(lambda: self._rows, max(1, len(ranked.targets)), excluded.shares if excluded else None)
        self._best, self._costs = list[Ranked](), list[int]()

    def report(self, output: str, writer: Callable[[Sink], RecordWriter | TableWriter], run: Run) -> str:
        """Return what choosing would take. writer : of the output"""
        by_records = not self._files.scores
        readings = 1 + (by_records and self._how.fraction is not None) + (by_records and bool(self._how.temperature))
        near = "" if self._how.distinct is None else ", before near copies are left out"
        step = Step(f"read and ranked{near}", self._files.names, self._rank, times=readings)
        return report_steps(output, self._sizes, [step], run, lambda: [self._size(CountingSink(output), writer)])

    def _rank(self, sample: Sample) -> None:
        """Rank records as the choice does, as far as the run wants."""
        rules, each = self._rules, range(len(self._rules.split))
        noise = Noise(rules.temperature, rules.seed, [1.0 for _ in each]) if rules.temperature else None
        windows = [Window(rules, noise, target, None, lambda _kind: False) for target in each]
        ranking = Ranking(self._read.again(), self._files.keys, lambda _rows: None, self._how.per or "", sample.advance)
        with self._files.opened(False, ranking) as pool:
            least = next(pool.thresholds(rules.window)) if rules.is_of_best else None
            for batch in sample.until_enough(map(tuple, pool.batches(least))):
                for window in windows:
                    window.read(batch)
            self._best = [kept.record for kept in windows[0].kept.ranking()[:_WRITTEN]]
            self._costs = list(rules.unit.counts([pool.text(record.line) for record in self._best]))

    def _size(self, sink: CountingSink, writer: Callable[[Sink], RecordWriter | TableWriter]) -> str:
        """Return the line of the output's size, by the records that rank best in the sample."""
        records, _ = lines_of(self._best, bool(self._files.scores), self._files.targets)
        written = writer(sink)
        written.write([record.line for record in records])
        written.finish()
        count = len(records)
        chosen = min(self._rows, self._rules.limit * count // max(sum(self._costs), 1))
        row_bytes = sink.written / max(count, 1)
        return f"output   {chosen * row_bytes / 1e6:,.1f} MB ({chosen:,} records, {row_bytes:,.0f} bytes each)"
