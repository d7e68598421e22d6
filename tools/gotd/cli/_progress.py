"""Progress on a terminal: one line, of one of the commands that share it."""

import fcntl
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tqdm import tqdm

_STDERR = 2
#: Between two that are shown.
_SECONDS_A_STEP = 0.2
#: To the beginning of the line, and empties it.
CLEARED = "\r\x1b[K"


class Progress:
    """A line with rows, their rate and, of a known total, the share and the time left.

    The first command of a pipe that has rows to show draws it; the others only say what they did when they are done.
    """

    def __init__(self, tool: str) -> None:
        self.total: int | None = None
        self._tool, self._is_asked = tool, False
        self._bar: tqdm[NoReturn] | None = None
        self._steps, self._shown = False, time.monotonic()

    def advance(self, rows: int) -> None:
        """Show so many more rows."""
        if self._bar is None and not self._is_asked:
            self._is_asked = True
            self._bar = _bar(self._tool, self.total) if _takes_the_terminal() else None
        if self._bar is not None:
            self._bar.update(rows)

    def step(self, text: str) -> None:
        """Show a step of the work, in place of the one before."""
        if not self._is_asked:
            self._is_asked, self._steps = True, _takes_the_terminal()
        now = time.monotonic()
        if self._steps and now - self._shown > _SECONDS_A_STEP:
            self._shown = now
            sys.stderr.write(f"{CLEARED}{self._tool}: {text}")
            sys.stderr.flush()

    def close(self) -> None:
        """Take the line away."""
        if self._bar is not None:
            self._bar.close()

    def clear(self) -> None:
        """Empty the line, for a message, whichever command has drawn it."""
        sys.stderr.write(CLEARED)


class _Handler(logging.Handler):
    """Hands on what is logged."""

    def __init__(self, step: Callable[[str], None]) -> None:
        super().__init__()
        self._step = step

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it on."""
        self._step(record.getMessage())


def follow(name: str, step: Callable[[str], None]) -> None:
    """Hand on what a logger and those below it say of the steps of a work."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.INFO)
    logger.addHandler(_Handler(step))
    logger.propagate = False


def _takes_the_terminal() -> bool:
    """Return True if no other command draws on the terminal of standard error; none will then, while we are there."""
    try:
        descriptor = os.open(os.ttyname(_STDERR), os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError:  # no locks there
        os.close(descriptor)
    return True


def _bar(tool: str, total: int | None) -> "tqdm[NoReturn]":
    from tqdm import tqdm

    return tqdm(desc=tool, total=total, unit=" rows", unit_scale=True, leave=False, dynamic_ncols=True, delay=0.5)
