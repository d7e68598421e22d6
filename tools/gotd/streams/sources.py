"""Where bytes come from: files, URLs, standard input."""

import contextlib
import io
import os
import select
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Protocol

from gotd.errors import DataError, GotdError, UsageError
from gotd.streams.folders import files_under, folder_remedy
from gotd.streams.hub import HubFile, hub_files
from gotd.streams.locations import PIECE_BYTES, READ_ENDINGS, STANDARD, is_hub, is_url
from gotd.streams.stores import NoSuchObject, RemoteObject, objects_under

#: What messages call standard input.
_STDIN = "<stdin>"


class _Copy(str):
    """The path of a copy of what can be read once."""

    original: str

    def __new__(cls, name: str, path: Path) -> "_Copy":
        """name : of what is copied."""
        copy = super().__new__(cls, path)
        copy.original = _STDIN if name == STANDARD else name
        return copy


def shown(name: str) -> str:
    """What messages call an input. Of a copy that is what it was copied from: nobody will find the copy."""
    return name.original if isinstance(name, _Copy) else name


class Readable(Protocol):
    """What bytes are read from, whatever it is."""

    def read(self, limit: int, /) -> bytes:
        """Between 1 and `limit` bytes; none at the end."""


class StandardInput:
    """Reads a descriptor that others may share: where one of them has made it non-blocking, it is waited for."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, limit: int) -> bytes:
        """Between 1 and `limit` bytes; none at the end."""
        while True:
            try:
                return os.read(self._descriptor, limit)
            except BlockingIOError:
                select.select([self._descriptor], [], [])


class ByteSource:
    """Bytes in order, with a look ahead.

    name : for messages; size : in bytes where it is known beforehand (regular files, objects), else None
    """

    def __init__(self, raw: Readable, name: str, size: int | None = None) -> None:
        self.name = name
        self.size = size
        self._raw = raw
        self._ahead = b""
        self._taken = 0  # of what is ahead

    def read_some(self, limit: int = PIECE_BYTES) -> bytes:
        """Between 1 and `limit` bytes; none at the end."""
        if self._taken == len(self._ahead):
            self._ahead, self._taken = self._next(max(limit, PIECE_BYTES)), 0
        if not self._taken and len(self._ahead) <= limit:
            self._taken = len(self._ahead)
            return self._ahead
        piece = self._ahead[self._taken : self._taken + limit]
        self._taken += len(piece)
        return piece

    def _next(self, limit: int) -> bytes:
        try:
            return self._raw.read(limit)
        except OSError as error:
            what = f"{self.name}: {error.strerror or error}"
            raise GotdError(f"{what}; the input could not be read to its end") from error

    def seekable(self) -> IO[bytes] | None:
        """Return the file itself, at its beginning, where it can be read from any place; to be read there or here."""
        if isinstance(self._raw, io.FileIO) and self.size is not None:
            self._raw.seek(0)
            self._ahead, self._taken = b"", 0
            return self._raw
        return None

    def peek(self, count: int) -> bytes:
        """The next `count` bytes without taking them; fewer only at the end."""
        data = self._gather(count)
        self.unread(data)
        return data

    def read_exactly(self, count: int) -> bytes:
        """`count` bytes, or a DataError that says the input is cut."""
        data = self._gather(count)
        if len(data) < count:
            what = "cut short: it ends in the middle of a frame or an array"
            raise DataError(self.name, what, "fetch or make it again")
        return data

    def unread(self, data: bytes) -> None:
        """Put back the bytes that were taken last."""
        if len(data) <= self._taken:
            self._taken -= len(data)
        else:
            self._ahead, self._taken = data + self._ahead[self._taken :], 0

    def _gather(self, count: int) -> bytes:
        pieces, missing = [], count
        while missing and (piece := self.read_some(min(missing, PIECE_BYTES))):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)


@contextlib.contextmanager
def open_input(path: str) -> Iterator[ByteSource]:
    """A file, a URL, or standard input for `-`."""
    if path == STANDARD:
        if sys.stdin is None or sys.stdin.isatty():
            what = "closed" if sys.stdin is None else "a terminal"
            raise UsageError(f"standard input is {what}: name a file, or pipe data in")
        yield ByteSource(StandardInput(sys.stdin.fileno()), _STDIN)
        return
    if is_url(path):
        with _remote(path) as remote:
            yield ByteSource(remote, path, remote.size)
        return
    with _open_local(path) as file:
        yield ByteSource(file, shown(path), _regular_size(file))


def _remote(url: str) -> RemoteObject | HubFile:
    return HubFile(url) if is_hub(url) else RemoteObject(url)


def opened_in_turn(names: Sequence[str]) -> Iterator[ByteSource]:
    """Each input, open until the next one is asked for."""
    for name in names:
        with open_input(name) as source:
            yield source


def _open_local(path: str) -> IO[bytes]:
    try:
        return open(path, "rb", buffering=0)
    except IsADirectoryError as error:
        raise GotdError(f"{path}: a folder; {folder_remedy(path)}") from error
    except OSError as error:
        raise GotdError(f"{path}: {error.strerror}") from error


def _regular_size(raw: IO[bytes]) -> int | None:
    status = os.fstat(raw.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


@contextlib.contextmanager
def rereadable(names: list[str]) -> Iterator[list[str]]:
    """The same names, with pipes and standard input kept in temporary files, for what must be read more than once."""
    passing = [name for name in dict.fromkeys(names) if is_read_once(name)]
    if not passing:
        yield names
        return
    with tempfile.TemporaryDirectory(prefix="gotd-") as folder:
        kept = {name: _Copy(name, Path(folder) / f"input-{number}") for number, name in enumerate(passing)}
        for name, copy in kept.items():
            _fill(copy, name)
        yield [kept.get(name, name) for name in names]


def is_read_once(name: str) -> bool:
    """Whether it is standard input or a pipe, under whatever name; what does not exist is not."""
    if name == STANDARD or is_url(name):
        return name == STANDARD
    path = Path(name)
    return path.exists() and not path.is_file() and not path.is_dir()


def _fill(copy: str, name: str) -> None:
    with open_input(name) as source, open(copy, "wb") as file:
        try:
            while piece := source.read_some():
                file.write(piece)
        except OSError as error:
            raise GotdError(f"{copy}: {error.strerror}; set TMPDIR to a folder with room for the input") from error


def read_tail(path: str, limit: int) -> tuple[bytes, int]:
    """The last `limit` bytes of a file or URL (all of a shorter one), and its size; nothing where it does not exist.

    Nothing of a pipe or a device either: opening one may wait for somebody, and it has no end to look at.
    """
    try:
        if is_url(path):
            with _remote(path) as remote:
                return remote.tail(limit)
        if not Path(path).is_file():
            return b"", 0
        with open(path, "rb") as raw:
            end = raw.seek(0, os.SEEK_END)
            raw.seek(max(0, end - limit))
            return raw.read(limit), end
    except (FileNotFoundError, NoSuchObject):
        return b"", 0
    except OSError as error:
        raise GotdError(f"{path}: {error.strerror or error}") from error


def expanded(names: Sequence[str], others: list[str] | None = None) -> list[str]:
    """Return names with, in place of a folder, the files in it, and of a URL with a slash at its end the objects there.

    A name on the hub becomes the files that it stands for, at one commit.

    others : gets the files of folders that are passed over
    Raises: GotdError for a folder with nothing that is read.
    """
    found: list[str] = []
    for name in names:
        if is_hub(name):
            found += hub_files(name, READ_ENDINGS, others)
        elif is_url(name):
            found += objects_under(name) if name[-1] == "/" else [name]
        elif Path(name).is_dir():
            folder = files_under(name)
            if not folder.files:
                raise GotdError(f"{name}: a folder; {folder_remedy(name)}")
            found += folder.files
            if others is not None:
                others += folder.others
        else:
            found.append(name)
    return found
