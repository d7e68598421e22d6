"""python -m fuzzing [COMMAND]... [--count N] [--seed S] [--jobs J]   (with tests/ in PYTHONPATH)

Runs each command (all by default) on N files made wrong, each in a fork of its own, and reports every run that breaks
a promise: a traceback, a signal, more than 10 s, more than 1 GiB, an error that names no place, something left
behind, or a result that is not the right one. Status 1 if there was any; `--only I` runs one input of one command
again and keeps its folder.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from typing import NoReturn

from fuzzing.forks import MEMORY_BYTES, Ended, in_fork, run
from fuzzing.subjects import NO_PLACE, PRINTED, SUBJECTS, WRONG, Case, made_wrong, main_of, make_files
from gotd.methods import RULES, rule_type


def complaint(case: Case, ended: Ended, folder: Path, before: set[str]) -> str:
    """What is wrong about how a command ended; empty where nothing is."""
    if ended.signal:
        return f"signal {ended.signal}" + (" (over 10 s)" if ended.signal == 14 else "")
    if ended.memory > MEMORY_BYTES:
        return f"{ended.memory >> 20} MiB"
    if "Traceback" in ended.err:
        return "traceback"
    lines = ended.err.splitlines()
    if any(not line.startswith(f"{case.tool}: ") for line in lines):
        return "somebody else's words on stderr"
    made = (folder / case.made).exists() and (case.made != PRINTED or (folder / PRINTED).stat().st_size > 0)
    left = {path.name for path in folder.iterdir()} - before - {"out", "err", case.made}
    if left:
        return f"left behind: {left}"
    if ended.status in (1, 2):
        if len([line for line in lines if ": error: " in line]) != 1 or made:
            return "an output in spite of an error" if made else "not one line of error"
        # A target that claims another rule makes a good pool the wrong one for it.
        others = before - {WRONG} if case.kind == "target" else set()
        named = WRONG in lines[-1] or any(f": {place}:" in lines[-1] for place in others)
        return "" if named or NO_PLACE.search(lines[-1]) else "an error that names no place"
    if ended.status or not made:
        return f"status {ended.status}" + ("" if made else " and no output")
    return in_fork(lambda: case.judge(folder, case))


def one(tool: str, number: int, seed: int, good: Path, folder: Path) -> tuple[Case, Ended, str]:
    """The run of that number, in an empty folder with the good files and the wrong one."""
    source = Random(f"{seed}:{tool}:{number}")
    case = source.choice(SUBJECTS[tool])
    for file in good.iterdir():
        (folder / file.name).symlink_to(file)
    (folder / WRONG).write_bytes(made_wrong(case, good, source))
    before = {path.name for path in folder.iterdir()}
    ended = run(main_of(tool), case.line.split(), folder)
    return case, ended, complaint(case, ended, folder, before)


def part(tool: str, numbers: range, seed: int, good: Path) -> int:
    """Runs some of them and reports; the number of those that broke a promise."""
    found, statuses, memory, longest = 0, Counter[int](), 0, 0.0
    for number in numbers:
        with tempfile.TemporaryDirectory(prefix="gotd-fuzz-") as name:
            begin = time.monotonic()
            case, ended, wrong = one(tool, number, seed, good, Path(name))
            longest, memory = max(longest, time.monotonic() - begin), max(memory, ended.memory)
        statuses[ended.status] += 1
        if wrong:
            found += 1
            print(f"{tool} --seed {seed} --only {number}: {wrong}\n  {case.line}  # {case.base}\n"
                  f"  status {ended.status}: {ended.err[-1500:]}", flush=True)
    shown = ", ".join(f"{count} with status {status}" for status, count in sorted(statuses.items()))
    print(f"{tool}: {len(numbers)} inputs, {found} broken promises; {shown}; at most {memory >> 20} MiB, "
          f"{longest:.1f} s", flush=True)
    return found


def _part_and_exit(tool: str, numbers: range, seed: int, good: Path) -> NoReturn:
    status = 3
    try:
        status = min(1, part(tool, numbers, seed, good))
    except Exception:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)


def import_for(tool: str) -> None:
    """Imports what a command does, so that forks need not; no more, as what a process holds makes its forks dear."""
    main_of(tool)
    if tool in ("ds-score", "ds-target-stats"):
        import scipy.optimize  # noqa: F401
        import torch  # noqa: F401

        import ot  # noqa: F401

        for rule in RULES:
            rule_type(rule)
    if tool in ("ds-chunk", "ds-embed"):  # which are given every form of records

        import gotd.streams.warc
    if tool == "ds-probe":
        import gotd.cli._probing
    if tool == "ds-train":
        import gotd.training.run  # noqa: F401
    gc.collect()
    gc.freeze()  # what is here now the forks' collectors leave alone, and so its pages are not copied


def fuzz(tool: str, good: Path, given: argparse.Namespace) -> int:
    """All inputs of one command, in as many processes as asked; 1 where a promise was broken."""
    import_for(tool)
    if given.only is not None:
        folder = Path(tempfile.mkdtemp(prefix="gotd-fuzz-only-"))
        case, ended, wrong = one(tool, given.only, given.seed, good, folder)
        print(f"{folder}\n{case.line}  # {case.base}\n{ended}\n{wrong or 'as promised'}")
        return bool(wrong)
    children = []
    for first in range(given.jobs):
        pid = os.fork()
        if not pid:
            _part_and_exit(tool, range(first, given.count, given.jobs), given.seed, good)
        children.append(pid)
    return max(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tools", nargs="*", metavar="COMMAND", default=list(SUBJECTS))
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", type=int)
    given = parser.parse_args()
    os.environ.update({"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"})
    with tempfile.TemporaryDirectory(prefix="gotd-fuzz-good-") as name:
        good = Path(name)
        said = in_fork(lambda: make_files(good, tokens="ds-train" in given.tools))
        assert not said, said
        return max([fuzz(tool, good, given) for tool in SUBJECTS if tool in given.tools])


sys.exit(main())
