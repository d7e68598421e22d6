"""The seal at the end of a file, read without the rest: enough to know what is there already."""

from typing import NamedTuple

from gotd.errors import DataError, GotdError
from gotd.streams.locations import is_url
from gotd.streams.seal import MAX_SEAL_BYTES, PREFIX, Seal, decode
from gotd.streams.sources import read_tail


class EndSeal(NamedTuple):
    """The last seal of a file, and the file's size in bytes: files put one after the other have a last seal, too."""

    seal: Seal
    size: int

    @property
    def content(self) -> str:
        """Names the content of the whole file."""
        return f"{self.seal.digest}:{self.size}"


def end_seal(path: str) -> EndSeal | None:
    """The seal that a file or URL ends with; None where there is none, or no such file."""
    try:
        tail, size = read_tail(path, MAX_SEAL_BYTES)
    except GotdError:
        if is_url(path):  # stores tell a missing object in many ways; whoever opens it next will say what is wrong
            return None
        raise
    start = tail.rfind(PREFIX)
    if start < 0 or not tail.endswith(b'"}'):
        return None
    try:
        message = decode(tail[start:], path)
    except DataError:
        return None
    return EndSeal(message, size) if isinstance(message, Seal) else None
