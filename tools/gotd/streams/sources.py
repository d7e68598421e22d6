"""Where bytes come from: files, URLs, standard input."""

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gotd.errors import DataError, GotdError, UsageError
from gotd.streams.locations import PIECE_BYTES, STANDARD, is_url, open_url


class ByteSource:
    """Bytes in order, with a look ahead.

    name : for messages; size : in bytes where it is known beforehand (regular files), else None
    """

    def __init__(self, raw: IO[bytes], name: str, size: int | None = None) -> None:
        self.name = name
        self.size = size
        self._raw = raw
        self._ahead = b""

    def read_some(self, limit: int = PIECE_BYTES) -> bytes:
        """Between 1 and `limit` bytes; none at the end."""
        if self._ahead:
            piece, self._ahead = self._ahead[:limit], self._ahead[limit:]
            return piece
        try:
            return self._raw.read(limit) or b""
        except OSError as error:
            what = f"{self.name}: {error.strerror or error}"
            raise GotdError(f"{what}; the input could not be read to its end") from error

    def peek(self, count: int) -> bytes:
        """The next `count` bytes without taking them; fewer only at the end."""
        self.unread(self._gather(count))
        return self._ahead[:count]

    def read_exactly(self, count: int) -> bytes:
        """`count` bytes, or a DataError that says the input is cut."""
        data = self._gather(count)
        if len(data) < count:
            what = "cut short: it ends in the middle of a frame or an array"
            raise DataError(self.name, what, "fetch or make it again")
        return data

    def unread(self, data: bytes) -> None:
        """Put bytes back in front."""
        self._ahead = data + self._ahead

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
        with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as raw:
            yield ByteSource(raw, "<stdin>")
        return
    with open_url(path, "rb") if is_url(path) else _open_local(path) as raw:
        yield ByteSource(raw, path, None if is_url(path) else _regular_size(raw))


def _open_local(path: str) -> IO[bytes]:
    try:
        return open(path, "rb", buffering=0)
    except OSError as error:
        raise GotdError(f"{path}: {error.strerror}") from error


def _regular_size(raw: IO[bytes]) -> int | None:
    status = os.fstat(raw.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


@contextlib.contextmanager
def rereadable(names: list[str]) -> Iterator[list[str]]:
    """The same names, with standard input kept in a temporary file, for what must be read more than once."""
    if STANDARD not in names:
        yield names
        return
    with tempfile.TemporaryDirectory(prefix="gotd-") as folder:
        kept = Path(folder) / "stdin"
        with open_input(STANDARD) as source, kept.open("wb") as copy:
            try:
                while piece := source.read_some():
                    copy.write(piece)
            except OSError as error:
                raise GotdError(f"{kept}: {error.strerror}; set TMPDIR to a folder with room for the input") from error
        yield [str(kept) if name == STANDARD else name for name in names]


def read_tail(path: str, limit: int) -> tuple[bytes, int]:
    """The last `limit` bytes of a file or URL (all of a shorter one), and its size; nothing where it does not exist."""
    try:
        with open_url(path, "rb") if is_url(path) else open(path, "rb") as raw:
            end = raw.seek(0, os.SEEK_END)
            raw.seek(max(0, end - limit))
            return bytes(raw.read(limit)), end
    except FileNotFoundError:
        return b"", 0
    except OSError as error:
        raise GotdError(f"{path}: {error.strerror or error}") from error
