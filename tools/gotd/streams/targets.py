"""The target file: `.npz` without pickles, all that `ds-score` needs."""

import hashlib
import io
import zipfile
from collections.abc import Mapping

import numpy as np
import orjson

from gotd.errors import DataError
from gotd.streams.npy_header import MAGIC, length_bytes, parse
from gotd.streams.sinks import Sink
from gotd.streams.sources import open_input
from gotd.types import JSON

_RUN = "run"
_ZIP_MAGIC = b"PK\x03\x04"
_REMEDY = "make it again with ds-target-stats"


def write_target(sink: Sink, arrays: Mapping[str, np.ndarray], run: Mapping[str, JSON]) -> None:
    """Arrays and the run record as stored (not deflated) members, the same bytes for the same content."""
    out = io.BytesIO()
    record = np.frombuffer(orjson.dumps(dict(run)), dtype="u1")
    np.savez(out, allow_pickle=False, **dict(arrays), **{_RUN: record})
    sink.write(out.getvalue())


def read_target(path: str) -> tuple[dict[str, np.ndarray], dict[str, JSON], str]:
    """Arrays, run record, and the digest of the file."""
    with open_input(path) as source:
        if source.peek(len(_ZIP_MAGIC)) != _ZIP_MAGIC:
            raise DataError(path, "not a whole target file (no zip archive)", _REMEDY)
        pieces = []
        while piece := source.read_some():
            pieces.append(piece)
    data = b"".join(pieces)
    try:
        arrays = _members(data)
        run = orjson.loads(arrays.pop(_RUN).tobytes())
        if not isinstance(run, dict) or not isinstance(run.get("method"), str):
            raise ValueError("its run record names no method")
    except Exception as error:
        raise DataError(path, f"not a whole target file ({error})", _REMEDY) from error
    return arrays, run, hashlib.sha256(data).hexdigest()


def _members(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of an archive; nothing is unpacked, and no size is believed before it has been compared."""
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if member.compress_type != zipfile.ZIP_STORED or not member.file_size == member.compress_size <= len(data):
                raise ValueError("it has compressed members")
            if name in arrays:
                raise ValueError(f'it has two members "{name}"')
            arrays[name] = _array(name, archive.read(member))  # which checks its sum
    if _RUN not in arrays:
        raise ValueError(f'it has no member "{_RUN}"')
    return arrays


def _array(name: str, payload: bytes) -> np.ndarray:
    """The array in the bytes of a `.npy`, exactly as long as its header says."""
    if not payload.startswith(MAGIC) or len(payload) < len(MAGIC) + 2:
        raise ValueError(f'its member "{name}" is no array')
    start = len(MAGIC) + 2
    middle = start + length_bytes(payload[len(MAGIC) : start])
    end = middle + int.from_bytes(payload[start:middle], "little")
    header = parse(payload[len(MAGIC)], payload[start:middle], payload[middle:end])
    if header.dtype.hasobject or header.payload_bytes != len(payload) - end:
        raise ValueError(f'its member "{name}" is not as long as its header says')
    array = np.frombuffer(payload, header.dtype, offset=end)
    return array.reshape(header.shape, order="F" if header.fortran else "C").copy(order="C")
