"""--dry-run: what a command would do, measured on the first rows of it; nothing is written."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gotd.cli._frame import Run, peak_megabytes
from gotd.cli._jobs import ContentOf, Job, Provenance, is_done
from gotd.cli._pace import Work, measured_pace
from gotd.cli._row_counts import Size, size_of
from gotd.errors import UsageError
from gotd.streams.locations import STANDARD, is_url
from gotd.streams.records import Skipping
from gotd.streams.seal import MadeBy

#: Bytes of inputs without seals that are looked at, of all and of one, to tell how many rows they have.
_LOOK_BYTES, _LOOK_BYTES_EACH = 1 << 29, 1 << 24
#: Of /proc/PID/stat behind the name: when the process began, in ticks since the machine did (proc(5), starttime).
_STARTED = 19
#: Seconds an output that are worth a word.
_LEAST_SHOWN = 0.0005


def report(found: Sequence[Job], made_by: MadeBy, content_of: ContentOf, work: Work,
           skipping: Skipping, inputs: int, run: Run, names_matter: bool = False) -> str:
    """Return jobs with their state, then rows, seconds, bytes and memory of those to make.

    skipping, made_by : of `work`, as of `measured_pace`; names_matter : as of `run_jobs`
    inputs : how many there are, this shard's or not
    """
    begun = _seconds_since_start(run)
    _require_files([name for job in found for name in job.inputs])
    done = [is_done(Provenance(job, made_by, names_matter), content_of) for job in found]
    sizes = _sizes([name for job in found for name in job.inputs])
    states = ["complete" if complete else "to make" for complete in done]
    lines = _table(found, states, sizes)
    left = [job for job, complete in zip(found, done, strict=True) if not complete]
    lines.append(f"{sum(len(job.inputs) for job in found)} of {inputs} inputs are this shard's; "
                 f"outputs: {sum(done)} complete, {len(left)} to make")
    return "\n".join(lines + (_estimate(left, sizes, made_by, work, skipping, begun) if left else []))


def _seconds_since_start(run: Run) -> float:
    """Return how long this process has been there: to start Python and to import takes longer than 300 rows."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[_STARTED]) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError, ValueError):  # no Linux
        return run.seconds


def _require_files(names: Sequence[str]) -> None:
    """Raise UsageError for what can be read once."""
    for name in names:
        if name == STANDARD or not (is_url(name) or Path(name).is_file() or not Path(name).exists()):
            what = "standard input" if name == STANDARD else f"{name}, which is none"
            raise UsageError(f"--dry-run looks at files: name them instead of {what}")


def _sizes(names: Sequence[str]) -> dict[str, Size]:
    limit = min(_LOOK_BYTES_EACH, _LOOK_BYTES // len(names))
    return {name: size_of(name, limit) for name in names}


def _table(jobs: Sequence[Job], states: Sequence[str], sizes: Mapping[str, Size]) -> list[str]:
    lines = ["input\trows\tbytes\toutput\tstate"]
    for job, state in zip(jobs, states, strict=True):
        lines += [f"{name}\t{_rows(sizes[name])}\t{sizes[name].bytes}\t{job.output}\t{state}" for name in job.inputs]
    return lines


def _rows(size: Size) -> str:
    return "?" if size.rows is None else f"{'' if size.exact else '~'}{size.rows}"


def _estimate(left: Sequence[Job], sizes: Mapping[str, Size], made_by: MadeBy, work: Work, skipping: Skipping,
              begun: float) -> list[str]:
    """What is left takes the seconds to begin, then so many for each output and each row."""
    looks = [sizes[name] for job in left for name in job.inputs]
    pace = measured_pace(left, [sum(sizes[name].bytes for name in job.inputs) for job in left], made_by, work, skipping)
    unknown = sum(look.rows is None for look in looks)
    rows = sum(look.rows or 0 for look in looks)
    begun += pace.start_seconds
    seconds = begun + len(left) * pace.output_seconds + rows * pace.row_seconds
    besides = f", and those of {unknown} inputs that do not say" if unknown else ""
    each = f"{pace.output_seconds:.3f} s an output and " if pace.output_seconds >= _LEAST_SHOWN else ""
    return [
        f"rows     {_rows(Size(rows, all(look.exact for look in looks), 0))}{besides}",
        f"time     {seconds:,.1f} s: {begun:.1f} s to begin, then {each}{1 / max(pace.row_seconds, 1e-9):,.0f} rows/s "
        f"(measured on {pace.rows:,} rows of {pace.name})",
        f"output   {rows * pace.row_bytes / 1e6:,.1f} MB ({pace.row_bytes:,.0f} bytes a row)",
        f"memory   {peak_megabytes():,.0f} MB",
    ]
