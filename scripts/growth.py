"""What a pool of 10^6, 10^8 or 10^9 documents costs, and in which shape it is run, from rates measured on a machine.

    growth.py measure --target TARGET RECORDS... [--model NAME] > rates.json
    growth.py table rates.json [--documents 1e6 1e8 1e9]

measure runs the commands on a sample, several files of records like those of the pool: each stage once on the first
file and once on all, so that what it takes to begin and what a row takes come apart. On a machine with a GPU ds-embed
and ds-score use it, and their time is GPU time. table computes and prints a Markdown table; it measures nothing, so
the rates may come from another machine.
"""

import argparse
import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

_CLOSING = re.compile(r"^ds-\S+: ([\d,]+) rows in .* peak memory (\d+) MB", re.MULTILINE)
_CHUNKS = re.compile(r"([\d,]+) chunks")


class Ran(NamedTuple):
    """A command that ran: rows it read, wall and CPU seconds, peak memory, and what it said at its end."""

    rows: int
    wall: float
    cpu: float
    megabytes: int
    said: str


def run(*words: str) -> Ran:
    """Runs a command. CPU seconds are those of all its processes."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    wall, after = time.perf_counter() - start, os.times()
    closing = _CLOSING.search(done.stderr)
    if done.returncode or not closing:
        sys.exit(f"growth.py: error: {words[0]} ended with {done.returncode}: {done.stderr.strip()}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Ran(int(closing[1].replace(",", "")), wall, cpu, int(closing[2]), done.stderr)


def rates_of(few: Ran, many: Ran) -> dict[str, float]:
    """Seconds to begin and seconds a row, from a run on few rows and one on many."""
    more = many.rows - few.rows
    wall, cpu = max(1e-9, (many.wall - few.wall) / more), max(0.0, (many.cpu - few.cpu) / more)
    return {"start_seconds": max(0.0, many.wall - wall * many.rows), "row_seconds": wall, "row_cpu_seconds": cpu,
            "start_cpu_seconds": max(0.0, many.cpu - cpu * many.rows), "megabytes": max(few.megabytes, many.megabytes)}


def measure(records: list[str], target: str, model: str, k: int) -> dict[str, Any]:
    """All rates, on this machine."""
    if len(records) < 2:
        sys.exit("growth.py: error: give several files of records: the first alone is the small run")
    with tempfile.TemporaryDirectory(prefix="gotd-growth-") as name:
        work = Path(name)
        stages: dict[str, Any] = {}

        def stage(command: str, options: list[str], inputs: list[str], folder: str, suffix: str) -> list[str]:
            few = run(command, *options, inputs[0], "-o", f"{work}/few-{folder}/")
            many = run(command, *options, *inputs, "-o", f"{work}/{folder}/")
            stages[command] = rates_of(few, many)
            counts[command] = many
            return [str(work / folder / (Path(file).name.split(".")[0] + suffix)) for file in inputs]

        counts: dict[str, Ran] = {}
        chunks = stage("ds-chunk", [], records, "chunks", ".jsonl.zst")
        vectors = stage("ds-embed", ["--model", model], chunks, "emb", ".npy")
        run("ds-embed", "--model", model, target, "-o", f"{work}/target.npy")
        fit = ["ds-target-stats", "--target", f"{work}/target.npy"]
        few = run(*fit, vectors[0], "-o", f"{work}/few.npz")
        many = run(*fit, *vectors, "-o", f"{work}/target.npz")
        stages[fit[0]] = rates_of(few, many)
        scores = stage("ds-score", ["--target", f"{work}/target.npz"], vectors, "scores", ".npy")
        choose = ["ds-topk", "--scores", f"{work}/scores/", "-o", f"{work}/selected.jsonl.zst"]
        stages["ds-topk"] = rates_of(run(*choose, "-k", str(k), chunks[0]), run(*choose, "-k", str(k), *chunks))
        least = run(*choose, "-k", "1", *chunks)
        held = max(0, stages["ds-topk"]["megabytes"] - least.megabytes)
        stages["ds-topk"] |= {"megabytes": least.megabytes, "megabytes_a_record": held / k}
        documents = counts["ds-chunk"].rows
        pieces = int((_CHUNKS.search(counts["ds-chunk"].said) or ["", "0"])[1].replace(",", ""))
        sizes = {"document": _bytes(records) / documents, "chunk": _bytes(chunks) / pieces,
                 "vector": _bytes(vectors) / pieces, "score": _bytes(scores) / pieces}
        return {"machine": _machine(), "model": model, "documents": documents, "chunks": pieces, "bytes": sizes,
                "stages": stages}


def _bytes(files: list[str]) -> int:
    return sum(Path(file).stat().st_size for file in files)


def _machine() -> dict[str, Any]:
    import torch

    cpus = (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name"))
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"cpu": next(cpus, platform.machine()), "threads": len(os.sched_getaffinity(0)), "gpu": gpu}


class Plan(NamedTuple):
    """What a stage comes to. memory, read, written : in bytes, memory of one task."""

    name: str
    tasks: int
    task_hours: float
    cpu_hours: float
    gpu_hours: float
    memory: float
    read: float
    written: float


def plans(rates: dict[str, Any], documents: float, choose: float, fit_rows: float, task_hours: float) -> list[Plan]:
    """All stages of a pool of so many documents."""
    chunks, size = documents * rates["chunks"] / rates["documents"], rates["bytes"]
    fitted = min(chunks, fit_rows)
    held = choose * rates["stages"]["ds-topk"]["megabytes_a_record"]
    shapes = [
        # rows, shared out over tasks, on the GPU, bytes read, bytes written, megabytes besides
        ("ds-chunk", documents, True, False, documents * size["document"], chunks * size["chunk"], 0.0),
        ("ds-embed", chunks, True, rates["model"] != "hash", chunks * size["chunk"], chunks * size["vector"], 0.0),
        ("ds-target-stats", fitted, False, False, fitted * size["vector"], 0.0, 0.0),
        ("ds-score", chunks, True, True, chunks * size["vector"], chunks * size["score"], 0.0),
        ("ds-topk", chunks, False, False, chunks * (size["score"] + size["chunk"]), choose * size["chunk"], held),
    ]
    return [_plan(rates, *shape, task_hours) for shape in shapes]


def _plan(rates: dict[str, Any], name: str, rows: float, shared: bool, on_gpu: bool, read: float, written: float,
          besides: float, task_hours: float) -> Plan:
    rate = rates["stages"][name]
    hours = rows * rate["row_seconds"] / 3600
    room = max(task_hours - rate["start_seconds"] / 3600, task_hours / 2)
    tasks = max(1, math.ceil(hours / room)) if shared else 1
    wall = hours / tasks + rate["start_seconds"] / 3600
    cpu = (rows * rate["row_cpu_seconds"] + tasks * rate["start_cpu_seconds"]) / 3600
    gpu = tasks * wall if on_gpu and rates["machine"]["gpu"] else 0.0
    return Plan(name, tasks, wall, cpu, gpu, (rate["megabytes"] + besides) * 1e6, read, written)


def table(rates: dict[str, Any], sizes: list[float], choose: float, fit_rows: float, task_hours: float) -> str:
    """A column for each size."""
    columns = [plans(rates, size, choose, fit_rows, task_hours) for size in sizes]
    machine, share = rates["machine"], rates["chunks"] / rates["documents"]
    where = f"{machine['threads']} threads of {machine['cpu']}, {machine['gpu'] or 'no GPU'}"
    rows = [["documents", *(f"10^{math.log10(size):g}" for size in sizes)],
            ["---"] * (len(sizes) + 1),
            [f"chunks ({share:.2f} a document)", *(_count(size * share) for size in sizes)]]
    written = [sum(plan.written for plan in column) for column in columns]
    moved = [sum(plan.read + plan.written for plan in column) for column in columns]
    pools = [size * rates["bytes"]["document"] for size in sizes]
    rows.append(["pool, and outputs beside it", *(f"{_size(pool)}, {_size(made)}"
                                                  for pool, made in zip(pools, written, strict=True))])
    rows.append(["read and written, all stages", *map(_size, moved)])
    for number, first in enumerate(columns[0]):
        rows.append([f"`{first.name}`", *(_cell(column[number]) for column in columns)])
    rows.append(["CPU hours in all", *(f"{sum(plan.cpu_hours for plan in column):,.1f}" for column in columns)])
    if machine["gpu"]:
        rows.append(["GPU hours in all", *(f"{sum(plan.gpu_hours for plan in column):,.1f}" for column in columns)])
    rows.append(["from end to end, all tasks at once", *(_hours(sum(plan.task_hours for plan in column))
                                                         for column in columns)])
    head = (f"`{rates['model']}`, {choose:,.0f} chosen, potentials from at most {fit_rows:,.0f} vectors, tasks of at "
            f"most {task_hours:g} h; rates of {rates['documents']:,} documents on {where}:")
    return "\n".join([head, "", *(f"| {' | '.join(row)} |" for row in rows)])


def _cell(plan: Plan) -> str:
    tasks = "1 task" if plan.tasks == 1 else f"{plan.tasks:,} tasks"
    return f"{tasks} of {_hours(plan.task_hours)}, {_size(plan.memory)}"


def _hours(hours: float) -> str:
    return f"{hours * 60:.0f} min" if hours * 60 < 99.5 else f"{hours:,.1f} h"


def _count(number: float) -> str:
    for unit, name in ((1e9, " billion"), (1e6, " million"), (1.0, "")):
        if number >= unit:
            return f"{number / unit:,.2f}{name}" if unit > 1 else f"{number:,.0f}"
    return f"{number:.0f}"


def _size(count: float) -> str:
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count / 1e3:,.1f} kB"


def main() -> None:
    """Measure, or compute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("records", nargs="+")
    measuring.add_argument("--target", required=True)
    measuring.add_argument("--model", default="hash")
    measuring.add_argument("-k", type=int, default=5000)
    computing = commands.add_parser("table")
    computing.add_argument("rates", type=Path)
    computing.add_argument("--documents", type=float, nargs="+", default=[1e6, 1e8, 1e9])
    computing.add_argument("--choose", type=float, default=150_000, help="records (default 150000, the paper's most)")
    computing.add_argument("--fit-rows", type=float, default=2e6, help="vectors the potentials read (default 2e6)")
    computing.add_argument("--task-hours", type=float, default=1.0, help="longest task of an array (default 1)")
    given = parser.parse_args()
    if given.what == "measure":
        print(json.dumps(measure(given.records, given.target, given.model, given.k), indent=1))
    else:
        rates = json.loads(given.rates.read_text())
        print(table(rates, given.documents, given.choose, given.fit_rows, given.task_hours))


if __name__ == "__main__":
    main()
