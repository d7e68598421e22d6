"""The seal of a file, read without the rest: enough to know what is there already."""

from typing import IO, NamedTuple

from gotd.errors import DataError, GotdError
from gotd.streams.locations import is_table, is_url
from gotd.streams.seal import MAX_SEAL_BYTES, PREFIX, Seal, decode
from gotd.streams.sources import read_tail

#: Most seals are no longer; only where one is, more of the file is read.
_USUAL_SEAL_BYTES = 1 << 16
_END = b'"}'
#: Of the seal in the metadata of a Parquet file.
SEAL_KEY = b"gotd"


class EndSeal(NamedTuple):
    """The one seal of a file, and the file's size in bytes."""

    seal: Seal
    size: int


def end_seal(path: str) -> EndSeal | None:
    """The seal that a file or URL ends with; None where none speaks for the whole file, or there is no such file.

    The last seal of files put one after the other speaks for the last of them only.
    """
    try:
        tail, size = read_tail(path, _USUAL_SEAL_BYTES)
        if _may_be_cut(tail, size):
            tail, size = read_tail(path, MAX_SEAL_BYTES)
    except GotdError:
        if is_url(path):  # stores tell a missing object in many ways; whoever opens it next will say what is wrong
            return None
        raise
    start = tail.rfind(PREFIX)
    if start < 0 or not tail.endswith(_END):
        return None
    try:
        message = decode(tail[start:], path)
    except DataError:
        return None
    if not isinstance(message, Seal) or message.position != size - len(tail) + start:
        return None
    return EndSeal(message, size)


def stated_seal(path: str) -> Seal | None:
    """The seal that a file ends with, or that a Parquet file on disk has in its metadata, for people to read.

    A Parquet file may have been changed by others who left its metadata: only reading its rows tells.
    """
    end = end_seal(path)
    if end is not None or is_url(path) or not is_table(path):
        return end.seal if end else None
    with open(path, "rb") as file:
        payload = stated_payload(file, path)
    seal = decode(payload, path) if payload else None
    return seal if isinstance(seal, Seal) else None


def _may_be_cut(tail: bytes, size: int) -> bool:
    """Whether the end of a file looks like that of a seal which begins before it."""
    return tail.endswith(_END) and PREFIX not in tail and len(tail) < size


def stated_payload(file: IO[bytes], name: str) -> bytes:
    """Return the seal in the metadata of a Parquet file, of the rows that it was written with.

    Nothing where there is none, or of another number of rows: others may have changed them. Nothing of a damaged file
    either: whoever reads its rows says so.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        file.seek(0)
        metadata = parquet.ParquetFile(file).metadata
        payload = bytes((metadata.metadata or {}).get(SEAL_KEY, b""))
        message = decode(payload, name) if payload.startswith(PREFIX) else None
    except (pyarrow.ArrowException, OSError, EOFError, ValueError, DataError):
        return b""
    finally:
        file.seek(0)
    return payload if isinstance(message, Seal) and message.rows == metadata.num_rows else b""
