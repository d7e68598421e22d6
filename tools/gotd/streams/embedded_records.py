"""What a record carries through a pipe: an embedding, and in its place, later, a score.

The fields are called after us, so that a pool's own "score" or "embedding" passes as any other field.
"""

import base64
import binascii
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import orjson

from gotd.errors import DataError
from gotd.streams.finite import rounded
from gotd.streams.json_fields import RecordError, named_fields, quoted, with_field, without_field
from gotd.streams.listed_vectors import fill, list_of
from gotd.streams.locations import VECTOR_FIELD
from gotd.streams.records import Record
from gotd.streams.seal import MadeBy, Verifier
from gotd.types import JSON, Fields

EMBEDDING, SCORE = "gotd_embedding", "gotd_score"
#: By which of several targets' scores a record was chosen.
TARGET = "gotd_target"
#: A vector as a record holds it: base64 of float16, as ds-embed writes it, or a list of numbers.
Carried: TypeAlias = str | list[JSON]
#: For records without a score that could be trusted.
SCORE_REMEDY = ("give the --scores of these records, pipe them through ds-score (without --plain), or name a field by "
                "--score-key")
#: What float32 rounds to infinity begins here. Its largest number is below, also as it is written: 3.4028235e+38.
_ROUNDS_TO_INFINITY = 2.0**128 - 2.0**103
_HALF = np.dtype("<f2")


def with_embeddings(records: Sequence[Record[object]], vectors: np.ndarray) -> list[bytes]:
    """Lines with "gotd_embedding", base64 of little-endian float16, in place of one they may have.

    Shapes: vectors float (n, d).
    Raises: DataError naming the record whose vector float16 cannot hold.
    """
    rows = rounded(vectors, _HALF, lambda row: records[row].place)
    values = (b'"' + base64.b64encode(row.tobytes()) + b'"' for row in rows)
    return [_replaced(record, EMBEDDING, value) for record, value in zip(records, values, strict=True)]


def with_scores(records: Sequence[Record[object]], scores: np.ndarray) -> list[bytes]:
    """Lines with "gotd_score", in place of one they may have, and without "gotd_embedding".

    Shapes: scores float32 (n,), each written as the shortest JSON number that reads back as the same.
    """
    values = _literals(scores)
    return [_replaced(record, SCORE, value, EMBEDDING) for record, value in zip(records, values, strict=True)]


def with_targets(records: Sequence[Record[object]], targets: Sequence[str]) -> list[bytes]:
    """Return lines with "gotd_target", in place of one they may have."""
    return [_replaced(record, TARGET, quoted(target)) for record, target in zip(records, targets, strict=True)]


def _replaced(record: Record[object], key: str, value: bytes, *others: str) -> bytes:
    """Return its line with a field in place of one it may have, and without some others."""
    line = record.line
    for name in (*others, key):
        if name in record.fields:
            line = without_field(line, name)
    return with_field(line, key, value)


def _literals(scores: np.ndarray) -> list[bytes]:
    if not len(scores):
        return []
    numbers = np.ascontiguousarray(scores, dtype=np.float32)
    return orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def vector_of(fields: Fields, key: str | None) -> Carried:
    """Return the vector that a record carries.

    key : of a list of numbers; None for what ds-embed wrote, or else the usual name of such a list
    Raises: RecordError, a ValueError, where it carries none.
    """
    if key is not None:
        return list_of(fields, key)
    carried = fields.get(EMBEDDING)
    if isinstance(carried, str):
        return carried
    if EMBEDDING not in fields and VECTOR_FIELD not in fields:
        what = f'no "{EMBEDDING}" field, and no "{VECTOR_FIELD}"{named_fields(fields)}'
        raise RecordError(what, "pipe the records through ds-embed, or name the field of vectors with --vector-key")
    return list_of(fields, EMBEDDING if EMBEDDING in fields else VECTOR_FIELD)


def width_of(carried: Carried) -> int:
    """Return the dimension of a vector that a record carries."""
    if isinstance(carried, list):
        return len(carried)
    return (len(carried) * 3 // 4 - carried.count("=")) // _HALF.itemsize


def vectors_of(records: Sequence[Record[Carried]], dimension: int, of: str) -> np.ndarray:
    """The vectors the records carry. Shapes: -> float16 (n, dimension), float32 where some are lists.

    of : what has that dimension, for messages
    Raises: DataError naming the record whose vector is not base64, of another dimension, NaN or infinite.
    """
    if all(isinstance(record.value, str) for record in records):
        rows = np.empty((len(records), dimension), dtype=_HALF)
    else:
        rows = np.empty((len(records), dimension), dtype="<f4")
    for row, record in zip(rows, records, strict=True):
        if isinstance(record.value, str):
            row[:] = _decoded(record.value, record.place, dimension, of)
        else:
            fill(row, record.value, record.place, of)
    return rows


def _decoded(value: str, place: str, dimension: int, of: str) -> np.ndarray:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(place, f'"{EMBEDDING}" is not base64', "pipe the records through ds-embed") from error
    if len(data) != _HALF.itemsize * dimension:
        what = f"dimension {len(data) / _HALF.itemsize:g}, {of} {dimension}"
        raise DataError(place, what, "embed pool and target with the same --model")
    row = np.frombuffer(data, dtype=_HALF)
    if not np.isfinite(row).all():
        raise DataError(place, "an embedding that is NaN or infinite", "embed that record again")
    return row


def score_of(fields: Fields, key: str = SCORE) -> np.float32:
    """The score a record carries under a key; ValueError where it has none that could be ranked."""
    score = fields.get(key)
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise RecordError(f'no number "{key}"', SCORE_REMEDY if key == SCORE else "mend --score-key, or that line")
    try:
        value = float(score)
    except OverflowError:
        value = math.inf
    if not abs(value) < _ROUNDS_TO_INFINITY:
        raise ValueError(f'"{key}" is NaN, infinite or too large')
    return np.float32(value)


def require_scored(verifier: Verifier) -> None:
    """Error unless every record of a stream stands under a seal of ds-score, or of a choice by such scores.

    A field of that name may come from anywhere.
    """
    makers = [seal.made_by for seal in verifier.seals]
    if verifier.digest.rows or not all(_vouches(maker) for maker in makers):
        tools = {maker.tool for maker in makers if not _vouches(maker)}
        what = f"it is sealed by {' and '.join(sorted(tools))}" if tools else "not all of it is sealed"
        raise DataError(verifier.name, f'no seal of ds-score vouches for its "{SCORE}": {what}', SCORE_REMEDY)


def _vouches(maker: MadeBy) -> bool:
    by_own_field = maker.tool == "ds-topk" and maker.options.get("score_key")
    return maker.tool in ("ds-score", "ds-topk") and not by_own_field
