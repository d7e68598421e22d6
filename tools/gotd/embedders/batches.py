"""Which texts share a pass through the network."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt


def plan(lengths: Sequence[int], batch_tokens: int) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of each batch: texts of like length, so that little is padded, in batches of at most `batch_tokens` places.

    The longest come first: where memory is short, it runs out at once. Texts of no length are in no batch; a text
    longer than `batch_tokens` has a batch to itself.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    order = np.argsort(-sizes, kind="stable")
    order = order[: np.count_nonzero(sizes)]
    begin = 0
    while begin < len(order):
        end = begin + max(1, batch_tokens // int(sizes[order[begin]]))
        yield order[begin:end]
        begin = end
