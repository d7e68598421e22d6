"""A network on one device: batches of tokens in, pooled vectors out, without waiting for the device."""

import contextlib
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from gotd.embedders.network import Network
from gotd.embedders.pooling import pool
from gotd.embedders.protocol import Vectors
from gotd.embedders.text_tokens import Tokens

Step: TypeAlias = Callable[[Tensor], Tensor]


class Head(NamedTuple):
    """What stands between hidden states and vectors.

    pooling : names in `pooling.POOLINGS`, or `padded-mean` alone
    steps : after pooling, in order, float32 to float32
    dimension : how much of the vector is kept after all steps; None keeps it whole
    length : every text is padded to so many tokens; None pads to the longest of its batch
    """

    pooling: Sequence[str]
    steps: Sequence[Step]
    dimension: int | None = None
    length: int | None = None


class DeviceNetwork:
    """A network and its head on a device.

    On a GPU inputs and results travel on a stream of its own through page-locked memory: two replicas of one network on
    one GPU keep it busy while each prepares or, in masks, waits.
    """

    def __init__(self, network: Network, head: Head, device: torch.device) -> None:
        self.device = device
        self._network, self._head = network, head
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def start(self, texts: Sequence[Tokens]) -> Callable[[], Vectors]:
        """Begins one pass through the network; what it returns waits for float32 (texts, dimension)."""
        with torch.inference_mode(), self._on_stream():
            vectors = self._forward(texts)
            if self._stream is None:
                on_cpu = vectors.cpu()
                return lambda: np.asarray(on_cpu.numpy())
            landed = torch.empty(vectors.shape, dtype=vectors.dtype, pin_memory=True)
            landed.copy_(vectors, non_blocking=True)
            done = self._stream.record_event()

        def wait() -> Vectors:
            done.synchronize()
            return landed.numpy()

        return wait

    def free(self) -> None:
        """Gives back memory that the device holds for later."""
        if self._stream is not None:
            with torch.cuda.device(self.device):
                torch.cuda.empty_cache()

    def _on_stream(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def _forward(self, texts: Sequence[Tokens]) -> Tensor:
        """float32 (texts, dimension), on the device. Padding stands right, where a decoder's tokens do not see it."""
        lengths = np.array([len(text.ids) for text in texts])
        longest = self._head.length or int(lengths.max())
        inputs = {"input_ids": self._send(_padded([text.ids for text in texts], longest, self._network.pad))}
        if self._network.takes_types:
            inputs["token_type_ids"] = self._send(_padded([text.types for text in texts], longest, 0))
        mask = (torch.arange(longest, device=self.device) < self._send(lengths).unsqueeze(1)).long()
        # Without a mask attention takes its fastest way, and nothing has to be looked up in the mask.
        if lengths.min() < longest:
            inputs["attention_mask"] = mask
        hidden = self._network.module(**inputs).last_hidden_state
        pooled = hidden.float().mean(dim=1) if self._head.length else pool(hidden, mask, self._head.pooling)
        for step in self._head.steps:
            pooled = step(pooled)
        return pooled[:, : self._head.dimension]

    def _send(self, array: np.ndarray) -> Tensor:
        """To the device; from page-locked memory, which is what lets the copy run beside the network."""
        tensor = torch.from_numpy(array)
        return (tensor if self._stream is None else tensor.pin_memory()).to(self.device, non_blocking=True)


def _padded(rows: Sequence[np.ndarray], longest: int, value: int) -> np.ndarray:
    """int64 (texts, longest)"""
    padded = np.full((len(rows), longest), value, dtype=np.int64)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return padded
