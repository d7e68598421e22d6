"""What a target file of each rule must hold before anything is computed from it."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from gotd.methods.ngrams import BUCKETS


class _Array(NamedTuple):
    """shape : letters stand for lengths that must be the same wherever the letter stands, and at least 1"""

    dtype: str
    shape: tuple[str | int, ...]
    check: Callable[[np.ndarray], bool] = lambda array: bool(np.isfinite(array).all())
    optional: bool = False


def _weighs(weights: np.ndarray) -> bool:
    return bool(np.isfinite(weights).all() and (weights >= 0.0).all() and weights.sum() > 0.0)


def _rises(distances: np.ndarray) -> bool:
    """Each target row takes nearer documents first; infinity is where it found none."""
    return not bool(np.isnan(distances).any() or (distances[:, 1:] < distances[:, :-1]).any())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


#: Of two shares between 1e-8 and 1 + 1e-8 (dsir.py) it is at most 18.5; infinity and NaN are more.
_MOST_LOG_RATIO = 20.0
#: A row less the centre is squared in float32, which ends at 3e38.
_MOST_CENTRE = 1e18
_CENTRE = _Array("<f4", ("d",), lambda centre: bool(np.linalg.norm(centre.astype(np.float64)) < _MOST_CENTRE), True)
#: Whitening lengthens nothing (ot/whitening.py), up to the rounding of float32.
_WHITENING = _Array("<f4", ("d", "d"), lambda whitening: bool((np.abs(whitening) <= 1.001).all()), True)
_SPACE: dict[str, Callable[[Any], bool]] = {
    "metric": lambda value: value in ("sqeuclidean", "cosine"), "center": lambda value: isinstance(value, bool),
}
_TRANSFORM = {"points": _Array("<f4", ("m", "d")), "weights": _Array("<f8", ("m",), _weighs),
              "potentials": _Array("<f8", ("m",)), "centre": _CENTRE, "whitening": _WHITENING}
_CALIBRATED = _SPACE | {
    "epsilon": lambda value: _is_number(value) and value >= 0, "calibration_mean": _is_number,
    "calibration_scale": lambda value: _is_number(value) and value > 0,
}
_ARRAYS: Mapping[str, Mapping[str, _Array]] = {
    "got": _TRANSFORM, "mean": _TRANSFORM, "nearest": _TRANSFORM,
    "round-robin": {"points": _Array("<f4", ("m", "d")), "distances": _Array("<f4", ("m", "rounds"), _rises),
                    "keys": _Array("<u8", ("m", "rounds")), "centre": _CENTRE, "whitening": _WHITENING},
    "classifier": {"normal": _Array("<f4", ("d",)), "offset": _Array("<f8", (1,)), "centre": _CENTRE},
    "dsir": {"log_ratio": _Array("<f8", (BUCKETS,), lambda ratio: bool((np.abs(ratio) <= _MOST_LOG_RATIO).all()))},
    "random": {"dimension": _Array("<i8", (1,), lambda dimension: bool(dimension[0] > 0))},
}
_FIELDS: Mapping[str, dict[str, Callable[[Any], bool]]] = {
    "got": _CALIBRATED, "mean": _CALIBRATED, "nearest": _CALIBRATED, "round-robin": _SPACE,
    "classifier": {"center": lambda value: isinstance(value, bool)},
    "dsir": {"min_words": lambda value: _is_whole(value) and value >= 0, "seed": _is_whole,
             "gumbel": lambda value: isinstance(value, bool),
             "text_key": lambda value: isinstance(value, str) and value != ""},
    "random": {"seed": _is_whole},
}
#: The only length that may be 0: a pool in which no document was left to take.
_MAY_BE_NOTHING = "rounds"


def check_contents(method: str, arrays: Mapping[str, np.ndarray], summary: Mapping[str, Any]) -> None:
    """ValueError names the array or figure of a target file that is missing, of the wrong kind, or does not fit."""
    lengths: dict[str, int] = {}
    for name, wanted in _ARRAYS[method].items():
        if name in arrays:
            _check_array(name, arrays[name], wanted, lengths)
        elif not wanted.optional:
            raise ValueError(f'no array "{name}"')
    for name, good in (_FIELDS[method] | {"embedder": lambda value: isinstance(value, dict | None)}).items():
        if name not in summary:
            raise ValueError(f'no "{name}" in its run record')
        if not good(summary[name]):
            raise ValueError(f'"{name}" is {str(summary[name])[:80]!r} in its run record')


def _check_array(name: str, array: np.ndarray, wanted: _Array, lengths: dict[str, int]) -> None:
    if array.dtype.str != wanted.dtype or array.ndim != len(wanted.shape):
        shape = "(" + ", ".join(str(length) for length in wanted.shape) + ")"
        raise ValueError(f'"{name}" is {array.dtype.str} {array.shape}, wanted {wanted.dtype} {shape}')
    for found, length in zip(array.shape, wanted.shape, strict=True):
        expected = length if isinstance(length, int) else lengths.setdefault(length, found)
        if found != expected or (found < 1 and length != _MAY_BE_NOTHING):
            raise ValueError(f'"{name}" has shape {array.shape}, which does not fit the other arrays')
    if not wanted.check(array):
        raise ValueError(f'"{name}" holds numbers that cannot be')
