"""python -m faults [--count N] [--seed S] [--jobs J] [--only I] [--verbose]   (with tests/ in PYTHONPATH)

Runs stages of the real chain, installed commands in folders of their own, each with one fault at random: kill -9,
SIGTERM, a full disk, a read error, a cut input, a server that closes the connection. After each: no status 0 with
another result, no wrong file under a final name, and the same lines again complete with the right bytes.
Status 1 if one run broke that.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random

from faults.chain import (
    POOL,
    STAGES,
    Stage,
    copy_until,
    make_reference,
    missing,
    ok,
    temporary_files,
    wrong_files,
)
from faults.kinds import KINDS, Tools, compiled_shim, may_mount
from object_store import Bucket, failing_proxy, s3_server


def one(number: int, seed: int, place: Path, tools: Tools, seconds: dict[str, float]) -> tuple[str, str, str]:
    """The run of that number: kind, what happened, and what is wrong about it (empty where nothing is)."""
    source = Random(f"{seed}:{number}")
    name = list(KINDS)[number % len(KINDS)]
    # Only stages that read the pool can have it come from a server.
    stages = [i for i, stage in enumerate(STAGES) if name != "bad server" or stage.reads[0] in POOL]
    position = source.choice(stages)
    stage, folder = STAGES[position], place / "folder"
    folder.mkdir()
    copy_until(place / "reference", folder, position)
    status, said = KINDS[name](stage, folder, source, tools, seconds[stage.line])
    # Once in ten the whole chain again, as make or a job would; else the line that failed: the others' files are there.
    lines = [each.line for each in STAGES] if source.random() < 0.1 else [stage.line]
    return name, f"{stage.line}: {said}: status {status}", verdict(name, status, stage, folder, lines)


def verdict(name: str, status: int, stage: Stage, folder: Path, lines: list[str]) -> str:
    """What is wrong about the folder after a fault, and after those lines again."""
    reference = folder.parent / "reference"
    if wrong := wrong_files(reference, folder):
        return f"wrong files under final names: {wrong}"
    if status == 0 and (gone := missing(folder, stage)):
        return f"status 0 without {gone}"
    if status not in (0, 1, 143, -15, 137, -9):
        return f"an unexpected status: {status}"
    if (left := temporary_files(folder)) and name != "kill -9":
        return f"left behind: {left}"
    try:
        for line in lines:
            ok(line, folder)
    except AssertionError as error:
        return f"running again failed: {error}"
    if wrong := wrong_files(reference, folder):
        return f"wrong after running again: {wrong}"
    if gone := missing(folder, stage):
        return f"missing after running again: {gone}"
    return f"left behind after running again: {left}" if (left := temporary_files(folder)) else ""


def part(numbers: range, seed: int, server: str, verbose: bool) -> int:
    """Some of the runs, with a reference of their own; how many broke the promise."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gotd-faults-")))
        seconds = make_reference(place / "reference")
        proxy, bucket = stack.enter_context(failing_proxy(server)), Bucket(server, f"pool-{numbers.start}")
        for name in POOL:
            bucket.put(name, (place / "reference" / name).read_bytes())
        (place / "folder").mkdir()
        tools = Tools(compiled_shim(place), proxy, bucket, may_mount(place / "folder"))
        found, ends = 0, Counter[str]()
        for number in numbers:
            shutil.rmtree(place / "folder")
            name, said, wrong = one(number, seed, place, tools, seconds)
            ends[f"{name}: status {said.rsplit(' ', 1)[1]}"] += 1
            if verbose:
                print(f"run {number}, {name}: {said}", flush=True)
            if wrong:
                found += 1
                print(f"run {number} (--seed {seed}), {name}: {wrong}\n  {said}", flush=True)
        if tools.shim is None:
            print("no C compiler: read errors were tried at the start of files only", flush=True)
        if not tools.mounts:
            print("no tmpfs can be mounted: full disks were tried as limits on files' sizes", flush=True)
    shown = "; ".join(f"{end} {count} times" for end, count in sorted(ends.items()))
    print(f"{len(numbers)} runs with faults, {found} broken promises; {shown}", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--only", type=int, metavar="I", help="that run alone")
    given = parser.parse_args()
    with s3_server() as server:
        children = []
        for first in range(1 if given.only is not None else given.jobs):
            pid = os.fork()
            if not pid:
                status = 3
                numbers = range(first, given.count, given.jobs)
                if given.only is not None:
                    numbers = range(given.only, given.only + 1)
                try:
                    status = min(1, part(numbers, given.seed, server, given.verbose))
                finally:
                    os._exit(status)
            children.append(pid)
        return max(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children)


sys.exit(main())
