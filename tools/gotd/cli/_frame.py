"""The frame around every command: exit codes, closed pipes, error lines, signals, the closing line."""

import contextlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from gotd.allocator import keep_freed_memory
from gotd.cli._completion import asked_for, complete
from gotd.cli._environment import name_variables, pass_over
from gotd.cli._printing import escape_what_streams_cannot_hold, print_message
from gotd.cli._progress import Progress, follow
from gotd.errors import GotdError, UsageError
from gotd.streams.sinks import StdoutClosed

DONE, FAILED, USAGE, INTERRUPTED, READER_GONE, TERMINATED = 0, 1, 2, 130, 141, 143


class Terminated(BaseException):
    """SIGTERM arrived, or the terminal went away."""


Item = TypeVar("Item")

_STDERR = 2
#: Where nobody watches, progress is a line a minute.
_SECONDS_BETWEEN_LINES = 60.0


class Run:
    """What a command is doing, for its progress, and what it did, for its last line."""

    def __init__(self, tool: str, quiet: bool) -> None:
        self.rows = 0
        self.notes: list[str] = []
        self._tallies: dict[str, int] = {}
        self._rates: list[tuple[int, str]] = []
        self._tool, self._quiet = tool, quiet
        self._start = self._told = time.monotonic()
        self._progress = Progress(tool) if not quiet and sys.stderr.isatty() else None

    def expect(self, total: Callable[[], int | None]) -> None:
        """Progress is shown of so many rows. total : asked only where it is shown; None where nothing says"""
        if self._progress is not None:
            self._progress.total = total()

    def follow(self, name: str) -> None:
        """Show what a logger says of the steps of the work: on a terminal all of it, elsewhere once a minute."""
        if not self._quiet:
            follow(name, self.step)

    def step(self, text: str) -> None:
        """Show a step of the work."""
        now = time.monotonic()
        if self._progress is not None:
            self._progress.step(text)
        elif now - self._told > _SECONDS_BETWEEN_LINES:
            self._told = now
            self.say(text)

    def advance(self, rows: int) -> None:
        """Count rows, and show it."""
        self.rows += rows
        if self._progress is not None:
            self._progress.advance(rows)
            return
        now = time.monotonic()
        if now - self._told > _SECONDS_BETWEEN_LINES:
            self._told = now
            self.say(f"{self.rows:,} rows, {self.rows / (now - self._start):,.0f} rows/s")

    def until_enough(self, items: Iterable[Item]) -> Iterable[Item]:
        """All of them; a dry run takes the first."""
        return items

    @property
    def seconds(self) -> float:
        """Since the command began."""
        return time.monotonic() - self._start

    def note(self, count: int, what: str) -> None:
        """Something counted that must not pass silently."""
        if count:
            self.notes.append(f"{count:,} {what}")

    def tally(self, count: int, what: str) -> None:
        """The same for what is counted bit by bit: one note of all of it at the end."""
        self._tallies[what] = self._tallies.get(what, 0) + count

    def rate(self, count: int, what: str) -> None:
        """Something beside rows of which many are done in a second."""
        if count:
            self._rates.append((count, what))

    def share(self, part: int, whole: int, what: str) -> None:
        """How much of a whole something takes."""
        if part:
            self.notes.append(f"{part / whole:.1%} {what}")

    def say(self, message: str) -> None:
        """A line on stderr, unless quiet."""
        if not self._quiet:
            if self._progress is not None:
                self._progress.clear()
            print_message(f"{self._tool}: {message}")

    def close(self) -> None:
        """The closing line."""
        if self._progress is not None:
            self._progress.close()
        for what, count in self._tallies.items():
            self.note(count, what)
        seconds = self.seconds
        rates = ", ".join(f"{count / max(seconds, 1e-9):,.0f} {what}/s"
                          for count, what in [(self.rows, "rows"), *self._rates])
        notes = "".join(f"; {note}" for note in self.notes)
        memory = f"peak memory {peak_megabytes():.0f} MB"
        self.say(f"{self.rows:,} rows in {seconds:.1f} s ({rates}), {memory}{notes}")


def peak_megabytes() -> float:
    """Largest resident memory so far. getrusage would count what a large parent held when it started us."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def prepare_process(threads: int, keeps_memory: bool = True) -> int:
    """Tell libraries, before they are imported, what they read when they begin; return the threads.

    keeps_memory : blocks are all of one size, so that what one frees, the next one needs; a network's are of many
    """
    # Read when tokenizers first works in parallel.
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    # Read when torch first works in bfloat16: how many prepared products each of two caches keeps. A batch needs a
    # dozen; with the usual 1024, one for every shape of a batch there ever was, memory grows for hours.
    os.environ.setdefault("LRU_CACHE_CAPACITY", "16")
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
    if keeps_memory:
        keep_freed_memory()
    return threads


def entry_point(command: click.Command) -> Callable[[], NoReturn]:
    """The function a console script calls."""
    name_variables(command)

    def main() -> NoReturn:
        tool = command.name or "ds"
        _begin_in_utf8()
        if sys.stderr is None:  # it was closed: the next file we open would take its number, and the messages
            os.dup2(os.open(os.devnull, os.O_WRONLY), _STDERR)
            sys.stderr = os.fdopen(_STDERR, "w", encoding="utf-8", errors="backslashreplace")
        escape_what_streams_cannot_hold()
        signal.signal(signal.SIGTERM, _terminate)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under nohup
            signal.signal(signal.SIGHUP, _terminate)
        status = _status(command, tool)
        try:
            if sys.stdout is not None:
                sys.stdout.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            gone = isinstance(error, BrokenPipeError)
            if not (gone or status):  # else it was said, or there is something else to say
                print_message(f"{tool}: error: <stdout>: {error.strerror}")
            status = status or (READER_GONE if gone else FAILED)
        sys.exit(status)

    return main


def run_script(main: Callable[[], None]) -> NoReturn:
    """Call a script's main; end like a command, silently and with 141, where the reader of its output has gone."""
    escape_what_streams_cannot_hold()
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(READER_GONE)
    sys.exit(DONE)


def _begin_in_utf8() -> None:
    """Start Python again in its UTF-8 mode where the locale has another encoding (ASCII, Latin-1).

    Arguments, names of files and text files would be read in it, ours and those of libraries; some of these write
    names in UTF-8 all the same and find nothing. Costs as much as Python takes to begin, nothing in a UTF-8 locale.
    """
    if not sys.flags.utf8_mode and sys.getfilesystemencoding() != "utf-8" and sys.executable:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def _status(command: click.Command, tool: str) -> int:
    try:
        if instruction := asked_for(tool):
            return complete(command, tool, instruction)
        pass_over(command)
        with command.make_context(tool, sys.argv[1:]) as context:
            command.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        return _fail(tool, f"{error.format_message()} (see {tool} --help)", USAGE)
    except UsageError as error:
        return _fail(tool, str(error), USAGE)
    except GotdError as error:
        return _fail(tool, str(error), FAILED)
    except StdoutClosed:
        return READER_GONE
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except Terminated:
        return TERMINATED
    except MemoryError:
        return _fail(tool, "out of memory; see the memory line of --help", FAILED)
    except OSError as error:
        return _fail(tool, f"{error.filename or 'input/output'}: {error.strerror or error}", FAILED)
    return DONE


def _fail(tool: str, message: str, status: int) -> int:
    if os.environ.get("DS_DEBUG") == "1":
        traceback.print_exc()
    print_message(f"{tool}: error: {' '.join(message.split())}")
    return status
