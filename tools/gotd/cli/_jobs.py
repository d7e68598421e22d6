"""Which inputs make which output, which of them are this shard's, and which are there already."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gotd.cli._frame import Run
from gotd.cli._outputs import require_apart
from gotd.errors import UsageError
from gotd.streams.end_seal import end_seal
from gotd.streams.locations import STANDARD, is_url
from gotd.streams.pairing import stem
from gotd.streams.sources import open_input


class Job(NamedTuple):
    """Inputs that are read one after the other into one output."""

    inputs: list[str]
    output: str


def is_directory(output: str) -> bool:
    """Whether outputs go into a directory, one for each input."""
    return output != STANDARD and (output.endswith("/") or (not is_url(output) and Path(output).is_dir()))


def jobs(files: Sequence[str], output: str, suffix: str, shard: str | None, dry: bool = False) -> list[Job]:
    """All inputs into one output, or each into its own in a directory, this shard's only. `dry` makes no directory.

    Raises: UsageError where outputs would meet each other or replace an input.
    """
    names = list(files) or [STANDARD]
    if names.count(STANDARD) > 1:
        raise UsageError("standard input can be read once: give `-` at most once")
    if is_directory(output):
        found = _one_each(names, output, suffix, shard)
        if not (dry or is_url(output)):
            Path(output).mkdir(parents=True, exist_ok=True)
    elif shard:
        raise UsageError("--shard needs -o DIR/: one output for each input")
    else:
        found = [Job(names, output)]
    require_apart([job.output for job in found], names)
    return found


def has_nothing_to_do(found: Sequence[Job], files: Sequence[str], run: Run) -> bool:
    """Whether the inputs leave none for this shard, which is then said: arrays may have more tasks than inputs."""
    if found:
        return False
    run.say(f"nothing to do: {len(files)} inputs leave none for this shard")
    run.close()
    return True


def _one_each(names: list[str], output: str, suffix: str, shard: str | None) -> list[Job]:
    twice = sorted(name for name, count in Counter(stem(name) for name in names).items() if count > 1)
    if STANDARD in names or twice:
        what = "standard input has no name" if STANDARD in names else f"several inputs are called {twice[0]}"
        raise UsageError(f"{what}: outputs in {output} are named after their inputs")
    first, step = _shard_of(shard, len(names))
    return [Job([name], f"{output.rstrip('/')}/{stem(name)}{suffix}") for name in names[first::step]]


def _shard_of(shard: str | None, inputs: int) -> tuple[int, int]:
    """(i, n) of --shard, or of the Slurm array task where several inputs are there to be shared out."""
    if shard is None and inputs > 1 and "SLURM_ARRAY_TASK_ID" in os.environ:
        shard = _array_task()
    i, slash, n = (shard or "0/1").partition("/")
    if not (slash and i.isdecimal() and n.isdecimal() and int(i) < int(n)):
        raise UsageError(f"--shard {shard}: wanted I/N with I from 0 to N - 1, as 0/4")
    return int(i), int(n)


def _array_task() -> str:
    """I/N of this task of a Slurm array."""
    task, first = os.environ["SLURM_ARRAY_TASK_ID"], os.environ.get("SLURM_ARRAY_TASK_MIN", "0")
    try:
        return f"{int(task) - int(first)}/{os.environ.get('SLURM_ARRAY_TASK_COUNT', '1')}"
    except ValueError as error:
        what = f"SLURM_ARRAY_TASK_ID={task} and SLURM_ARRAY_TASK_MIN={first} are not numbers"
        raise UsageError(f"{what}: give --shard I/N") from error


def with_inputs(made_by: Mapping[str, Any], job: Job, names_matter: bool = False) -> dict[str, Any]:
    """`made_by` for this job: with what it was made from, where that can be known, so that it is not made again.

    names_matter : whether the output's bytes depend on what its inputs are called, their folders apart
    """
    digest = hashlib.sha256()
    for name in job.inputs:
        content = _content(name) if job.output != STANDARD else None
        if content is None:
            return dict(made_by)
        called = Path(name).name if names_matter else ""
        digest.update(os.fsencode(f"{content} {called}\n"))
    return {**made_by, "inputs": digest.hexdigest()}


def is_done(job: Job, made_by: Mapping[str, Any]) -> bool:
    """Whether the output is there and its seal says: made in this way, from inputs of this content."""
    if "inputs" not in made_by:
        return False
    found = end_seal(job.output)
    return found is not None and found.seal.made_by == made_by


def _content(name: str) -> str | None:
    """What tells a file or object from others, by its seal or else its bytes; None for what can be read once only."""
    if name == STANDARD or (not is_url(name) and not Path(name).is_file()):
        return None
    found = end_seal(name)
    if found is not None:
        return found.content
    return f"bytes:{_digest_of_bytes(name)}"


def _digest_of_bytes(name: str) -> str:
    digest = hashlib.sha256()
    with open_input(name) as source:
        while piece := source.read_some():
            digest.update(piece)
    return digest.hexdigest()


def run_jobs(found: Sequence[Job], made_by: Mapping[str, Any],
             names_matter: bool = False) -> Iterator[tuple[Job, dict[str, Any] | None]]:
    """Each job with its own `made_by`, or with None where its output is complete already."""
    for job in found:
        mine = with_inputs(made_by, job, names_matter)
        yield job, None if is_done(job, mine) else mine
