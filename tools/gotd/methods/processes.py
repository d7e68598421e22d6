"""The same work on many pieces, on several processes: for work during which Python's threads wait for each other."""

import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Generic, TypeVar

from gotd.errors import GotdError

Piece = TypeVar("Piece")
Made = TypeVar("Made")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Processes(Generic[Piece, Made]):
    """Copies of this process, made at once (fork), each waiting for pieces until this one ends.

    work : may share memory with its copies, an anonymous mmap. It must not need threads that run already: they are not
           in the copies.
    One process, or a system other than Linux, does the work itself, there on threads.
    """

    def __init__(self, count: int, work: Callable[[Piece], Made]) -> None:
        self._work = work
        self._idle: SimpleQueue[Connection] = SimpleQueue()
        self._forked = count > 1 and sys.platform == "linux"
        if self._forked:
            for connection in _forks(count, work):
                self._idle.put(connection)
        # A thread for each, which gives it a piece and waits for what it makes of it.
        self._threads = ThreadPoolExecutor(count, "gotd-work")

    def map(self, pieces: Sequence[Piece]) -> Iterator[Made]:
        """What is made of each piece, in order; the work on all of them begins at once.

        Raises: GotdError where a process has died.
        """
        return self._threads.map(self._ask if self._forked else self._work, pieces)

    def _ask(self, piece: Piece) -> Made:
        connection = self._idle.get()
        try:
            connection.send(piece)
            failed, made = connection.recv()
        except (EOFError, OSError) as error:
            raise GotdError("a process of this command was killed; see whether there is memory for it, or give fewer "
                            "--threads") from error
        finally:
            self._idle.put(connection)
        if failed:
            raise made
        return made  # type: ignore[no-any-return]


def _forks(count: int, work: Callable[[Piece], Made]) -> list[Connection]:
    """Our ends of the connections to `count` processes."""
    fork, ours = get_context("fork"), []
    # Ctrl-C reaches the copies too, and before they are ready they would answer it as we do.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        for _ in range(count):
            mine, theirs = fork.Pipe()
            ours.append(mine)
            process = fork.Process(target=_serve, args=(theirs, list(ours), work), daemon=True)
            with warnings.catch_warnings():
                # Python 3.12 warns where there are threads, such as numpy's own, which our work does without.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            theirs.close()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return ours


def _serve(theirs: Connection, ours: list[Connection], work: Callable[[Piece], Made]) -> None:
    """A copy's life: pieces in, what is made of them out, until the other end is closed, however that came about."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    for connection in ours:
        connection.close()
    try:
        while True:
            theirs.send(_made(theirs.recv(), work))
    except (EOFError, OSError):
        return


def _made(piece: Piece, work: Callable[[Piece], Made]) -> tuple[bool, Made | Exception]:
    """Whether the work failed, and the error or what was made."""
    try:
        return False, work(piece)
    except (GotdError, MemoryError) as error:
        return True, error
