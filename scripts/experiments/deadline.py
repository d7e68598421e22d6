"""Long work in pieces: the same command again goes on where it stopped."""

import sys
import time
from typing import NoReturn

#: sysexits.h: the work is not done, and may be tried again.
AGAIN = 75


class Deadline:
    """minutes : after which a command stops where it can go on; None for never"""

    def __init__(self, minutes: float | None) -> None:
        self._end = None if minutes is None else time.monotonic() + 60 * minutes

    def is_near(self) -> bool:
        """Whether it is time to stop."""
        return self._end is not None and time.monotonic() > self._end

    def leave(self) -> NoReturn:
        """Ends the command."""
        print("not finished; the same command goes on from here", file=sys.stderr)
        sys.exit(AGAIN)
