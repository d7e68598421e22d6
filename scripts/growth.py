"""What a pool of 10^6 to 10^10 documents costs, and in which shape it is run, from rates measured on a machine.

    growth.py measure --target TARGET RECORDS... [--model NAME] > rates.json
    growth.py table rates.json [--documents 1e6 1e8 1e9 1e10]

measure runs the commands on a sample, several files of records like those of the pool: each stage once on the first
file and once on all, so that what it takes to begin and what a row takes come apart. Stages on the CPU run on one
thread and are counted in CPU seconds, which neighbours on the machine do not change much; on a GPU, which ds-score and
ds-embed with a model use where there is one, in seconds on the clock. table computes and prints a Markdown table; it
measures nothing, so the rates may come from another machine.

A pool can be run in two shapes. By files every stage writes what the next one reads. By pipes each task runs ds-chunk,
ds-score and ds-topk over its shards, vectors are made of texts on the way, and the best of every task are written,
among which ds-topk chooses again; only a sample is embedded for the potentials.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from gotd.cli._frame import run_script
from growth_rates import PIPE, measure


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
        # rows, whether tasks share them out, bytes read, bytes written, megabytes besides
        ("ds-chunk", documents, True, documents * size["document"], chunks * size["chunk"], 0.0),
        ("ds-embed", chunks, True, chunks * size["chunk"], chunks * size["vector"], 0.0),
        ("ds-target-stats", fitted, False, fitted * size["vector"], 0.0, 0.0),
        ("ds-score", chunks, True, chunks * size["vector"], chunks * size["score"], 0.0),
        ("ds-topk", chunks, False, chunks * (size["score"] + size["chunk"]), choose * size["chunk"], held),
    ]
    return [_plan(rates["stages"][shape[0]], *shape, task_hours) for shape in shapes]


def piped_plans(rates: dict[str, Any], documents: float, choose: float, fit_rows: float, task_hours: float,
                ) -> list[Plan]:
    """The same by pipes. The potentials' sample is cut and embedded for itself."""
    chunks, size, each = documents * rates["chunks"] / rates["documents"], rates["bytes"], rates["stages"]
    fitted = min(chunks, fit_rows)
    held = choose * each["ds-topk"]["megabytes_a_record"]
    cut = fitted * rates["documents"] / rates["chunks"]
    sample = [("ds-chunk", cut, True, cut * size["document"], fitted * size["chunk"], 0.0),
              ("ds-embed", fitted, True, fitted * size["chunk"], fitted * size["vector"], 0.0),
              ("ds-target-stats", fitted, False, fitted * size["vector"], 0.0, 0.0)]
    fit = [_plan(each[shape[0]], *shape, task_hours) for shape in sample]
    # A task's best are never more than it reads.
    pipe = _plan(each[PIPE], PIPE, chunks, True, documents * size["document"], 0.0, held, task_hours)
    best = min(chunks, pipe.tasks * choose)
    pipe = pipe._replace(written=best * size["chunk"])
    again = _plan(each["ds-topk"], "ds-topk", best, False, best * size["chunk"], choose * size["chunk"], held,
                  task_hours)
    return [*fit, pipe, again]


def _plan(rate: dict[str, Any], name: str, rows: float, shared: bool, read: float, written: float, besides: float,
          task_hours: float) -> Plan:
    hours, start = rows * rate["row_seconds"] / 3600, rate["start_seconds"] / 3600
    tasks = max(1, math.ceil(hours / max(task_hours - start, task_hours / 2))) if shared else 1
    wall = hours / tasks + start
    cpu = rows * rate["cpu_seconds"] / 3600 if rate["gpu"] else tasks * wall
    gpu = tasks * wall if rate["gpu"] else 0.0
    return Plan(name, tasks, wall, cpu, gpu, (rate["megabytes"] + besides) * 1e6, read, written)


def table(rates: dict[str, Any], sizes: list[float], choose: float, fit_rows: float, task_hours: float) -> str:
    """A column for each size."""
    columns = [plans(rates, size, choose, fit_rows, task_hours) for size in sizes]
    machine, share = rates["machine"], rates["chunks"] / rates["documents"]
    where = f"one thread of {machine['cpu']}" + (f" and one {machine['gpu']}" if machine["gpu"] else "")
    rows = [["documents", *(f"10^{math.log10(size):g}" for size in sizes)],
            ["---"] * (len(sizes) + 1),
            [f"chunks ({share:.2f} a document)", *(_count(size * share) for size in sizes)]]
    pools = [_size(size * rates["bytes"]["document"]) for size in sizes]
    written = [_size(sum(plan.written for plan in column)) for column in columns]
    rows.append(["pool, and outputs beside it", *map(", ".join, zip(pools, written, strict=True))])
    rows += _rows("", columns, bool(machine["gpu"]))
    if PIPE in rates["stages"]:
        piped = [piped_plans(rates, size, choose, fit_rows, task_hours) for size in sizes]
        rows.append(["**by pipes:** outputs", *(_size(sum(plan.written for plan in column)) for column in piped)])
        rows += _rows("by pipes: ", piped, bool(machine["gpu"]))
    model = rates["model"] + (f" of {rates['dimension']} numbers" if rates.get("dimension") else "")
    head = (f"`{model}`, {choose:,.0f} chosen, potentials from at most {fit_rows:,.0f} vectors, tasks of at "
            f"most {task_hours:g} h; rates of {rates['documents']:,} documents on {where}:")
    return "\n".join([head, "", *(f"| {' | '.join(row)} |" for row in rows)])


def _rows(prefix: str, columns: list[list[Plan]], gpu: bool) -> list[list[str]]:
    """Return what the stages take, and in all, a column for each size."""
    moved = [_size(sum(plan.read + plan.written for plan in column)) for column in columns]
    rows = [[f"{prefix}read and written, all stages", *moved]]
    for number, first in enumerate(columns[0]):
        name = first.name.replace("|", "\\|")
        rows.append([f"{prefix}`{name}`", *(_cell(column[number]) for column in columns)])
    spent = {"CPU": [sum(plan.cpu_hours for plan in column) for column in columns]}
    if gpu:
        spent["GPU"] = [sum(plan.gpu_hours for plan in column) for column in columns]
    rows += [[f"{prefix}{kind} hours in all", *(f"{hours:,.1f}" for hours in each)] for kind, each in spent.items()]
    waits = [_hours(sum(plan.task_hours for plan in column)) for column in columns]
    return [*rows, [f"{prefix}from end to end, all tasks at once", *waits]]


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
    measuring.add_argument("--dimension", type=int, help="of hash (default ds-embed's)")
    measuring.add_argument("-k", type=int, default=5000)
    computing = commands.add_parser("table")
    computing.add_argument("rates", type=Path)
    computing.add_argument("--documents", type=float, nargs="+", default=[1e6, 1e8, 1e9, 1e10])
    computing.add_argument("--choose", type=float, default=150_000, help="records (default 150000, the paper's most)")
    computing.add_argument("--fit-rows", type=float, default=2e6, help="vectors the potentials read (default 2e6)")
    computing.add_argument("--task-hours", type=float, default=1.0, help="longest task of an array (default 1)")
    given = parser.parse_args()
    if given.what == "measure":
        print(json.dumps(measure(given.records, given.target, given.model, given.k, given.dimension), indent=1))
    else:
        rates = json.loads(given.rates.read_text(encoding="utf-8"))
        print(table(rates, given.documents, given.choose, given.fit_rows, given.task_hours))


if __name__ == "__main__":
    run_script(main)
