"""The target file: `.npz` without pickles, all that `ds-score` needs."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from gotd.errors import DataError
from gotd.streams.sinks import Sink
from gotd.streams.sources import open_input

_RUN = "run"


def write_target(sink: Sink, arrays: Mapping[str, np.ndarray], run: Mapping[str, Any]) -> None:
    """Arrays and the run record as stored (not deflated) members, the same bytes for the same content."""
    out = io.BytesIO()
    record = np.frombuffer(orjson.dumps(dict(run)), dtype="u1")
    np.savez(out, allow_pickle=False, **dict(arrays), **{_RUN: record})
    sink.write(out.getvalue())


def read_target(path: str) -> tuple[dict[str, np.ndarray], dict[str, Any], str]:
    """Arrays, run record, and the digest of the file."""
    with open_input(path) as source:
        pieces = []
        while piece := source.read_some():
            pieces.append(piece)
    data = b"".join(pieces)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as members:
            if any(member.compress_type != zipfile.ZIP_STORED for member in members.infolist()):
                raise ValueError("it has compressed members")
            if members.testzip():
                raise ValueError("a member fails its checksum")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        run = orjson.loads(arrays.pop(_RUN).tobytes())
    except Exception as error:
        raise DataError(path, f"not a whole target file ({error})", "make it again with ds-target-stats") from error
    return arrays, run, hashlib.sha256(data).hexdigest()
