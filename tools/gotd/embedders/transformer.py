"""Hugging Face encoders and decoders: a network's hidden states, pooled as the model's own configuration says."""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from gotd.embedders.device_network import DeviceNetwork, Head
from gotd.embedders.model_folder import digest
from gotd.embedders.network import Network, in_precision, load_network
from gotd.embedders.pooling import PADDED_MEAN, POOLINGS, load_step
from gotd.embedders.precision import PRECISIONS, find_precision
from gotd.embedders.protocol import Counts, Embedded, Embedder, Vectors
from gotd.embedders.sentence_transformers_config import SentenceConfig, read_sentence_config
from gotd.embedders.text_tokens import TextTokenizer, Tokens
from gotd.embedders.workers import Waits, Workers, cpu_layout, find_devices, plan
from gotd.errors import GotdError, RowError, UsageError
from gotd.types import JSON

#: Tokens in a batch, padding included. A CPU's caches hold the activations of so many (measured with MiniLM: 512 and
#: 4096 are slower); a GPU's matrix units are busy with so many.
CPU_BATCH_TOKENS = 1 << 10
GPU_BATCH_TOKENS = 1 << 16
#: Texts in a window, for each GPU: some tens of batches.
_GPU_WINDOW = 1 << 13
#: Where a folder does not say: the mean over the tokens, in which those of a decoder weigh more the more they have seen
#: (RDS+, arXiv 2503.01807).
_USUAL, _CAUSAL = "mean", "weightedmean"
#: Kinds with a decoder, of which sentence-transformers takes the encoder alone, too.
_POOLED_ENCODERS = ("t5", "mt5", "umt5", "longt5", "switch_transformers")
#: One computes while the other prepares.
_WORKERS_PER_GPU = 2


class Window(NamedTuple):
    """Texts whose batches are on their way.

    rows : of each batch, in the window
    waits : for the vectors of each batch
    """

    texts: int
    counts: Counts
    rows: "list[npt.NDArray[np.int64]]"
    waits: "list[Future[Waits]]"


class TransformerEmbedder(Embedder):
    """A transformer folder.

    device : "cpu", "cuda", "cuda:1", several with commas between them, or "auto": every GPU, else the CPU
    threads : of the CPU, for networks on it
    max_tokens : how much of a text is read, special tokens included; None leaves it to the model
    batch_tokens : tokens in a batch, padding included; halved whenever memory runs out
    precision : of the network; "auto" is the faster of float32 and bfloat16, by a trial; pooling is in float32 always
    pooling : from tokens to a vector, in place of the model's own way and of what follows it there (dense layers, unit
        length); a name in `pooling.POOLINGS` or `padded-mean`; None leaves it to the model
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str = "auto",
        threads: int = 1,
        max_tokens: int | None = None,
        batch_tokens: int | None = None,
        precision: str = "auto",
        pooling: str | None = None,
    ) -> None:
        super().__init__()
        if precision not in ("auto", *PRECISIONS):
            raise UsageError(f"{precision}: not a precision for a network; known are auto, {', '.join(PRECISIONS)}")
        devices = find_devices(device)
        config = read_sentence_config(folder)
        self._network = network = load_network(config.transformer)
        self.precision = find_precision(precision, network.module, devices)
        in_precision(network.module, PRECISIONS[self.precision])
        reads = _readable(max_tokens, config.max_tokens, network)
        config = _pooled(config, pooling, network)
        self._tokenizer = TextTokenizer(network.tokenizer, reads, config.prompt, lower_case=config.lower_case)
        self._padded_to = reads if PADDED_MEAN in config.pooling else None
        replicas = _replicas(network, config, devices, threads, self._padded_to)
        on_gpu = devices[0].type != "cpu"
        self._workers = Workers(replicas, batch_tokens or (GPU_BATCH_TOKENS if on_gpu else CPU_BATCH_TOKENS))
        self._ahead = ThreadPoolExecutor(1, "tokenizer")
        self.window = _GPU_WINDOW * len(devices) if on_gpu else self.window
        self.dimension = self._find_dimension(folder)
        self.identity: dict[str, JSON] = {
            "name": network.kind,
            "revision": digest(folder, [config.transformer, *(step.folder for step in config.steps)]),
            "pooling": "+".join(config.pooling),
            "max_tokens": reads,
            "normalised": config.unit_length,
            "dimension": self.dimension,
        }

    def _begin(self, texts: Sequence[str]) -> Callable[[], Embedded]:
        """Vectors of the texts; zero for one without tokens of its own.

        A thread tokenises all n texts, sorts them by length and hands on batches: n is the caller's window.
        """
        window = self._ahead.submit(self._send, texts)
        return lambda: self._collect(window.result())

    def close(self) -> None:
        """Ends the threads."""
        self._ahead.shutdown(cancel_futures=True)
        self._workers.close()

    def _find_dimension(self, folder: Path) -> int:
        """One token through all of it shows that it works, and how long its vectors are."""
        token = Tokens(np.array([self._network.pad]), np.array([0]), content=1, left_out=0, unread=0)
        try:
            return int(_wait(self._workers.submit([token])).shape[1])
        except RuntimeError as error:  # shapes that do not fit, a device that lacks what the network needs
            reason = " ".join(str(error).split())
            raise GotdError(f"{folder}: a token does not get through in {self.precision} ({reason})") from error

    def _send(self, texts: Sequence[str]) -> Window:
        tokens = self._tokenizer.encode(texts)
        lengths = [(self._padded_to or len(text.ids)) if text.content else 0 for text in tokens]
        rows = list(plan(lengths, self._workers.batch_tokens))
        waits = [self._workers.submit([tokens[row] for row in batch]) for batch in rows]
        places = sum(len(batch) * lengths[batch[0]] for batch in rows)
        return Window(len(texts), _count(tokens, places), rows, waits)

    def _collect(self, window: Window) -> Embedded:
        vectors = np.zeros((window.texts, self.dimension), dtype=np.float32)
        for rows, waits in zip(window.rows, window.waits, strict=True):
            vectors[rows] = _wait(waits)
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            what = f"{self._network.folder} gives NaN or infinite values in {self.precision}"
            remedy = "choose another model" if self.precision == "float32" else "use --precision float32"
            raise RowError(row, f"{what}; {remedy}")
        return Embedded(vectors, window.counts)


def _wait(waits: "Future[Waits]") -> Vectors:
    """float32 (texts, dimension) of one batch."""
    return np.concatenate([wait() for wait in waits.result()])


def _replicas(
    network: Network, config: SentenceConfig, devices: Sequence[torch.device], threads: int, length: int | None
) -> list[DeviceNetwork]:
    """One for each worker; those of a device share its weights."""
    found: list[DeviceNetwork] = []
    layout = cpu_layout(threads)
    torch.set_num_threads(layout.threads)
    for number, device in enumerate(devices):
        last = number == len(devices) - 1
        module = network.module if last else copy.deepcopy(network.module)
        moved = network._replace(module=module.to(device))
        steps = [load_step(step, device) for step in config.steps]
        head = Head(config.pooling, steps, config.dimension, length)
        workers = _WORKERS_PER_GPU if device.type == "cuda" else layout.workers if device.type == "cpu" else 1
        found += [DeviceNetwork(moved, head, device) for _ in range(workers)]
    return found


def _pooled(config: SentenceConfig, asked: str | None, network: Network) -> SentenceConfig:
    """The configuration with the pooling that was asked for, or, where it has none, the one that suits the network."""
    if asked is None:
        if config.pooling and network.has_decoder and network.kind not in _POOLED_ENCODERS:
            what = f"sentence-transformers pools the decoder of {network.kind}, where only its encoder is run"
            raise GotdError(f"{network.folder}: {what}; choose a --pooling for the encoder")
        return config if config.pooling else replace(config, pooling=(_CAUSAL if network.is_causal else _USUAL,))
    if asked not in (*POOLINGS, PADDED_MEAN):
        known = ", ".join((*POOLINGS, PADDED_MEAN))
        raise UsageError(f"{asked}: not a way of pooling; known are {known}")
    return replace(config, pooling=(asked,), steps=(), dimension=None)


def _readable(asked: int | None, configured: int | None, network: Network) -> int:
    """Tokens to read of a text: as asked, else as sentence-transformers' configuration says, else the tokenizer's."""
    most = network.most_tokens
    if asked is not None and most is not None and asked > most:
        raise UsageError(f"{asked} tokens of a text: this model reads at most {most}")
    reads = asked or configured or network.max_tokens
    return reads if most is None else min(reads, most)


def _count(tokens: Sequence[Tokens], places: int) -> Counts:
    """places : in all batches, padding included"""
    read = sum(len(text.ids) for text in tokens if text.content)
    return Counts(
        documents=len(tokens),
        empty=sum(not text.content for text in tokens),
        truncated=sum(text.left_out > 0 or text.unread > 0 for text in tokens),
        tokens=read,
        truncated_tokens=sum(text.left_out for text in tokens),
        unread_characters=sum(text.unread for text in tokens),
        padding=places - read,
    )
