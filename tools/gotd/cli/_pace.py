"""How fast a command works: its start-up, what each output takes, and each row, measured apart on a few outputs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeVar, cast

from gotd.cli._frame import Run
from gotd.cli._jobs import Job, Making, Provenance
from gotd.streams.locations import STANDARD
from gotd.streams.records import Skipping
from gotd.streams.sinks import Sink

#: Seconds that a sample is worked on, once its first rows are through.
_SECONDS = 2.0
#: Texts given to a model that takes longer than that for them.
_FEW_ROWS, _QUICK_SECONDS = 256, 0.5
#: Outputs that differ less in size say nothing of what an output takes besides its rows.
_DIFFERENCE = 2

Item = TypeVar("Item")

#: What a command does for one job: reads the inputs, writes the output, counts rows.
Work = Callable[[Provenance, Sink, Run], None]


class Pace(NamedTuple):
    """What a command takes.

    start_seconds : before its first row, once
    output_seconds : for each output, besides its rows
    row_seconds, row_bytes : for each row
    rows, name : measured on so many rows, of the inputs of that name
    """

    start_seconds: float
    output_seconds: float
    row_seconds: float
    row_bytes: float
    rows: int
    name: str


def measured_pace(jobs: Sequence[Job], input_bytes: Sequence[int], making: Making, work: Work,
                  skipping: Skipping) -> Pace:
    """Return the pace, from the largest and the smallest of the jobs; nothing is written.

    input_bytes : of each job
    skipping : counts anew in each sample
    """
    by_size = sorted(range(len(jobs)), key=lambda number: input_bytes[number])
    largest, smallest = jobs[by_size[-1]], jobs[by_size[0]]

    def sampled(job: Job, sample: Sample) -> None:
        skipping.skipped = 0
        sink = CountingSink(job.output)
        work(Provenance(job, making), sink, sample)
        sample.bytes = sink.written

    differ = input_bytes[by_size[-1]] >= _DIFFERENCE * input_bytes[by_size[0]]
    return pace_of(partial(sampled, largest), partial(sampled, smallest) if differ else None, largest.inputs[0])


def pace_of(work: "SampleWork", smaller: "SampleWork | None", name: str) -> Pace:
    """Return the pace of some work. The first sample takes the start-up too; over before it is enough, it is repeated.

    smaller : the same work on fewer rows, to tell what an output takes besides its rows
    name : of what is read
    """
    cold = _taken(work)
    warm = cold if cold.is_enough else _taken(work)
    row_seconds = cold.seconds_a_later_row if cold.is_enough else warm.whole_seconds / max(warm.rows, 1)
    output_seconds = 0.0
    if smaller is not None:
        small = _taken(smaller)
        if not cold.is_enough and warm.rows > small.rows:
            row_seconds = max(0.0, warm.whole_seconds - small.whole_seconds) / (warm.rows - small.rows)
        output_seconds = max(0.0, small.whole_seconds - small.rows * row_seconds)
    seconds, rows = (cold.first_seconds, cold.first_rows) if cold.is_enough else (cold.whole_seconds, cold.rows)
    start = max(0.0, seconds - rows * row_seconds - output_seconds)
    return Pace(start, output_seconds, row_seconds, warm.bytes / max(warm.rows, 1), warm.rows, name)


def _taken(work: "SampleWork") -> "Sample":
    sample = Sample()
    work(sample)
    sample.end()
    return sample


class Sample(Run):
    """Counts rows and the time they take, and ends the work when it is enough. bytes : that it wrote"""

    def __init__(self) -> None:
        super().__init__("", quiet=True)
        self.bytes = 0
        self.first_rows, self.first_seconds = 0, 0.0
        self.whole_seconds = self._last = 0.0
        self._quick = False

    def advance(self, rows: int) -> None:
        """Rows are through."""
        super().advance(rows)
        self._last = self.seconds
        if not self.first_rows:
            self.first_rows, self.first_seconds = rows, self._last

    def end(self) -> None:
        """The work is done, or was ended."""
        self.whole_seconds = self.seconds

    @property
    def is_enough(self) -> bool:
        """Whether rows after the first took long enough to tell the rate from them alone."""
        return self.rows > self.first_rows and self._last - self.first_seconds >= _SECONDS

    @property
    def seconds_a_later_row(self) -> float:
        """Seconds for each row after the first ones."""
        return (self._last - self.first_seconds) / (self.rows - self.first_rows)

    def until_enough(self, items: Iterable[Item]) -> Iterator[Item]:
        """The first items; of windows only parts, as long as the work is slow."""
        for item in items:
            for part in self._parts(item):
                yield part
                if self.is_enough:
                    return

    def _parts(self, item: Item) -> Iterator[Item]:
        if not isinstance(item, list):
            yield item
            return
        start = 0
        while start < len(item):
            before, end = self._last, len(item) if self._quick else start + _FEW_ROWS
            yield cast("Item", item[start:end])
            start = end
            # Where windows are read ahead, nothing is known before the first is through.
            self._quick = self.first_rows > 0 and self._last - before < _QUICK_SECONDS


#: Does a part of what a command does, as far as the sample wants, and tells it of its rows.
SampleWork = Callable[[Sample], None]


class CountingSink:
    """A sink that counts bytes and drops them."""

    def __init__(self, name: str) -> None:
        self.name = "<stdout>" if name == STANDARD else name
        self.is_pipe, self.is_plain = name == STANDARD, False
        self.written = 0

    def write(self, data: bytes | memoryview) -> None:
        """Count."""
        self.written += len(data)

    def patch(self, offset: int, data: bytes) -> None:
        """A header that is written twice is as long as before."""
