"""The source distribution P: weighted sets of rows, read as streams as often as needed.

    P = sum_k mass_k * (sum_i w_ki delta_{x_ki}) / (sum_i w_ki)
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from gotd.errors import GotdError, UsageError
from gotd.ot.blocks import has_content, rechunked

#: Rows and weights are brought together so many at a time.
_PAIRED_ROWS = 4096
#: Decimals that sum to 1 may be off by this much.
_ROUNDING = 1e-9


class Part(NamedTuple):
    """One set of rows and its share of P.

    name    : what messages call it.
    mass    : its share; shares need not sum to 1, they are divided by their sum.
    blocks  : called for each reading; yields float16 or float32 (n, d), cut anyhow.
    weights : called for each reading; yields float64 or float32 (n,), cut anyhow; None weighs all rows alike.
    size    : bytes of all rows, about, where known and they can be read again; it saves work, and changes nothing.
    """

    name: str
    mass: float
    blocks: Callable[[], Iterator[np.ndarray]]
    weights: Callable[[], Iterator[np.ndarray]] | None = None
    size: int | None = None


def mass_left(masses: Sequence[float]) -> float:
    """Return what sets of rows with these shares of P leave of it. Raises: UsageError for more than there is."""
    total = math.fsum(masses)
    if total > 1.0 + _ROUNDING or any(not 0.0 < mass <= 1.0 for mass in masses):
        raise UsageError(f"mix: masses sum to {total:g}; each is above 0, and they share the mass 1 with the source")
    return 1.0 - total if total < 1.0 - _ROUNDING else 0.0


def shares(parts: Sequence[Part]) -> list[float]:
    """The masses of the parts, summing to 1.

    Raises: GotdError for a negative mass, or where all are zero.
    """
    for part in parts:
        if not 0.0 <= part.mass < float("inf"):
            raise GotdError(f"{part.name}: mass {part.mass} is not a finite number of at least 0")
    total = sum(part.mass for part in parts)
    if total <= 0.0:
        raise GotdError("the source has no mass; at least one set of rows needs a positive share")
    return [part.mass / total for part in parts]


def without_mass(part: Part) -> GotdError:
    """What to say of a part whose rows weigh nothing together."""
    return GotdError(f"{part.name}: no row has weight; at least one needs a positive one")


@dataclass
class RowCounts:
    """What a reading of a source met.

    rows  : of all kinds; blank : those of nothing but zeros, which were left out.
    """

    rows: int = 0
    blank: int = 0


def weighted_blocks(part: Part, rows: int, counts: RowCounts | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the part's rows that have content, with weights, in blocks of exactly `rows` rows but for the last.

    However the rows were cut, and whatever zero rows stood between them, the blocks are the same.
    counts : told of every row that is read.
    Yields: (n, d) in the rows' own dtype, float64 (n,).
    Raises: GotdError where there is not one weight for each row, or a weight is negative or not finite.
    """
    pairs = _with_content(_weighted(part), RowCounts() if counts is None else counts)
    held, count = list[tuple[np.ndarray, np.ndarray]](), 0
    for block, weight in pairs:
        start = 0
        while start < len(block):
            piece = slice(start, start + rows - count)
            held.append((block[piece], weight[piece]))
            start += len(held[-1][0])
            count += len(held[-1][0])
            if count == rows:
                yield _joined(held)
                held, count = [], 0
    if held:
        yield _joined(held)


def _joined(held: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    if len(held) == 1:
        return held[0]
    return np.concatenate([block for block, _ in held]), np.concatenate([weight for _, weight in held])


def _with_content(pairs: Iterator[tuple[np.ndarray, np.ndarray]],
                  counts: RowCounts) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for block, weight in pairs:
        kept = has_content(block)
        blank = len(block) - int(np.count_nonzero(kept))
        counts.rows += len(block)
        counts.blank += blank
        yield (block[kept], weight[kept]) if blank else (block, weight)


def _weighted(part: Part) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows as they come, each with its weight."""
    if part.weights is None:
        for block in part.blocks():
            yield block, np.ones(len(block))
        return
    blocks = rechunked(part.blocks(), _PAIRED_ROWS)
    weights = rechunked((np.asarray(w, dtype=np.float64) for w in part.weights()), _PAIRED_ROWS)
    for block, weight in zip_longest(blocks, weights):
        if block is None or weight is None or len(block) != len(weight):
            raise GotdError(f"{part.name}: rows and weights differ in number; give one weight for each row")
        if not (np.isfinite(weight).all() and (weight >= 0.0).all()):
            raise GotdError(f"{part.name}: a weight is negative or not finite; weights are numbers of at least 0")
        yield block, weight
