"""The source distribution P: weighted sets of rows, read as streams as often as needed.

    P = sum_k mass_k * (sum_i w_ki delta_{x_ki}) / (sum_i w_ki)
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from gotd.errors import GotdError
from gotd.ot.blocks import rechunked


class Part(NamedTuple):
    """One set of rows and its share of P.

    name    : what messages call it.
    mass    : its share; shares need not sum to 1, they are divided by their sum.
    blocks  : called for each reading; yields float16 or float32 (n, d), cut anyhow.
    weights : called for each reading; yields float64 or float32 (n,), cut anyhow; None weighs all rows alike.
    """

    name: str
    mass: float
    blocks: Callable[[], Iterator[np.ndarray]]
    weights: Callable[[], Iterator[np.ndarray]] | None = None


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


def weighted_blocks(part: Part, rows: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The part's rows and weights in blocks of exactly `rows` rows but for the last, however they were cut.

    Yields: (n, d) in the rows' own dtype, float64 (n,).
    Raises: GotdError where there is not one weight for each row, or a weight is negative or not finite.
    """
    if part.weights is None:
        for block in rechunked(part.blocks(), rows):
            yield block, np.ones(len(block))
        return
    weights = rechunked((np.asarray(w, dtype=np.float64) for w in part.weights()), rows)
    for block, weight in zip_longest(rechunked(part.blocks(), rows), weights):
        if block is None or weight is None or len(block) != len(weight):
            raise GotdError(f"{part.name}: rows and weights differ in number; give one weight for each row")
        if not (np.isfinite(weight).all() and (weight >= 0.0).all()):
            raise GotdError(f"{part.name}: a weight is negative or not finite; weights are numbers of at least 0")
        yield block, weight
