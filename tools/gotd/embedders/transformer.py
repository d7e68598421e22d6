"""Hugging Face encoders and decoders: a network's hidden states, pooled as the model's own configuration says."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gotd.devices import find_device
from gotd.embedders.model_folder import digest
from gotd.embedders.network import Network, load_network, load_step
from gotd.embedders.pooling import pool
from gotd.embedders.protocol import JSON, Counts, Vectors
from gotd.embedders.sentence_transformers_config import read_sentence_config
from gotd.embedders.text_tokens import TextTokenizer, Tokens
from gotd.errors import GotdError, UsageError

#: Tokens in a batch, padding included: enough to keep two cores or a GPU busy, few enough for their caches or memory.
CPU_BATCH_TOKENS = 1 << 12
GPU_BATCH_TOKENS = 1 << 16
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class TransformerEmbedder:
    """A transformer folder.

    device : "cpu", "cuda", "cuda:1", ... or "auto", which is a GPU where there is one
    max_tokens : how much of a text is read, special tokens included; None leaves it to the model
    batch_tokens : tokens in a batch, padding included; halved whenever memory runs out
    dtype : precision of the network; pooling is in float32 always
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str = "auto",
        max_tokens: int | None = None,
        batch_tokens: int | None = None,
        dtype: str = "float32",
    ) -> None:
        if dtype not in _DTYPES:
            raise UsageError(f"{dtype}: not a precision for a network; known are {', '.join(_DTYPES)}")
        self._device = find_device(device)
        self._batch_tokens = batch_tokens or (CPU_BATCH_TOKENS if self._device.type == "cpu" else GPU_BATCH_TOKENS)
        self._config = read_sentence_config(folder)
        self._network = load_network(self._config.transformer, self._device, _DTYPES[dtype])
        self._steps = [load_step(step, self._device) for step in self._config.steps]
        reads = _readable(max_tokens, self._config.max_tokens, self._network)
        self._tokenizer = TextTokenizer(
            self._network.tokenizer, reads, self._config.prompt, lower_case=self._config.lower_case
        )
        self.counts = Counts()
        # One token through all of it shows that it works, and how long its vectors are.
        probe = Tokens(ids=[self._network.pad], types=[0], content=1, left_out=0, unread=0)
        self.dimension = int(self._run([probe]).shape[1])
        self.identity: dict[str, JSON] = {
            "name": self._network.kind,
            "revision": digest(folder),
            "pooling": "+".join(self._config.pooling),
            "max_tokens": reads,
            "normalised": self._config.unit_length,
            "dimension": self.dimension,
        }

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, dimension); zero for a text without tokens of its own.

        All n texts are tokenised and sorted by length: n is the caller's window.
        """
        tokens = self._tokenizer.encode(texts)
        self._count(tokens)
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        order = sorted((row for row, text in enumerate(tokens) if text.content), key=lambda row: -len(tokens[row].ids))
        for rows, batch in self._batches(order, tokens):
            vectors[rows] = batch
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise GotdError(f"text {row} of {len(texts)}: the network gave NaN or infinite values; use float32")
        return vectors

    def _batches(self, order: list[int], tokens: list[Tokens]) -> Iterator[tuple[list[int], Vectors]]:
        """Rows and their vectors, longest texts first, so that memory runs out at once or never."""
        begin = 0
        while begin < len(order):
            size = max(1, self._batch_tokens // len(tokens[order[begin]].ids))
            rows = order[begin : begin + size]
            try:
                vectors = self._run([tokens[row] for row in rows])
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                self._shrink(len(rows), len(tokens[rows[0]].ids), error)
                continue
            yield rows, vectors
            begin += len(rows)

    def _shrink(self, texts: int, longest: int, error: RuntimeError) -> None:
        """Smaller batches from now on."""
        if texts == 1:
            raise GotdError(
                f"{self._device}: out of memory with a single text of {longest} tokens; read fewer (--max-tokens)"
            ) from error
        self._batch_tokens = texts * longest // 2
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def _run(self, batch: Sequence[Tokens]) -> Vectors:
        """float32 (texts, dimension), from one pass through the network.

        Padding stands right, where a decoder's tokens do not see it.
        """
        longest = max(len(text.ids) for text in batch)
        lengths = torch.tensor([len(text.ids) for text in batch])
        mask = (torch.arange(longest) < lengths.unsqueeze(1)).long().to(self._device)
        inputs = {"input_ids": self._padded([text.ids for text in batch], self._network.pad), "attention_mask": mask}
        if self._network.takes_types:
            inputs["token_type_ids"] = self._padded([text.types for text in batch], 0)
        hidden = getattr(self._network.module(**inputs), "last_hidden_state", None)
        if hidden is None:
            raise GotdError(f"{self._config.transformer}: {self._network.kind} gives no hidden states of tokens")
        pooled = pool(hidden, mask, self._config.pooling)
        for step in self._steps:
            pooled = step(pooled)
        vectors: Vectors = pooled[:, : self._config.dimension].cpu().numpy()
        return vectors

    def _padded(self, rows: Sequence[list[int]], value: int) -> Tensor:
        """int64 (texts, longest)"""
        longest = max(map(len, rows))
        return torch.tensor([row + [value] * (longest - len(row)) for row in rows]).to(self._device)

    def _count(self, tokens: Sequence[Tokens]) -> None:
        self.counts.documents += len(tokens)
        self.counts.empty += sum(not text.content for text in tokens)
        self.counts.tokens += sum(len(text.ids) for text in tokens if text.content)
        self.counts.truncated += sum(text.left_out > 0 for text in tokens)
        self.counts.truncated_tokens += sum(text.left_out for text in tokens)
        self.counts.unread_characters += sum(text.unread for text in tokens)


def _readable(asked: int | None, configured: int | None, network: Network) -> int:
    """Tokens to read of a text: as asked, else as sentence-transformers' configuration says, else the tokenizer's."""
    most = network.most_tokens
    if asked is not None and most is not None and asked > most:
        raise UsageError(f"{asked} tokens of a text: this model reads at most {most}")
    reads = asked or configured or network.max_tokens
    return reads if most is None else min(reads, most)


def _is_out_of_memory(error: RuntimeError) -> bool:
    """CUDA has its own exception, the CPU's allocator a message."""
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
