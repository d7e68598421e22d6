"""Which part of the inputs is this run's: only where --shard says so, by number or by Slurm's array."""

import os

import click

from gotd.cli._environment import is_from_environment
from gotd.cli._outputs import is_directory
from gotd.errors import UsageError

_SLURM = "slurm"
_ID = "SLURM_ARRAY_TASK_ID"
_REMEDY = "give --shard I/N"


def shard_of(_context: click.Context, _option: click.Parameter, shard: str | None) -> str | None:
    """--shard as I/N, `slurm` from the variables of the array. Raises: UsageError for anything else."""
    if shard is None:
        return None
    if shard == _SLURM:
        return _array_task()
    i, slash, n = shard.partition("/")
    if not (slash and i.isdecimal() and n.isdecimal() and int(i) < int(n)):
        raise UsageError(f"--shard {shard}: wanted I/N with I from 0 to N - 1, as 0/4, or slurm")
    return shard


def part_of(shard: str | None, output: str, inputs: int) -> str | None:
    """Return the part of the inputs that is this run's, None for all: a variable does nothing to the only input.

    Raises: UsageError where several would share what goes into one output, and each then read and write all of it.
    """
    if shard is None or is_directory(output):
        return shard
    if not is_from_environment("shard"):
        raise UsageError("--shard needs -o DIR/: one output for each input")
    if inputs > 1:
        raise UsageError(f"DS_SHARD wants the part {shard} of {inputs} inputs, and all of them go into one output; "
                         "give -o DIR/, which has one for each input, or unset DS_SHARD")
    return None


def _array_task() -> str:
    """I/N of this task: which it is of the array's, in the order of their numbers.

    Slurm gives least, greatest, step and count of an array's numbers: enough for 0-7 and 0-30:10. Of a list as 1,3,6 it
    gives no more, and which place a number has there cannot be known.
    """
    if _ID not in os.environ:
        raise UsageError(f"--shard {_SLURM}: no {_ID}, this is no task of a Slurm array; {_REMEDY}")
    task = _number(_ID)
    first, last = _number("SLURM_ARRAY_TASK_MIN", task), _number("SLURM_ARRAY_TASK_MAX")
    step, count = _number("SLURM_ARRAY_TASK_STEP", 1), _number("SLURM_ARRAY_TASK_COUNT")
    place, between = divmod(task - first, max(step, 1))
    if step < 1 or between or not 0 <= place < count or first + (count - 1) * step != last:
        what = f"{count} tasks from {first} to {last} with step {step} are no even row, and no list is known here"
        raise UsageError(f"--shard {_SLURM}: {what}; number them 0-{max(count - 1, 0)} in sbatch --array, or {_REMEDY}")
    return f"{place}/{count}"


def _number(name: str, default: int | None = None) -> int:
    value = os.environ.get(name, "" if default is None else str(default))
    if not value.isdecimal():
        raise UsageError(f"--shard {_SLURM}: {name}={value} is no number; {_REMEDY}")
    return int(value)
