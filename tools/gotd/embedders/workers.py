"""How the work of a network is shared out: devices, batches, and threads that take batches off one list.

Each thread has a replica of the network: several on a CPU, two on every GPU.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from gotd.embedders.device_network import DeviceNetwork
from gotd.embedders.protocol import Vectors
from gotd.embedders.text_tokens import Tokens
from gotd.errors import GotdError
from gotd.runtime import find_device

#: Networks that run beside each other on CPUs, a batch each: one a CPU wins as long as Python's lock is free enough.
_MOST_CPU_WORKERS = 16
#: Waits for the vectors of some texts, in pieces, in the order of the texts.
Waits: TypeAlias = list[Callable[[], Vectors]]


class Layout(NamedTuple):
    """How CPUs are shared out: workers with a batch of their own each, and threads within each of them."""

    workers: int
    threads: int


def cpu_layout(threads: int) -> Layout:
    """Two threads that work on two batches wait for each other less than two that share one."""
    workers = min(threads, _MOST_CPU_WORKERS)
    return Layout(workers, max(1, threads // workers))


def find_devices(names: str) -> list[torch.device]:
    """The devices of "auto" (every GPU, or the CPU where there is none), or of names with commas between them.

    Raises:
        GotdError: a device that is not there.
    """
    if names == "auto" and torch.cuda.is_available():
        return [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return [find_device(name) for name in names.split(",")]


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


class Workers:
    """Runs batches; any worker takes the next one, so that fast and slow devices end together.

    replicas : one for each worker; on CPUs it may be the same one
    batch_tokens : tokens in a batch, padding included; halved whenever memory runs out
    """

    def __init__(self, replicas: Sequence[DeviceNetwork], batch_tokens: int) -> None:
        self.batch_tokens = batch_tokens
        self._free: SimpleQueue[DeviceNetwork] = SimpleQueue()
        for replica in replicas:
            self._free.put(replica)
        self._own = threading.local()
        self._pool = ThreadPoolExecutor(len(replicas), "network", initializer=self._take)

    def submit(self, texts: Sequence[Tokens]) -> "Future[Waits]":
        """One batch."""
        return self._pool.submit(self._run, texts)

    def close(self) -> None:
        """Ends the threads after the batches they are in."""
        self._pool.shutdown(cancel_futures=True)

    def _take(self) -> None:
        self._own.replica = self._free.get()

    def _run(self, texts: Sequence[Tokens]) -> Waits:
        replica: DeviceNetwork = self._own.replica
        try:
            return [replica.start(texts)]
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            longest = max(len(text.ids) for text in texts)
            if len(texts) == 1:
                what = f"{replica.device}: out of memory with a single text of {longest} tokens"
                raise GotdError(f"{what}; read fewer (--max-tokens)") from error
        # Here, and not in the handler, whose traceback holds the tensors that did not fit.
        self.batch_tokens = min(self.batch_tokens, len(texts) * longest // 2)
        replica.free()
        half = len(texts) // 2
        return self._run(texts[:half]) + self._run(texts[half:])


def _is_out_of_memory(error: RuntimeError) -> bool:
    """CUDA has its own exception, the CPU's allocator a message."""
    return isinstance(error, torch.OutOfMemoryError) or "you tried to allocate" in str(error)
