"""--dry-run: what a command would do, measured on the first rows of it; nothing is written."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from gotd.cli._frame import Run, peak_megabytes
from gotd.cli._jobs import Job, is_done, with_inputs
from gotd.errors import DataError, UsageError
from gotd.streams.compression import Marker, decompressed
from gotd.streams.end_seal import end_seal
from gotd.streams.locations import STANDARD, is_url
from gotd.streams.npy_header import MAGIC
from gotd.streams.sinks import Sink
from gotd.streams.sources import ByteSource, open_input

#: Seconds that the sample is worked on, once the first rows are through.
_SECONDS = 2.0
#: Texts given to a model that takes longer than that for them.
_FEW_ROWS, _QUICK_SECONDS = 256, 0.5
#: Bytes of inputs without seals that are looked at, of all and of one, to tell how many rows they have.
_LOOK_BYTES, _LOOK_BYTES_EACH = 1 << 29, 1 << 24
_HEADER_BYTES = 1 << 12

Item = TypeVar("Item")

#: What a command does for one job: reads the inputs, writes the output, counts rows.
Work = Callable[[Job, Sink, dict[str, Any], Run], None]


class _Sampling(Run):
    """Counts rows and the time they take, and ends the work when it is enough."""

    def __init__(self) -> None:
        super().__init__("", quiet=True)
        self.first: tuple[int, float] | None = None
        self.last = 0.0
        self.quick = False

    def advance(self, rows: int) -> None:
        """Rows are through."""
        super().advance(rows)
        self.last = self.seconds
        self.first = self.first or (rows, self.last)

    def until_enough(self, items: Iterable[Item]) -> Iterator[Item]:
        """The first items; of windows only parts, as long as the work is slow."""
        for item in items:
            for part in self._parts(item):
                yield part
                if self.first and self.rows > self.first[0] and self.last - self.first[1] >= _SECONDS:
                    return

    def _parts(self, item: Any) -> Iterator[Any]:
        if not isinstance(item, list):
            yield item
            return
        start = 0
        while start < len(item):
            before, end = self.last, len(item) if self.quick else start + _FEW_ROWS
            yield item[start:end]
            start = end
            # Where windows are read ahead, nothing is known before the first is through.
            self.quick = self.first is not None and self.last - before < _QUICK_SECONDS

    @property
    def rows_per_second(self) -> float:
        """Without what comes before the first rows, where there were more."""
        rows, seconds = self.first or (0, 0.0)
        if self.rows > rows:
            return (self.rows - rows) / max(self.last - seconds, 1e-6)
        return rows / max(seconds, 1e-6)

    @property
    def start_seconds(self) -> float:
        """What comes before: libraries, the first look at a model or a target."""
        rows, seconds = self.first or (0, 0.0)
        return max(0.0, seconds - rows / self.rows_per_second) if self.rows > rows else 0.0


class _Counting:
    """A sink that counts bytes and drops them."""

    def __init__(self, name: str) -> None:
        self.name = "<stdout>" if name == STANDARD else name
        self.is_pipe = name == STANDARD
        self.bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """Count."""
        self.bytes += len(data)

    def patch(self, offset: int, data: bytes) -> None:
        """A header that is written twice is as long as before."""


class _Input(NamedTuple):
    """rows : None where only reading all of it would tell; exact : or an estimate."""

    rows: int | None
    exact: bool
    size: int


def report(found: Sequence[Job], made_by: Mapping[str, Any], work: Work, inputs: int, run: Run) -> str:
    """Jobs with their state, then rows, seconds, bytes and memory of those to make."""
    begun = run.seconds
    for name in (name for job in found for name in job.inputs):
        if name == STANDARD or not (is_url(name) or Path(name).is_file() or not Path(name).exists()):
            what = "standard input" if name == STANDARD else f"{name}, which is none"
            raise UsageError(f"--dry-run looks at files: name them instead of {what}")
    done = [end_seal(job.output) is not None and is_done(job, with_inputs(made_by, job)) for job in found]
    limit = min(_LOOK_BYTES_EACH, _LOOK_BYTES // sum(len(job.inputs) for job in found))
    seen = [[_look(name, limit) for name in job.inputs] for job in found]
    lines = ["input\trows\tbytes\toutput\tstate"]
    for job, complete, looks in zip(found, done, seen, strict=True):
        for name, look in zip(job.inputs, looks, strict=True):
            state = "complete" if complete else "to make"
            lines.append(f"{name}\t{_rows(look.rows, look.exact)}\t{look.size}\t{job.output}\t{state}")
    left = [(job, looks) for job, complete, looks in zip(found, done, seen, strict=True) if not complete]
    lines.append(f"{sum(len(job.inputs) for job in found)} of {inputs} inputs are this shard's; "
                 f"outputs: {sum(done)} complete, {len(left)} to make")
    return "\n".join(lines + (_estimate(left, made_by, work, begun) if left else []))


def _estimate(left: list[tuple[Job, list[_Input]]], made_by: Mapping[str, Any], work: Work,
              begun: float) -> list[str]:
    """What is left takes as long a row as the first rows of it, after the seconds it takes to begin."""
    job = left[0][0]
    run, sink = _Sampling(), _Counting(job.output)
    work(job, sink, dict(made_by), run)
    looks = [look for _, inputs in left for look in inputs]
    unknown = sum(look.rows is None for look in looks)
    rows = sum(look.rows or 0 for look in looks)
    begun += run.start_seconds
    seconds = begun + (rows / run.rows_per_second if run.rows else 0.0)
    row_bytes = sink.bytes / run.rows if run.rows else 0.0
    besides = f", and those of {unknown} inputs that do not say" if unknown else ""
    return [
        f"rows     {_rows(rows, all(look.exact for look in looks))}{besides}",
        f"time     {seconds:,.1f} s: {begun:.1f} s to begin, then {run.rows_per_second:,.0f} rows/s "
        f"(measured on {run.rows:,} rows of {job.inputs[0]})",
        f"output   {rows * row_bytes / 1e6:,.1f} MB ({row_bytes:,.0f} bytes a row)",
        f"memory   {peak_megabytes():,.0f} MB",
    ]


def _rows(rows: int | None, exact: bool) -> str:
    return "?" if rows is None else f"{'' if exact else '~'}{rows}"


def _look(name: str, limit: int) -> _Input:
    """How many rows an input has: by its seal, by its header, or by its first `limit` bytes."""
    seal = end_seal(name)
    with open_input(name) as source:
        size = source.size or 0
        if seal:
            return _Input(seal.seal.rows, True, seal.size)
        if source.peek(len(MAGIC)) == MAGIC:
            return _Input(_array_rows(source.peek(_HEADER_BYTES), size), True, size)
        start = source.peek(limit)
    if not source.size:
        return _Input(None, False, 0)
    lines = _lines(start, name)
    whole = size <= len(start)
    return _Input(lines if whole else round(lines * size / len(start)), whole, size)


def _array_rows(start: bytes, size: int) -> int | None:
    """Rows that the header of an .npy array promises, where the file holds that array and nothing else."""
    from gotd.streams.npy_header import length_bytes, parse

    try:
        line = 8 + length_bytes(start[6:8])
        end = line + int.from_bytes(start[8:line], "little")
        header = parse(start[6], start[8:line], start[line:end])
        return header.shape[0] if end + header.payload_bytes == size else None
    except (ValueError, IndexError):
        return None


def _lines(start: bytes, name: str) -> int:
    """Lines in what the beginning of a file decompresses to."""
    count, last = 0, b"\n"
    try:
        for piece in decompressed(ByteSource(io.BytesIO(start), name), long_window=False):
            if not isinstance(piece, Marker) and piece:
                count, last = count + piece.count(b"\n"), piece[-1:]
    except DataError:  # it is only the beginning
        return count
    return count + (last != b"\n")
