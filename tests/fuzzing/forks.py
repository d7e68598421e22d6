"""Commands run in forks of a process that has imported them: milliseconds each, with the real entry point."""

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from forked_commands import run_and_exit

#: No input may keep a command busy for longer, nor make it hold more (all that it has imported counts).
SECONDS = 10
MEMORY_BYTES = 1 << 30
#: Where the address space ends: far enough to see who wants too much, near enough to keep the machine alive.
_SPACE_BYTES = 4 << 30


class Ended(NamedTuple):
    """How a command ended. signal : 0 where it ended by itself; memory : largest resident set, bytes."""

    status: int
    signal: int
    memory: int
    err: str


def run(main: Callable[[], NoReturn], arguments: Sequence[str], folder: Path, seconds: int = SECONDS) -> Ended:
    """What a console script does with these arguments, in that folder; data goes to `out` there.

    seconds : after so many it is ended by a signal
    """
    out, err = folder / "out", folder / "err"
    pid = os.fork()
    if not pid:
        _child(main, arguments, folder, out, err, seconds)
    _, status, usage = os.wait4(pid, 0)
    said = err.read_text(errors="replace")
    return Ended(os.waitstatus_to_exitcode(status), status & 0x7F, usage.ru_maxrss * 1024, said)


def _child(main: Callable[[], NoReturn], arguments: Sequence[str], folder: Path, out: Path, err: Path,
           seconds: int) -> NoReturn:
    def program() -> None:
        os.chdir(folder)
        for number, path, flags in ((0, "/dev/null", os.O_RDONLY), (1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
                                    (2, err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)):
            os.dup2(os.open(path, flags, 0o644), number)
        sys.argv = list(arguments)
        signal.alarm(seconds)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + _SPACE_BYTES, used + _SPACE_BYTES))
        main()

    run_and_exit(program)


def in_fork(check: Callable[[], None]) -> str:
    """What a check raises, as text; empty where it passes. Threads that it starts do not stay."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(reading)
            check()
        except BaseException as error:  # noqa: BLE001 - it is handed on
            lines = traceback.format_exception_only(error) if isinstance(error, AssertionError) else \
                traceback.format_exception(error)
            os.write(writing, "".join(lines)[-3000:].encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return said or (f"the check ended with status {status}" if status else "")
