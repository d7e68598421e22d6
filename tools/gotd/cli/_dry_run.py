"""--dry-run: what a command would do, measured on the first rows of it; nothing is written."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gotd.cli._frame import Run, peak_megabytes
from gotd.cli._jobs import Job, Making, Provenance, is_done
from gotd.cli._pace import Pace, SampleWork, Work, measured_pace, pace_of
from gotd.cli._row_counts import Size, size_of
from gotd.errors import UsageError
from gotd.streams.locations import STANDARD, is_url
from gotd.streams.records import Skipping

#: Bytes of inputs without seals that are looked at, of all and of one, to tell how many rows they have.
_LOOK_BYTES, _LOOK_BYTES_EACH = 1 << 29, 1 << 24
#: Of /proc/PID/stat behind the name: when the process began, in ticks since the machine did (proc(5), starttime).
_STARTED = 19
#: Seconds an output that are worth a word.
_LEAST_SHOWN = 0.0005


class Step(NamedTuple):
    """What a command does with the rows of some inputs, measured on the first of them.

    what : as "read and ranked". work, smaller : as of `pace_of`
    times : how often each row goes through it. most : no more rows do
    """

    what: str
    names: Sequence[str]
    work: SampleWork
    smaller: SampleWork | None = None
    times: int = 1
    most: int | None = None


def report(found: Sequence[Job], making: Making, work: Work, skipping: Skipping, inputs: int, run: Run) -> str:
    """Return jobs with their state, then rows, seconds, bytes and memory of those to make.

    skipping : of `work`, as of `measured_pace`
    inputs : how many there are, this shard's or not
    """
    begun = _seconds_since_start(run)
    sizes = sizes_of([name for job in found for name in job.inputs])
    done = [is_done(Provenance(job, making)) for job in found]
    lines = _table(found, ["complete" if complete else "to make" for complete in done], sizes)
    left = [job for job, complete in zip(found, done, strict=True) if not complete]
    lines.append(f"{sum(len(job.inputs) for job in found)} of {inputs} inputs are this shard's; "
                 f"outputs: {sum(done)} complete, {len(left)} to make")
    return "\n".join(lines + (_estimate(left, sizes, making, work, skipping, begun) if left else []))


def report_steps(output: str, sizes: Mapping[str, Size], steps: Sequence[Step], run: Run,
                 more: Callable[[], Sequence[str]] = list, part: str = "") -> str:
    """Return the inputs of the only output, which is always made, with the seconds of each step.

    sizes : of all inputs. more : lines of what the steps found, asked for after them
    part : of the command that seconds and memory are of, where it is not all
    """
    begun = _seconds_since_start(run)
    lines, seconds = list[str](), begun
    for step in steps:
        pace = pace_of(step.work, step.smaller, step.names[0])
        rows = known_rows(sizes, step.names)
        rows = step.times * (rows if step.most is None else min(rows, step.most))
        begun += pace.start_seconds + pace.output_seconds
        seconds += pace.start_seconds + pace.output_seconds + rows * pace.row_seconds
        unknown = sum(sizes[name].rows is None for name in step.names)
        lines.append(f"         {rows * pace.row_seconds:,.1f} s for {rows:,} rows {step.what}{_besides(unknown)}, "
                     f"{_rate(pace)}")
    table = _table([Job(list(sizes), output)], ["to make"], sizes)
    return "\n".join([*table, f"time     {seconds:,.1f} s{part}: {begun:.1f} s to begin, then", *lines, *more(),
                      f"memory   {peak_megabytes():,.0f} MB{part}"])


def _seconds_since_start(run: Run) -> float:
    """Return how long this process has been there: to start Python and to import takes longer than 300 rows."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[_STARTED]) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError, ValueError):  # no Linux
        return run.seconds


def sizes_of(names: Sequence[str]) -> dict[str, Size]:
    """Return how large inputs are, each once. Raises: UsageError for one that can be read once."""
    for name in names:
        if name == STANDARD or not (is_url(name) or Path(name).is_file() or not Path(name).exists()):
            what = "standard input" if name == STANDARD else f"{name}, which is none"
            raise UsageError(f"--dry-run looks at files: name them instead of {what}")
    limit = min(_LOOK_BYTES_EACH, _LOOK_BYTES // len(names))
    return {name: size_of(name, limit) for name in names}


def known_rows(sizes: Mapping[str, Size], names: Sequence[str]) -> int:
    """Return how many rows some inputs have together, as far as they say."""
    return sum(sizes[name].rows or 0 for name in names)


def _table(jobs: Sequence[Job], states: Sequence[str], sizes: Mapping[str, Size]) -> list[str]:
    lines = ["input\trows\tbytes\toutput\tstate"]
    for job, state in zip(jobs, states, strict=True):
        lines += [f"{name}\t{_rows(sizes[name])}\t{sizes[name].bytes}\t{job.output}\t{state}" for name in job.inputs]
    return lines


def _rows(size: Size) -> str:
    return "?" if size.rows is None else f"{'' if size.exact else '~'}{size.rows}"


def _estimate(left: Sequence[Job], sizes: Mapping[str, Size], making: Making, work: Work, skipping: Skipping,
              begun: float) -> list[str]:
    """What is left takes the seconds to begin, then so many for each output and each row."""
    looks = [sizes[name] for job in left for name in job.inputs]
    pace = measured_pace(left, [sum(sizes[name].bytes for name in job.inputs) for job in left], making, work, skipping)
    unknown = sum(look.rows is None for look in looks)
    rows = sum(look.rows or 0 for look in looks)
    begun += pace.start_seconds
    seconds = begun + len(left) * pace.output_seconds + rows * pace.row_seconds
    each = f"{pace.output_seconds:.3f} s an output and " if pace.output_seconds >= _LEAST_SHOWN else ""
    return [
        f"rows     {_rows(Size(rows, all(look.exact for look in looks), 0))}{_besides(unknown)}",
        f"time     {seconds:,.1f} s: {begun:.1f} s to begin, then {each}{_rate(pace)}",
        f"output   {rows * pace.row_bytes / 1e6:,.1f} MB ({pace.row_bytes:,.0f} bytes a row)",
        f"memory   {peak_megabytes():,.0f} MB",
    ]


def _besides(unknown: int) -> str:
    return f", and those of {unknown} inputs that do not say" if unknown else ""


def _rate(pace: Pace) -> str:
    return f"{1 / max(pace.row_seconds, 1e-9):,.0f} rows/s (measured on {pace.rows:,} rows of {pace.name})"
