"""Threads that take batches off one list, each with a replica of the network: several on a CPU, two on every GPU."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeAlias

import torch

from gotd.embedders.device_network import DeviceNetwork
from gotd.embedders.protocol import Vectors
from gotd.embedders.text_tokens import Tokens
from gotd.errors import GotdError

#: Waits for the vectors of some texts, in pieces, in the order of the texts.
Waits: TypeAlias = list[Callable[[], Vectors]]


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
