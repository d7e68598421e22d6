"""What a damaged file holds, read by other people's readers only: the oracle that accepted input is held against."""

import bz2
import gzip
import io
import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from fuzzing.forms import delimited_rows, is_table, page_rows, table_rows

_WINDOW_BYTES = 1 << 27
#: A line of nothing else is blank, which is no record: JSON's white space, and DOS's end of a file.
_BLANK = b" \t\r\x1a"


def plain_of(data: bytes) -> bytes:
    """Plain bytes, or what gzip, zstd, bzip2 or xz were made from, without a byte order mark."""
    if data[:4] == b"\x28\xb5\x2f\xfd" or (data[1:4] == b"\x2a\x4d\x18" and 0x50 <= data[0] <= 0x5F):
        decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
        data = decompressor.stream_reader(data, read_across_frames=True).readall()
    elif data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    elif data[:3] == b"BZh":
        data = bz2.decompress(data)
    elif data[:6] == b"\xfd7zXZ\x00":
        data = _of_xz(data)
    return data.removeprefix(b"\xef\xbb\xbf")


def _of_xz(data: bytes) -> bytes:
    """All streams, which zeros by fours may stand between; Python's own reader takes such padding for the end."""
    plain = b""
    while data:
        stream = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        plain += stream.decompress(data)
        assert stream.eof, "xz that is cut was accepted"
        data = stream.unused_data.lstrip(b"\0")
        assert not (len(stream.unused_data) - len(data)) % 4, "padding of xz that is none was accepted"
    return plain


def lines_of(data: bytes) -> list[bytes]:
    """The lines of plain or compressed bytes."""
    lines = plain_of(data).split(b"\n")
    return lines[:-1] if not lines[-1] else lines


def records_of(path: Path) -> list[dict[str, Any]]:
    """The records of a file as JSON objects; AssertionError where it holds something else."""
    sys.setrecursionlimit(20_000)  # deeper than any parser here accepts
    data = path.read_bytes()
    plain = data if is_table(data) else plain_of(data)
    if is_table(plain):
        return table_rows(plain)
    if plain.startswith(b"WARC/"):
        return page_rows(plain)
    lines = [line for line in lines_of(data) if line.strip(_BLANK)]
    if lines and lines[0].lstrip(_BLANK)[:1] not in (b"{", b"[", b"\xef"):
        return delimited_rows(plain.decode())
    try:
        found = _in_one_array([json.loads(line.decode().strip("\ufeff \t\r\x1a")) for line in lines])
    except (ValueError, RecursionError) as error:  # not one a line: in an array, or over several lines
        found = _values(b"\n".join(lines), str(error))
    for number, record in enumerate(found, 1):
        assert isinstance(record, dict), f"record {number} was accepted, and is no object"
    return found


def _values(data: bytes, why: str) -> list[Any]:
    """JSON after JSON, or what one array holds."""
    values, decoder, place = [], json.JSONDecoder(), 0
    try:
        text = data.decode().lstrip("\ufeff")
        while rest := text[place:].lstrip():
            value, length = decoder.raw_decode(rest)
            values.append(value)
            place = len(text) - len(rest) + length
    except (ValueError, RecursionError) as error:
        raise AssertionError(f"a file was accepted, and is no JSON: {why}; {error}") from error
    return _in_one_array(values)


def _in_one_array(values: list[Any]) -> list[Any]:
    return values[0] if len(values) == 1 and isinstance(values[0], list) else values


def text_of(record: dict[str, Any]) -> Any:
    """What stands under "text"."""
    return record.get("text")


def texts_of(path: Path, text_of: Callable[[dict[str, Any]], Any] = text_of) -> list[str]:
    """The texts of a file of records."""
    texts = [text_of(record) for record in records_of(path)]
    assert all(isinstance(text, str) for text in texts), "a record without text was accepted"
    for text in texts:
        text.encode()
    return texts


def rows_of(path: Path) -> np.ndarray:
    """All arrays of a file one after the other, float32; what is bytes in between is somebody's seal."""
    data = io.BytesIO(path.read_bytes())
    found = []
    while data.tell() < len(data.getbuffer()):
        array = np.load(data, allow_pickle=False)
        if array.dtype != np.uint8:
            found.append(array)
    assert found, "accepted, and no array is there"
    whole = np.concatenate(found)
    assert np.isfinite(whole).all(), "a number that is not finite was accepted"
    return whole


def scores_by_formula(target: Path, rows: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Scores in float64 straight from a target file's arrays, and how far float32 may be from them.

    None for the rules this formula is not of.

    -scale (f - mean),  f(x) = -eps log sum_j b_j exp((g_j - C(x, y_j)) / eps), at eps = 0 min_j C(x, y_j) - g_j
    """
    with np.load(target, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    run = json.loads(arrays.pop("run").tobytes())
    if run["method"] not in ("got", "mean", "nearest"):
        return None
    points, weights, g = (arrays[name].astype(np.float64) for name in ("points", "weights", "potentials"))
    assert len(points) == len(weights) == len(g), "arrays that do not fit each other were accepted"
    x = rows.astype(np.float64) - arrays.get("centre", 0.0)
    if run["center"] or run["metric"] == "cosine":
        x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-38)
    cost = 1.0 - x @ points.T
    if run["metric"] == "sqeuclidean":
        cost = np.square(x).sum(1)[:, None] + np.square(points).sum(1) - 2.0 * (x @ points.T)
    eps, there = run["epsilon"], weights > 0.0
    if eps == 0.0:
        f = (cost - g)[:, there].min(axis=1)
    else:
        exponents = (g - cost)[:, there] / eps + np.log(weights[there])
        top = exponents.max(axis=1)
        f = -eps * (top + np.log(np.exp(exponents - top[:, None]).sum(axis=1)))
    scores = -run["calibration_scale"] * (f - run["calibration_mean"])
    scores[~rows.any(axis=1)] = np.finfo(np.float32).min  # a row without content ranks last
    size = max(1.0, float(np.abs(cost).max()), float(np.abs(g).max()), eps)
    return scores, 1e-5 * run["calibration_scale"] * size
