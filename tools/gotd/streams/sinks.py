"""Where bytes go to: files, URLs, standard output. Outputs appear whole or not at all."""

import contextlib
import errno
import fcntl
import os
import secrets
import select
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from gotd.errors import GotdError, UsageError
from gotd.streams.locations import STANDARD, is_url
from gotd.streams.stores import require_writable, upload


class StdoutClosed(Exception):  # noqa: N818 - not an error
    """Whoever read our standard output went away. Not an OSError: nothing else may catch it by accident."""


class Sink(Protocol):
    """Where a writer's bytes go."""

    name: str
    #: A reader may be listening while we write: announce the stream, so that a missing seal shows.
    is_pipe: bool
    #: Records go there as JSON Lines, neither compressed nor sealed, whatever the name says.
    is_plain: bool
    #: Bytes so far.
    written: int

    def write(self, data: bytes | memoryview) -> None: ...

    def patch(self, offset: int, data: bytes) -> None:
        """Overwrite bytes already written (never where is_pipe)."""


class _DescriptorSink:
    """A sink on an open descriptor.

    place : where the bytes lie, for messages, where it is not the name
    patched : another descriptor of the same file, where the first one only appends
    """

    def __init__(self, descriptor: int, name: str, is_pipe: bool, place: str = "", patched: int | None = None,
                 is_plain: bool = False) -> None:
        self.name = name
        self._place = place or name
        self.is_pipe, self.is_plain, self.written = is_pipe, is_plain, 0
        self._descriptor = descriptor
        self._patched = descriptor if patched is None else patched
        self._start = 0 if is_pipe else os.lseek(descriptor, 0, os.SEEK_CUR)
        self._start_is_known = is_pipe or patched is None

    def write(self, data: bytes | memoryview) -> None:
        left = memoryview(data)
        self.written += len(left)
        while left:
            left = left[self._guard(os.write, self._descriptor, left) :]
        if not self._start_is_known:  # only the first write shows where others left the end
            self._start, self._start_is_known = os.lseek(self._descriptor, 0, os.SEEK_CUR) - len(data), True

    def patch(self, offset: int, data: bytes) -> None:
        self._guard(os.pwrite, self._patched, data, self._start + offset)

    def _guard(self, call: Callable[..., int], *arguments: object) -> int:
        try:
            return int(call(*arguments))
        except BlockingIOError:  # whoever shares the descriptor has made it non-blocking
            select.select([], [self._descriptor], [])
            return 0
        except OSError as error:
            if self.name == "<stdout>" and error.errno == errno.EPIPE:
                raise StdoutClosed from error
            raise GotdError(f"{self._place}: {error.strerror}; nothing complete was written") from error


@contextlib.contextmanager
def open_output(path: str, plain: bool = False) -> Iterator[Sink]:
    """A sink that becomes `path` when the block ends well, and leaves nothing when it does not.

    `-` is standard output. Devices, pipes and other things that are not regular files are written directly.
    plain : records go to standard output, or to what is no regular file, as they are to be read
    """
    if path == STANDARD:
        with _stdout_sink(plain) as sink:
            yield sink
    elif is_url(path):
        with _uploaded(path) as sink:
            yield sink
    elif Path(path).exists() and not Path(path).is_file():
        if Path(path).is_dir():
            raise UsageError(f"{path} is a directory: write it as {path.rstrip('/')}/ for one output per input")
        descriptor = os.open(path, os.O_WRONLY)
        try:
            yield _DescriptorSink(descriptor, path, is_pipe=True, is_plain=plain)
        finally:
            os.close(descriptor)
    else:
        with _replaced(path) as sink:
            yield sink


@contextlib.contextmanager
def _stdout_sink(plain: bool) -> Iterator[Sink]:
    if sys.stdout is None:
        raise UsageError("standard output is closed: use -o FILE")
    descriptor = sys.stdout.fileno()
    if os.isatty(descriptor) and not plain:
        raise UsageError("standard output is a terminal and the data is binary: use -o FILE, or pipe it on; --plain "
                         "shows records here")
    regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    if not (regular and fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND):
        yield _DescriptorSink(descriptor, "<stdout>", is_pipe=not regular, is_plain=plain)
        return
    try:
        patched = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY)
    except OSError:  # another user's file, or no /proc: it can only be appended to
        yield _DescriptorSink(descriptor, "<stdout>", is_pipe=True, is_plain=plain)
        return
    try:
        yield _DescriptorSink(descriptor, "<stdout>", is_pipe=False, patched=patched, is_plain=plain)
    finally:
        os.close(patched)


@contextlib.contextmanager
def _replaced(path: str) -> Iterator[Sink]:
    """Write beside the target under a name nobody else has, then rename: readers see the old file or the new one."""
    target = Path(os.path.realpath(path))
    try:
        descriptor, temporary = _temporary_beside(target)
    except OSError as error:
        raise GotdError(f"{path}: {error.strerror}; the output cannot be created there") from error
    try:
        yield _DescriptorSink(descriptor, path, is_pipe=False)
        os.fsync(descriptor)
        temporary.replace(target)
        temporary = target
    except OSError as error:
        raise GotdError(f"{path}: {error.strerror}; nothing complete was written") from error
    finally:
        if temporary != target:
            temporary.unlink(missing_ok=True)
        os.close(descriptor)


def _temporary_beside(target: Path) -> tuple[int, Path]:
    """An open, empty, locked file in the target's folder, and its name.

    The name is one for each host, so that what a killed run left behind is taken over by the next one; a second run at
    the same time finds it locked and takes a random name. (Locks may hold on one host only; names never meet across.)
    """
    name = target.with_name(f".{target.name}.{socket.gethostname()}.tmp")
    descriptor = _taken_over(name)
    if descriptor is None:
        name = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    return descriptor, name


def _taken_over(name: Path) -> int | None:
    """An open, empty, locked file of that name; None where it cannot be had.

    It may be locked by another run, another user's, a link to elsewhere, or on a file system without locks.
    """
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held the lock before may have renamed the file: then it is no longer ours to write.
        if name.stat().st_ino == os.fstat(descriptor).st_ino:
            os.ftruncate(descriptor, 0)
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


@contextlib.contextmanager
def _uploaded(url: str) -> Iterator[Sink]:
    """Write to a local file, upload when it is whole: a store never holds a partial object under the final name."""
    require_writable(url)
    with tempfile.TemporaryFile() as spool:
        yield _DescriptorSink(spool.fileno(), url, is_pipe=False, place=f"{tempfile.gettempdir()} (for {url})")
        spool.seek(0)
        upload(url, spool)
