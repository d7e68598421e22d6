"""--dry-run: what a command would do, measured on the first rows of it; nothing is written."""

import io
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gotd.cli._frame import Run, peak_megabytes
from gotd.cli._jobs import ContentOf, Job, Provenance, is_done
from gotd.cli._pace import Work, measured_pace
from gotd.errors import DataError, GotdError, UsageError
from gotd.streams.compression import Marker
from gotd.streams.end_seal import end_seal
from gotd.streams.file_kinds import KIND_BYTES
from gotd.streams.formats import record_lines
from gotd.streams.locations import STANDARD, is_plain_records, is_url
from gotd.streams.npy_header import MAGIC
from gotd.streams.records import Skipping
from gotd.streams.seal import MadeBy
from gotd.streams.sources import ByteSource, open_input
from gotd.streams.tables import row_count, table_kind

#: Bytes of inputs without seals that are looked at, of all and of one, to tell how many rows they have.
_LOOK_BYTES, _LOOK_BYTES_EACH = 1 << 29, 1 << 24
_HEADER_BYTES = 1 << 12
#: Bytes of each that are looked at to show how far a command is.
_GLANCE_BYTES = 1 << 18
#: Of a line that is not empty.
_LINE_END = re.compile(rb"[^\n]\n")
#: Of /proc/PID/stat behind the name: when the process began, in ticks since the machine did (proc(5), starttime).
_STARTED = 19
#: Seconds an output that are worth a word.
_LEAST_SHOWN = 0.0005


class _Input(NamedTuple):
    """rows : None where only reading all of it would tell; exact : or an estimate."""

    rows: int | None
    exact: bool
    size: int


def report(found: Sequence[Job], made_by: MadeBy, content_of: ContentOf, work: Work,
           skipping: Skipping, inputs: int, run: Run) -> str:
    """Jobs with their state, then rows, seconds, bytes and memory of those to make."""
    begun = _seconds_since_start(run)
    for name in (name for job in found for name in job.inputs):
        if name == STANDARD or not (is_url(name) or Path(name).is_file() or not Path(name).exists()):
            what = "standard input" if name == STANDARD else f"{name}, which is none"
            raise UsageError(f"--dry-run looks at files: name them instead of {what}")
    done = [is_done(Provenance(job, made_by), content_of) for job in found]
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
    return "\n".join(lines + (_estimate(left, made_by, work, skipping, begun) if left else []))


def _seconds_since_start(run: Run) -> float:
    """Return how long this process has been there: to start Python and to import takes longer than 300 rows."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[_STARTED]) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError, ValueError):  # no Linux
        return run.seconds


def _estimate(left: list[tuple[Job, list[_Input]]], made_by: MadeBy, work: Work, skipping: Skipping,
              begun: float) -> list[str]:
    """What is left takes the seconds to begin, then so many for each output and each row."""
    looks = [look for _, inputs in left for look in inputs]
    sizes = [sum(look.size for look in inputs) for _, inputs in left]
    pace = measured_pace([job for job, _ in left], sizes, made_by, work, skipping)
    unknown = sum(look.rows is None for look in looks)
    rows = sum(look.rows or 0 for look in looks)
    begun += pace.start_seconds
    seconds = begun + len(left) * pace.output_seconds + rows * pace.row_seconds
    besides = f", and those of {unknown} inputs that do not say" if unknown else ""
    each = f"{pace.output_seconds:.3f} s an output and " if pace.output_seconds >= _LEAST_SHOWN else ""
    return [
        f"rows     {_rows(rows, all(look.exact for look in looks))}{besides}",
        f"time     {seconds:,.1f} s: {begun:.1f} s to begin, then {each}{1 / max(pace.row_seconds, 1e-9):,.0f} rows/s "
        f"(measured on {pace.rows:,} rows of {pace.name})",
        f"output   {rows * pace.row_bytes / 1e6:,.1f} MB ({pace.row_bytes:,.0f} bytes a row)",
        f"memory   {peak_megabytes():,.0f} MB",
    ]


def expected_rows(names: Sequence[str]) -> int | None:
    """Return about how many rows files have, by what they say or by their first bytes; None where one does not tell."""
    rows = 0
    for name in names:
        try:
            look = _look(name, _GLANCE_BYTES) if not is_url(name) and Path(name).is_file() else None
        except GotdError:  # whoever reads it says so
            look = None
        if look is None or look.rows is None:
            return None
        rows += look.rows
    return rows


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
        kind = table_kind(source.peek(KIND_BYTES))
        if kind and (file := source.seekable()) and (rows := row_count(kind, file, name)) is not None:
            return _Input(rows, True, size)
        start = source.peek(limit)
    if not source.size:
        return _Input(0, True, 0) if source.size == 0 and is_plain_records(name) else _Input(None, False, 0)
    lines = _lines(start, name)
    whole = size <= len(start)
    if not lines and not whole:  # what has to be read from its end
        return _Input(None, False, size)
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
    """Records in the beginning of a file."""
    count, last = 0, b""
    try:
        for piece in record_lines(ByteSource(io.BytesIO(start), name)):
            if not isinstance(piece, Marker) and piece:
                count, last = count + len(_LINE_END.findall(last + piece)), piece[-1:]
    except DataError:  # it is only the beginning
        return count
    return count + (last not in (b"", b"\n"))
