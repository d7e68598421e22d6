"""Options that several commands share, each written once, and what they stand for."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from gotd.errors import UsageError
from gotd.streams.files import STANDARD

inputs = click.argument("files", nargs=-1, metavar="[FILE]...")
quiet = click.option("-q", "--quiet", is_flag=True, help="No progress and no closing line.")
text_key = click.option("--text-key", default="text", show_default=True, help="Field that holds the text.")
skip_invalid = click.option("--skip-invalid", type=click.IntRange(0), default=0, metavar="N", show_default=True,
                            help="Pass over up to N bad records, counted.")
long = click.option("--long", "long_window", is_flag=True, help="Allow zstd windows up to 2 GiB (memory too).")
output = click.option("-o", "--output", default=STANDARD, metavar="FILE|DIR/", help="Where to write; default stdout.")
threads = click.option("--threads", type=click.IntRange(1), default=None, metavar="N",
                       help="Default: SLURM_CPUS_PER_TASK, else the CPUs this process may use.")
shard = click.option("--shard", default=None, metavar="I/N",
                     help="Take every N-th input from the I-th (from 0). In a Slurm array: the task's own.")

SUFFIXES = (".jsonl.zst", ".jsonl.gz", ".ndjson.zst", ".ndjson.gz", ".json.zst", ".json.gz", ".jsonl", ".ndjson",
            ".json", ".npy", ".zst", ".gz")


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """-h beside --help, and -q."""
    return quiet(click.help_option("-h", "--help")(command))


def thread_count(threads: int | None) -> int:
    """The CPUs to use: the option, what Slurm gave, or the affinity mask (os.cpu_count ignores both)."""
    slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return threads or (int(slurm) if slurm.isdigit() and int(slurm) else len(os.sched_getaffinity(0)))


def stem(path: str) -> str:
    """A file's name without folder and known suffixes: what pairs pool/a.jsonl.zst with emb/a.npy."""
    name = path.rstrip("/").rsplit("/", 1)[-1]
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


def is_directory(output: str) -> bool:
    """Whether outputs go into a directory, one for each input."""
    return output != STANDARD and (output.endswith("/") or Path(output).is_dir())


def jobs(files: Sequence[str], output: str, suffix: str, shard: str | None) -> Iterator[tuple[list[str], str]]:
    """(inputs, output) pairs: all inputs into one output, or each into its own in a directory, this shard's only."""
    names = list(files) or [STANDARD]
    if names.count(STANDARD) > 1:
        raise UsageError("standard input can be read once: give `-` at most once")
    if not is_directory(output):
        if shard:
            raise UsageError("--shard needs -o DIR/: one output for each input")
        yield names, output
        return
    stems = [stem(name) for name in names]
    twice = sorted({name for name in stems if stems.count(name) > 1})
    if STANDARD in names or twice:
        what = "standard input has no name" if STANDARD in names else f"several inputs are called {twice[0]}"
        raise UsageError(f"{what}: outputs in {output} are named after their inputs")
    Path(output).mkdir(parents=True, exist_ok=True)
    first, step = shard_of(shard, len(names))
    for name in names[first::step]:
        yield [name], str(Path(output) / (stem(name) + suffix))


def shard_of(shard: str | None, inputs: int) -> tuple[int, int]:
    """(i, n) of --shard, or of the Slurm array task where several inputs are there to be shared out."""
    if shard is None and inputs > 1 and "SLURM_ARRAY_TASK_ID" in os.environ:
        first = int(os.environ.get("SLURM_ARRAY_TASK_MIN", "0"))
        shard = f"{int(os.environ['SLURM_ARRAY_TASK_ID']) - first}/{os.environ.get('SLURM_ARRAY_TASK_COUNT', '1')}"
    i, slash, n = (shard or "0/1").partition("/")
    if not (slash and i.isdigit() and n.isdigit() and int(i) < int(n)):
        raise UsageError(f"--shard {shard}: wanted I/N with I from 0 to N - 1, as 0/4")
    return int(i), int(n)
