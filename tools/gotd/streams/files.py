"""Where bytes come from and go to: files, URLs, standard streams. Outputs appear whole or not at all."""

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from gotd.errors import DataError, GotdError, UsageError

STANDARD = "-"
_READ_BYTES = 1 << 20
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


class StdoutClosed(Exception):
    """Whoever read our standard output went away. Not an OSError: nothing else may catch it by accident."""


def is_url(path: str) -> bool:
    """Whether smart-open, not the file system, opens this."""
    return bool(_URL.match(path))


class ByteSource:
    """Bytes in order, with a look ahead.

    name : for messages; size : in bytes where it is known beforehand (regular files), else None
    """

    def __init__(self, raw: IO[bytes], name: str, size: int | None = None) -> None:
        self.name = name
        self.size = size
        self._raw = raw
        self._ahead = b""

    def read_some(self, limit: int = _READ_BYTES) -> bytes:
        """Between 1 and `limit` bytes; none at the end."""
        if self._ahead:
            piece, self._ahead = self._ahead[:limit], self._ahead[limit:]
            return piece
        try:
            return self._raw.read(limit) or b""
        except OSError as error:
            raise GotdError(f"{self.name}: {error.strerror or error}; the input could not be read to its end") from error

    def peek(self, count: int) -> bytes:
        """The next `count` bytes without taking them; fewer only at the end."""
        self.unread(self._gather(count))
        return self._ahead[:count]

    def read_exactly(self, count: int) -> bytes:
        """`count` bytes, or a DataError that says the input is cut."""
        data = self._gather(count)
        if len(data) < count:
            raise DataError(self.name, "cut short: it ends in the middle of a frame or an array", "fetch or make it again")
        return data

    def unread(self, data: bytes) -> None:
        """Put bytes back in front."""
        self._ahead = data + self._ahead

    def _gather(self, count: int) -> bytes:
        pieces, missing = [], count
        while missing and (piece := self.read_some(min(missing, _READ_BYTES))):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)


@contextlib.contextmanager
def open_input(path: str) -> Iterator[ByteSource]:
    """A file, a URL, or standard input for `-`."""
    if path == STANDARD:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("standard input is a terminal: name a file, or pipe data in")
        yield ByteSource(open(sys.stdin.fileno(), "rb", buffering=0, closefd=False), "<stdin>")
        return
    with _open_url(path, "rb") if is_url(path) else _open_local(path) as raw:
        yield ByteSource(raw, path, None if is_url(path) else _regular_size(raw))


def _open_local(path: str) -> IO[bytes]:
    try:
        return open(path, "rb", buffering=0)
    except OSError as error:
        raise GotdError(f"{path}: {error.strerror}") from error


def _regular_size(raw: IO[bytes]) -> int | None:
    status = os.fstat(raw.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _open_url(url: str, mode: str) -> Any:
    try:
        import smart_open

        # "disable": gotd recognises compression by the bytes themselves and checks where frames end.
        return smart_open.open(url, mode, compression="disable")
    except ImportError as error:
        raise GotdError(f"{url}: {error}; pip install 'gotd[s3]' (or gcs, azure)") from error
    except Exception as error:  # noqa: BLE001 - each store raises its own kinds
        raise GotdError(f"{url}: could not be opened: {error}") from error


def read_tail(path: str, limit: int) -> bytes:
    """The last `limit` bytes of a file or URL (all of a shorter one); none where it does not exist."""
    try:
        with _open_url(path, "rb") if is_url(path) else open(path, "rb") as raw:
            end = raw.seek(0, os.SEEK_END)
            raw.seek(max(0, end - limit))
            return bytes(raw.read(limit))
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise GotdError(f"{path}: {error.strerror or error}") from error


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
            with _open_url(url, "wb") as remote:
                while piece := spool.read(_READ_BYTES):
                    remote.write(piece)
        except GotdError:
            raise
        except Exception as error:  # noqa: BLE001 - each store raises its own kinds
            raise GotdError(f"{url}: upload failed: {error}") from error
