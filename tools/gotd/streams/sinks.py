"""Where bytes go to: files, URLs, standard output. Outputs appear whole or not at all."""

import contextlib
import errno
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from gotd.errors import GotdError, UsageError
from gotd.streams.locations import PIECE_BYTES, STANDARD, is_url, open_url


class StdoutClosed(Exception):  # noqa: N818 - not an error
    """Whoever read our standard output went away. Not an OSError: nothing else may catch it by accident."""


class Sink(Protocol):
    """Where a writer's bytes go."""

    name: str
    #: A reader may be listening while we write: announce the stream, so that a missing seal shows.
    is_pipe: bool

    def write(self, data: bytes) -> None: ...

    def patch(self, offset: int, data: bytes) -> None:
        """Overwrite bytes already written (never where is_pipe)."""


class _DescriptorSink:
    """A sink on an open descriptor."""

    def __init__(self, descriptor: int, name: str, is_pipe: bool) -> None:
        self.name = name
        self.is_pipe = is_pipe
        self._descriptor = descriptor
        self._start = 0 if is_pipe else os.lseek(descriptor, 0, os.SEEK_CUR)

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._guard(os.write, self._descriptor, left) :]

    def patch(self, offset: int, data: bytes) -> None:
        self._guard(os.pwrite, self._descriptor, data, self._start + offset)

    def _guard(self, call: Any, *arguments: Any) -> int:
        try:
            return int(call(*arguments))
        except OSError as error:
            if self.name == "<stdout>" and error.errno == errno.EPIPE:
                raise StdoutClosed from error
            raise GotdError(f"{self.name}: {error.strerror}; nothing complete was written") from error


@contextlib.contextmanager
def open_output(path: str) -> Iterator[Sink]:
    """A sink that becomes `path` when the block ends well, and leaves nothing when it does not.

    `-` is standard output. Devices, pipes and other things that are not regular files are written directly.
    """
    if path == STANDARD:
        yield _stdout_sink()
    elif is_url(path):
        with _uploaded(path) as sink:
            yield sink
    elif Path(path).exists() and not Path(path).is_file():
        if Path(path).is_dir():
            raise UsageError(f"{path} is a directory: write it as {path.rstrip('/')}/ for one output per input")
        descriptor = os.open(path, os.O_WRONLY)
        try:
            yield _DescriptorSink(descriptor, path, is_pipe=True)
        finally:
            os.close(descriptor)
    else:
        with _replaced(path) as sink:
            yield sink


def _stdout_sink() -> Sink:
    if sys.stdout is None:
        raise UsageError("standard output is closed: use -o FILE")
    descriptor = sys.stdout.fileno()
    if os.isatty(descriptor):
        raise UsageError("standard output is a terminal and the data is binary: use -o FILE, or pipe it on")
    import fcntl

    regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    appending = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
    return _DescriptorSink(descriptor, "<stdout>", is_pipe=not regular or bool(appending))


@contextlib.contextmanager
def _replaced(path: str) -> Iterator[Sink]:
    """Write beside the target under a name nobody else has, then rename: readers see the old file or the new one."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        raise GotdError(f"{path}: {error.strerror}; the output cannot be created there") from error
    try:
        try:
            yield _DescriptorSink(descriptor, path, is_pipe=False)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(target)
    except OSError as error:
        raise GotdError(f"{path}: {error.strerror}; nothing complete was written") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _uploaded(url: str) -> Iterator[Sink]:
    """Write to a local file, upload when it is whole: a store never holds a partial object under the final name."""
    with tempfile.TemporaryFile() as spool:
        yield _DescriptorSink(spool.fileno(), url, is_pipe=False)
        spool.seek(0)
        try:
            with open_url(url, "wb") as remote:
                while piece := spool.read(PIECE_BYTES):
                    remote.write(piece)
        except GotdError:
            raise
        except Exception as error:
            raise GotdError(f"{url}: upload failed: {error}") from error
