"""Work on several processes: the order, the errors, and that nobody stays behind."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from mmap import mmap
from pathlib import Path

import numpy as np
import pytest

from gotd.errors import GotdError
from gotd.methods.processes import Processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are threads instead")


@pytest.mark.long
@pytest.mark.parametrize("count", [1, 2, 5])
def test_everything_is_worked_on_in_order(count: int) -> None:
    work = Processes(count, lambda piece: (piece * 2, os.getpid()))
    found = list(work.map([b"x" * size for size in (0, 1, 1 << 20, 3, 1 << 21) * 8]))
    assert [len(made) for made, _ in found] == [0, 2, 1 << 21, 6, 1 << 22] * 8
    assert (os.getpid() in {pid for _, pid in found}) == (count == 1)
    assert list(work.map([])) == []


def test_memory_is_shared() -> None:
    table = np.frombuffer(mmap(-1, 80), dtype=np.int64)

    def mark(place: int) -> None:
        table[place] = place + 1

    list(Processes(2, mark).map(range(10)))
    assert table.tolist() == list(range(1, 11))


@pytest.mark.parametrize("error", [GotdError("no"), MemoryError()])
def test_errors_come_back(error: Exception) -> None:
    def fail(piece: int) -> int:
        if piece == 3:
            raise error
        return piece

    work = Processes(2, fail)
    found = work.map(range(6))
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(type(error)) as raised:
        next(found)
    assert raised.value.args == error.args
    assert list(work.map([1, 2])) == [1, 2]


def test_a_killed_process_is_an_error() -> None:
    work = Processes(2, lambda piece: os.kill(os.getpid(), signal.SIGKILL) if piece == 1 else piece)
    with pytest.raises(GotdError, match="was killed"):
        list(work.map([0, 1, 2, 3]))


def alive(pid: int) -> bool:
    """Whether it runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


#: A terminal sends them to all processes alike.
FROM_A_TERMINAL = [signal.SIGINT, signal.SIGHUP]
ENDLESS = """
import os, signal, sys
from gotd.methods.processes import Processes
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
signal.signal(signal.SIGHUP, signal.default_int_handler)
work = Processes(3, lambda piece: os.getpid())
print(*set(work.map(range(100))), flush=True)
sys.stdin.read()
"""


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, *FROM_A_TERMINAL, None])
def test_none_outlives_the_one_that_made_it(how: signal.Signals | None) -> None:
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as made:
        assert made.stdout and made.stderr
        copies = [int(pid) for pid in made.stdout.readline().split()]
        assert copies and all(alive(pid) for pid in copies)
        if how in FROM_A_TERMINAL:
            os.killpg(made.pid, how)  # type: ignore[arg-type]
        elif how:
            made.send_signal(how)
        said = made.communicate(timeout=60)[1]
    assert said.count("Traceback") == (how in FROM_A_TERMINAL)  # ours, of the copies nothing
    end = time.monotonic() + 30
    while any(alive(pid) for pid in copies) and time.monotonic() < end:
        time.sleep(0.01)
    left = [pid for pid in copies if alive(pid)]
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left
