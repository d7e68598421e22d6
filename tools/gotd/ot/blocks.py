"""Rows in blocks of one fixed shape, worked on by several threads, results in order.

A matrix library may add up a row in another order when the matrix around it has another shape, and by more threads in
another order again. So every product here is of one shape, the last block padded with zero rows, and every worker uses
one thread of the library's own: a row gets the same bits wherever it stands and however many workers there are.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

#: Rows of a block on a CPU: its products with about 1000 target points stay in a core's share of the cache.
CPU_BLOCK_ROWS = 512
#: Rows of a block on a GPU: enough to fill the device; a block of products with 1000 target points is 64 MiB.
GPU_BLOCK_ROWS = 16384
#: Threads that feed a GPU: one fills a buffer while another's is copied and a third's is worked on.
_GPU_THREADS = 4

#: Columns that tell of almost every row that it is not zero.
_FIRST_COLUMNS = 16

_CPU = torch.device("cpu")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def block_rows(device: torch.device) -> int:
    """The fixed number of rows of a block on this device."""
    return CPU_BLOCK_ROWS if device.type == "cpu" else GPU_BLOCK_ROWS


def padded(rows: np.ndarray, count: int, device: torch.device) -> Tensor:
    """A block as a tensor of exactly `count` rows, zero rows added at the end.

    Shapes: rows (n, d) float16 or float32, n <= count -> the same dtype (count, d).
    """
    dtype = torch.float16 if rows.dtype == np.float16 else torch.float32
    # Out of page-locked memory a GPU copies by itself, while it computes.
    block = torch.empty((count, rows.shape[1]), dtype=dtype, pin_memory=device.type == "cuda")
    block.numpy()[: len(rows)] = rows
    block[len(rows) :] = 0
    return block.to(device, non_blocking=True)


def has_content(rows: np.ndarray) -> np.ndarray:
    """Return which rows are not zero: a text without a word has a zero vector, and no place in the space.

    Shapes: rows float16 or float32 (n, d) -> bool (n,). Looks at the bits without their signs, three times as fast
    as floats are compared, and at few of them where those tell.
    """
    bits = np.ascontiguousarray(rows).view("<u2" if rows.dtype == np.float16 else "<u4")
    kept = np.asarray((bits[:, :_FIRST_COLUMNS] << 1).any(axis=1))
    rest = np.flatnonzero(~kept)
    kept[rest] = (bits[rest] << 1).any(axis=1)
    return kept


def rechunked(arrays: Iterable[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """The same rows in the same order, cut into arrays of exactly `rows` rows; the last may be shorter.

    What is computed block by block then does not depend on how the rows were cut into files. Holds one block.
    """
    held: list[np.ndarray] = []
    count = 0
    for array in arrays:
        start = 0
        while start < len(array):
            piece = array[start : start + rows - count]
            start += len(piece)
            count += len(piece)
            held.append(piece)
            if count == rows:
                yield held[0] if len(held) == 1 else np.concatenate(held)
                held, count = [], 0
    if held:
        yield held[0] if len(held) == 1 else np.concatenate(held)


class Workers:
    """A fixed number of threads that map a function over blocks.

    Each keeps to one thread of torch's own, and so does the thread that makes them: a library's idle threads spin for a
    while after each operation, which takes the workers' time (a third of it, several times as much on a busy machine).

    On a GPU each has a stream of its own, so that copies and work overlap, and a block is done when its stream is. What
    `work` returns must be in host memory: the device's memory goes back to the stream that took it.
    """

    def __init__(self, threads: int, device: torch.device = _CPU) -> None:
        self.device, self._threads = device, min(threads, _GPU_THREADS) if device.type == "cuda" else threads
        self._threads_before = torch.get_num_threads()
        torch.set_num_threads(1)  # holds for the calling thread only, hence the initializer as well
        self._pool = ThreadPoolExecutor(self._threads, "gotd-block", initializer=self._begin)

    def map(self, work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """work(item) for each item, in order; reads at most two items a thread ahead, so memory stays bounded.

        One item alone is worked on where the caller is: to hand it over takes longer than a small problem's iteration.
        """
        pending: deque[Future[_Result]] = deque()
        self._synchronize()  # what the caller has put on the device is there before the first block reads it
        if isinstance(items, Sequence) and len(items) < 2 and self.device.type != "cuda":
            yield from map(work, items)
            return
        try:
            for item in items:
                pending.append(self._pool.submit(self._done, work, item))
                if len(pending) > 2 * self._threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        """End the threads, and give the calling thread back the number of torch's own that it had.

        For a process that goes on to other work; a command ends with its workers.
        """
        self._pool.shutdown()
        torch.set_num_threads(self._threads_before)

    def _begin(self) -> None:
        torch.set_num_threads(1)
        if self.device.type == "cuda":
            torch.cuda.set_stream(torch.cuda.Stream(self.device))  # type: ignore[no-untyped-call]

    def _done(self, work: Callable[[_Item], _Result], item: _Item) -> _Result:
        result = work(item)
        self._synchronize()
        return result

    def _synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()
