"""What a record carries through a pipe: an embedding, and in its place, later, a score.

The fields are called after us, so that a pool's own "score" or "embedding" passes as any other field.
"""

import base64
import binascii
import math
from collections.abc import Sequence

import numpy as np
import orjson

from gotd.errors import DataError
from gotd.streams.finite import rounded
from gotd.streams.json_fields import RecordError, with_field, without_field
from gotd.streams.records import Record
from gotd.streams.seal import MadeBy, Verifier
from gotd.types import Fields

EMBEDDING, SCORE = "gotd_embedding", "gotd_score"
#: For records without a score that could be trusted.
SCORE_REMEDY = "give the --scores of these records, pipe them through ds-score, or name a field by --score-key"
#: Makes vectors of records that hold lists of numbers.
_AS_ARRAY = ("score them as an array: python -c 'import json, sys, numpy; numpy.save(\"FILE.npy\", "
             "numpy.array([json.loads(line)[\"{}\"] for line in sys.stdin], \"f4\"))' < FILE")
#: What float32 rounds to infinity begins here. Its largest number is below, also as it is written: 3.4028235e+38.
_ROUNDS_TO_INFINITY = 2.0**128 - 2.0**103


def with_embeddings(records: Sequence[Record[object]], vectors: np.ndarray) -> list[bytes]:
    """Lines with "gotd_embedding", base64 of little-endian float16, in place of one they may have.

    Shapes: vectors float (n, d).
    Raises: DataError naming the record whose vector float16 cannot hold.
    """
    rows = rounded(vectors, np.dtype("<f2"), lambda row: records[row].place)
    values = (b'"' + base64.b64encode(row.tobytes()) + b'"' for row in rows)
    return [_replaced(record, EMBEDDING, value) for record, value in zip(records, values, strict=True)]


def with_scores(records: Sequence[Record[object]], scores: np.ndarray) -> list[bytes]:
    """Lines with "gotd_score", in place of one they may have, and without "gotd_embedding".

    Shapes: scores float32 (n,), each written as the shortest JSON number that reads back as the same.
    """
    return [_scored(record, value) for record, value in zip(records, _literals(scores), strict=True)]


def _scored(record: Record[object], value: bytes) -> bytes:
    line = without_field(record.line, EMBEDDING) if EMBEDDING in record.fields else record.line
    return _replaced(record._replace(line=line), SCORE, value)


def _replaced(record: Record[object], key: str, value: bytes) -> bytes:
    line = without_field(record.line, key) if key in record.fields else record.line
    return with_field(line, key, value)


def _literals(scores: np.ndarray) -> list[bytes]:
    if not len(scores):
        return []
    numbers = np.ascontiguousarray(scores, dtype=np.float32)
    return orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def embeddings(records: Sequence[Record[str]], dimension: int) -> np.ndarray:
    """The vectors the records carry. Shapes: -> float16 (n, dimension).

    Raises: DataError naming the record whose embedding is not base64, of another dimension, NaN or infinite.
    """
    rows = np.empty((len(records), dimension), dtype="<f2")
    for row, record in zip(rows, records, strict=True):
        try:
            data = base64.b64decode(record.value, validate=True)
        except (binascii.Error, ValueError) as error:
            what = f'"{EMBEDDING}" is not base64'
            raise DataError(record.place, what, "pipe the records through ds-embed") from error
        if len(data) != rows.itemsize * dimension:
            what = f"dimension {len(data) / rows.itemsize:g}, the target has {dimension}"
            raise DataError(record.place, what, "embed pool and target with the same --model")
        row[:] = np.frombuffer(data, dtype="<f2")
        if not np.isfinite(row).all():
            raise DataError(record.place, "an embedding that is NaN or infinite", "embed that record again")
    return rows


def embedding_of(fields: Fields) -> str:
    """The embedding a record carries, in base64. Raises: RecordError, a ValueError, where it carries none."""
    embedding = fields.get(EMBEDDING)
    if isinstance(embedding, str):
        return embedding
    for name in (EMBEDDING, "embedding"):
        value = fields.get(name)
        if isinstance(value, list) and value and isinstance(value[0], float | int):
            what = f'"{name}" is a list of numbers, as other tools write it, and no embedding by ds-embed'
            raise RecordError(what, _AS_ARRAY.format(name))
    raise RecordError(f'no "{EMBEDDING}" field', "pipe the records through ds-embed")


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
