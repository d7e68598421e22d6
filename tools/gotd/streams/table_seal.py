"""The seal in the metadata of a Parquet file, of the rows that it was written with: others may have changed them."""

from typing import IO

from gotd.errors import DataError
from gotd.streams.seal import PREFIX, Seal, decode

#: Where it stands.
SEAL_KEY = b"gotd"


def stated_seal(path: str) -> Seal | None:
    """Return the seal of a Parquet file on disk, if it has one of as many rows as the file."""
    with open(path, "rb") as file:
        payload = stated_payload(file, path)
    seal = decode(payload, path) if payload else None
    return seal if isinstance(seal, Seal) else None


def stated_payload(file: IO[bytes], name: str) -> bytes:
    """Return the seal as it stands there; nothing where there is none, or of another number of rows.

    Nothing of a damaged file either: whoever reads its rows says so.
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
