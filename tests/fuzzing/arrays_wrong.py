"""Arrays, target files and seals made wrong where it hurts: headers, shapes, members, figures."""

import hashlib
import io
import json
import pickle
import struct
import tokenize
import zipfile
from random import Random
from typing import Any

import numpy as np

_SHAPES = ("(10**15, 64)", "(1000000000000000, 64)", "(-1, 64)", "(-300, -64)", "(300, 0)", "(0, 64)", "(0,)", "()",
           "(300,)", "(19200,)", "(300, 64, 1)", "(9223372036854775807, 2)", "(18446744073709551616, 64)",
           "(True, 64)", "('a', 64)", "(300.0, 64)", "(300, 64", "[300, 64]", "(300, 128)", "(150, 128)",
           "(301, 64)", "(299, 64)", "(1, 10000000000)",
           "(2, 4000000000000)", "None", "(300, 1000000000)")
_DTYPES = ("'<f2'", "'<f4'", "'<f8'", "'>f2'", "'|O'", "'|V2'", "'<U4'", "'|b1'", "'<c8'", "'<M8[s]'", "'<i8'",
           "'u1'", "'f16'", "[('a', '<f2')]", "'<f2, <f4'", "None", "7", "'nonsense'", "'|S0'", "('<f2', (3,))")


def header(shape: str, dtype: str, fortran: str = "False", version: int = 1, extra: str = "") -> bytes:
    """The start of a `.npy` that says what it is told to say."""
    text = f"{{'descr': {dtype}, 'fortran_order': {fortran}, 'shape': {shape}, {extra}}}".encode("latin1", "replace")
    size = "<H" if version == 1 else "<I"
    total = 8 + struct.calcsize(size) + len(text) + 1
    text += b" " * (-total % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(size, min(len(text), 0xFFFF)) + text


def wrong_array(rows: np.ndarray, source: Random) -> bytes:
    """A `.npy` of these rows with another header, other numbers, or something else in it."""
    how = source.randrange(8)
    shape, dtype, payload = repr(rows.shape), repr(rows.dtype.str), rows.tobytes()
    if how == 0:
        return header(source.choice(_SHAPES), dtype) + payload
    if how == 1:
        return header(shape, source.choice(_DTYPES)) + payload
    if how == 2:
        return header(shape, dtype, source.choice(("True", "1", "None")), source.choice((1, 2, 3, 4, 0)),
                      source.choice(("", "'more': 1", "'shape': (1,)", "'x': " + "(" * 3000, "'x': __import__('os')",
                                     "'x': " + "-" * 8000 + "1", "'x': '\\d'", "'x': 10L"))) + payload
    if how == 3:
        return header(source.choice(_SHAPES), source.choice(_DTYPES), version=source.choice((1, 2, 3))) + payload
    if how == 4:
        return _saved(_other_numbers(rows, source))
    if how == 5:
        other = _saved(rows[:, :1] if rows.ndim > 1 else rows)
        return _saved(rows) * source.choice((2, 3)) + source.choice((b"", b"x", other))
    if how == 6:
        out = io.BytesIO()
        np.save(out, np.array([{"a": 1}], dtype=object), allow_pickle=True)
        return source.choice((out.getvalue(), pickle.dumps(rows), _saved(np.asfortranarray(rows)), _saved(rows.T)))
    return _saved(rows.astype(source.choice(("<f4", "<f8", "<f2", ">f4", "i4"))))


def _other_numbers(rows: np.ndarray, source: Random) -> np.ndarray:
    rows = rows.copy()
    value = source.choice((np.nan, np.inf, -np.inf, 0.0, 65504.0, -65504.0, 6e-8, -0.0))
    if rows.dtype.kind != "f":
        value = 1
    choice = source.randrange(3)
    if choice == 0:
        rows[source.randrange(max(1, len(rows))) :][:1] = value
    elif choice == 1:
        rows[:] = value
    elif rows.size:
        rows.reshape(-1)[source.randrange(rows.size)] = value
    return rows[: source.choice((len(rows), 1, 2))]


def _saved(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


def wrong_seal(data: bytes, source: Random) -> bytes:
    """A file whose last seal says something else, in a seal that is whole in itself."""
    start = data.rfind(b'{"gotd":')
    if start < 0:
        return data
    body = json.loads(data[start:])
    body.pop("check")
    _change(body, source)
    line = json.dumps(body, separators=(",", ":")).encode()
    line = line[:-1] + b',"check":"' + hashlib.sha256(line).hexdigest()[:16].encode() + b'"}'
    if source.random() < 0.3:  # of the old length, so that the frame around it stays right
        return data[:start] + line.ljust(len(data) - start)[: len(data) - start]
    return _with_payload(data, start, line)


def _with_payload(data: bytes, start: int, line: bytes) -> bytes:
    if data[: len(b"\x93NUMPY")] == b"\x93NUMPY":
        return data[: data.rfind(b"\x93NUMPY", 0, start)] + _saved(np.frombuffer(line, "u1"))
    return data[: start - 4] + struct.pack("<I", len(line)) + line


_ODD: tuple[Any, ...] = (None, True, -1, 0, 7, 1 << 40, 10**30, 0.5, float("nan"), float("inf"), -1e300, "", "x",
                         "got", [], [1], [[1]],
                         [[-5, "x"]], [[None, None]], [["a", 3]], {}, {"a": {"b": []}}, "\u0000", "9" * 300)


def _change(body: dict[str, Any], source: Random) -> None:
    """One or two fields missing or of another kind, anywhere in it."""
    for _ in range(source.choice((1, 1, 2))):
        inside = body
        while True:
            key = source.choice(list(inside) or ["new"])
            if isinstance(inside.get(key), dict) and inside[key] and source.random() < 0.6:
                inside = inside[key]
                continue
            break
        how = source.randrange(4)
        if how == 0:
            inside.pop(key, None)
        elif how == 1 and isinstance(inside.get(key), int | float):
            inside[key] = inside[key] * source.choice((-1, 2, 1e30)) + source.choice((0, 1))
        else:
            inside[key] = source.choice(_ODD)


_METHODS = ("mean", "nearest", "round-robin", "classifier", "dsir", "random", "got", "no such thing")


def wrong_target(data: bytes, source: Random) -> bytes:
    """A target file with members missing, more, renamed, reshaped, of other types, or another run record."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(source.choice((1, 1, 1, 2))):
        name = source.choice([name for name in members if members[name].startswith(b"\x93NUMPY")] or list(members))
        how = source.randrange(7)
        if how == 0 and len(members) > 1:
            del members[name]
        elif how == 1:
            members[source.choice(("new.npy", "../x.npy", "points.npy", "text", "run.npy"))] = members.pop(name)
        elif how == 4:
            members[name] = wrong_array(_loaded(members[name]), source)
        elif how <= 3:
            members[name] = _other_member(members[name], source)
        else:
            _change_run(members, source)
    return _zipped(members, source)


def _loaded(member: bytes) -> np.ndarray:
    """A member's array, or some bytes where it is none any more."""
    try:
        return np.atleast_1d(np.load(io.BytesIO(member)))
    except (ValueError, EOFError, MemoryError, tokenize.TokenError):
        return np.frombuffer(b"0123456789", "u1")


def _change_run(members: dict[str, bytes], source: Random) -> None:
    """The run record says something else."""
    try:
        body = json.loads(_loaded(members.get("run.npy", b"")).tobytes())
    except ValueError:
        body = {}
    if not isinstance(body, dict) or source.random() < 0.3:
        body = {"method": source.choice(_METHODS)} if source.random() < 0.2 else body
        if isinstance(body, dict):
            body["method"] = source.choice(_METHODS)
    else:
        _change(body, source)
    members["run.npy"] = _saved(np.frombuffer(json.dumps(body).encode(), "u1"))


@np.errstate(all="ignore")
def _other_member(member: bytes, source: Random) -> bytes:
    array = _loaded(member)
    if array.dtype.kind not in "fiu":
        return _saved(array[:-1])
    made = source.choice((array[:-1], array[:0], array[None], array.astype("<f4"), array.astype("<f8"),
                                                                                                array.astype("<i8"),
                          array.astype("U8"), array.T, array.reshape(-1), array * np.nan, -array, array * 1e30,
                          array * 0,
                          np.concatenate([array, array]), np.float64(1.0), np.asfortranarray(array),
                          array.astype(">f8"),
                          array[..., :-1], np.zeros((0, 0)), array.astype(complex)))
    return _saved(np.asarray(made))


def _zipped(members: dict[str, bytes], source: Random) -> bytes:
    out = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if source.random() < 0.1 else zipfile.ZIP_STORED
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, how)
    data = bytearray(out.getvalue())
    if source.random() < 0.15:  # sizes that lie, in the central directory
        place = data.find(b"PK\x01\x02")
        struct.pack_into("<I", data, place + source.choice((20, 24)), source.choice((0, 1, 1 << 30, 0xFFFFFFFF)))
    return bytes(data)
