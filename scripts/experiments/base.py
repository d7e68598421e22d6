"""Base models of the studies, trained from scratch on the general domains alone, and a light pass on top of them.

    python base.py WORK [--scale tiny] [--device cuda]

One process for many runs: texts are tokens once, in WORK/SCALE/tokens/, and a run starts in milliseconds. The
tokenizer, the order of documents and blocks, and the loss are ds-train's own (gotd.training). The base model lies in
WORK/SCALE/base/ as any causal model of Hugging Face: ds-embed and ds-train take it.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from checkpoint import Checkpoint
from data import SCALES, Study, texts
from deadline import Deadline
from machine import Machine, add_machine
from results import whole
from tokens import IGNORED, Tokens, blocks_of, text_blocks
from torch.nn.functional import cross_entropy

from gotd.pretrained import load_fast_tokenizer
from gotd.training.tokenizers import train_tokenizer

#: Texts that are made tokens at a time.
_TEXTS = 10_000


class Shape(NamedTuple):
    """A base model and how it is trained.

    vocabulary, length, width, layers, heads : of the model
    batch : blocks in a step; rate : highest learning rate from scratch; light_rate : of a pass on top
    at_once : blocks of a step that go through the model at a time, all where it is 0
    warmup, decay : share of the steps in which the rate grows, and AdamW's weight decay
    epochs : times that what is trained on is read, in an order of each time's own
    """

    vocabulary: int
    length: int
    width: int
    layers: int
    heads: int
    batch: int
    rate: float
    light_rate: float
    at_once: int = 0
    warmup: float = 0.05
    decay: float = 0.01
    epochs: int = 1


SHAPES = {
    "tiny": Shape(1024, 64, 64, 2, 2, 32, 3e-3, 1e-3),
    "mini": Shape(2048, 128, 128, 4, 2, 32, 1.5e-3, 5e-4),
    "small": Shape(16384, 256, 512, 8, 8, 64, 6e-4, 2e-4),
}


class Bench:
    """Tokenizer, tokens and base model of a study, made where they are missing.

    start : another study's, whose base model this one's goes on from, with the same tokenizer; None for from scratch
    """

    def __init__(self, study: Study, scale: str, machine: Machine, deadline: Deadline,
                 start: "Bench | None" = None) -> None:
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.study, self.shape, self.machine, self.deadline = study, SHAPES[scale], machine, deadline
        self._base, self._start = study.folder / "base", start
        self._tokenizer_folder = start._tokenizer_folder if start else study.folder / "tokenizer"
        if not self._tokenizer_folder.exists():
            made = train_tokenizer(texts(study.source), self.shape.vocabulary, False, self.shape.length)
            made.save_pretrained(self._tokenizer_folder)
        self.tokenizer = load_fast_tokenizer(self._tokenizer_folder)

    @property
    def folder(self) -> Path:
        """Where results lie, and what belongs to them."""
        return self.study.folder

    @property
    def settings(self) -> dict[str, Any]:
        """What a line of results says of the model and the machine."""
        return self.machine._asdict()

    def results(self, name: str) -> Path:
        """Where lines go."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / name

    def trained_on(self, path: Path) -> Tokens:
        """A file's texts, as much of each as is trained on."""
        return self.tokens(path)

    def judged(self, texts: int) -> np.ndarray:
        """Which of so many held-out texts a task is judged by. Shapes: -> int64 (n,)."""
        return np.arange(texts)

    def held_out(self, task: str) -> Tokens:
        """The texts that a task is judged by."""
        tokens = self.tokens(self.study.held_out(task))
        rows = self.judged(len(tokens.lengths))
        return Tokens(tokens.of(rows).astype(np.uint16), tokens.lengths[rows])

    def tokens(self, path: Path) -> Tokens:
        """A file's texts as tokens."""
        cache = self.folder / "tokens" / f"{path.parent.name}-{path.name.split('.')[0]}.npz"
        if not cache.exists():
            tokens = list(self._tokens_of(texts(path)))
            flat, lengths = np.concatenate([np.empty(0, np.uint16), *tokens]), np.array([*map(len, tokens)], np.int64)
            with whole(cache) as draft:
                np.savez(draft, flat=flat, lengths=lengths)
        with np.load(cache) as found:
            return Tokens(found["flat"], found["lengths"])

    def _tokens_of(self, every: list[str]) -> Iterator[np.ndarray]:
        """Some texts at a time: what the tokenizer says of a text takes far more than its tokens. uint16 (t,) each"""
        for start in range(0, len(every), _TEXTS):
            for ids in self.tokenizer(every[start : start + _TEXTS], add_special_tokens=False)["input_ids"]:
                yield np.array([*ids, self.tokenizer.eos_token_id], dtype=np.uint16)

    def fresh(self) -> Any:
        """A model with random weights."""
        from transformers import GPT2Config, GPT2LMHeadModel

        torch.manual_seed(0)
        shape, end = self.shape, self.tokenizer.eos_token_id
        config = GPT2Config(vocab_size=len(self.tokenizer), n_positions=shape.length, n_embd=shape.width,
                            n_layer=shape.layers, n_head=shape.heads, embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0,
                            bos_token_id=end, eos_token_id=end, attn_implementation=self.machine.attention)
        return GPT2LMHeadModel(config).to(self.machine.device)

    def base(self) -> Any:
        """The base model, trained if it is not there yet."""
        from gotd.pretrained import load_config, load_model

        if not (self._base / "config.json").exists():
            model = self._start.base() if self._start else self.fresh()
            tokens = self.tokens(self.study.source)
            checkpoint = Checkpoint(self.study.folder / "base.pt", self.deadline)
            self.train(model, tokens.flat.astype(np.int64), self.shape.rate, seed=0, checkpoint=checkpoint)
            model.save_pretrained(self._base)
            checkpoint.remove()
            self.tokenizer.save_pretrained(self._base)
        model, _ = load_model("AutoModelForCausalLM", self._base, load_config(self._base),
                              attn_implementation=self.machine.attention)
        return model.to(self.machine.device)

    def train(self, model: Any, flat: np.ndarray, rate: float, seed: int, checkpoint: Checkpoint | None = None) -> None:
        """A pass over the tokens in blocks, or several; AdamW, the rate warmed up and then linear to 0."""
        model.train()
        shape = self.shape
        blocks = blocks_of(flat, shape.length)
        random = np.random.default_rng([seed])
        order = np.concatenate([random.permutation(len(blocks)) for _ in range(shape.epochs)])
        steps = -(-len(order) // shape.batch)
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=shape.decay, betas=(0.9, 0.95),
                                      fused=True)
        for step in range(checkpoint.load(model, optimizer) if checkpoint else 0, steps):
            for group in optimizer.param_groups:
                group["lr"] = rate * min((step + 1) / (shape.warmup * steps + 1), 1 - step / steps)
            some = blocks[order[step * shape.batch : (step + 1) * shape.batch]]
            rows = torch.from_numpy(some).to(self.machine.device)
            loss, predicted = torch.zeros((), device=rows.device), (rows[:, 1:] != IGNORED).sum()
            for part in rows.split(shape.at_once or shape.batch):
                of_part = self._losses(model, part).sum() / predicted
                of_part.backward()
                loss += of_part.detach()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if checkpoint:
                checkpoint.after(step, steps, loss.item(), model, optimizer)

    def costs(self, model: Any, held_out: Tokens) -> np.ndarray:
        """Nats of each text, its first token given by the separator before it. Shapes: -> float64 (n,)."""
        model.eval()
        found, shape = np.zeros(len(held_out.lengths)), self.shape
        at_once, end = 2 * (shape.at_once or shape.batch), self.tokenizer.eos_token_id
        with torch.inference_mode():
            for rows, block in text_blocks(held_out, shape.length, at_once, end):
                losses = self._losses(model, torch.from_numpy(block).to(self.machine.device)).double().sum(dim=1)
                np.add.at(found, rows, losses.cpu().numpy())
        return found

    def _losses(self, model: Any, rows: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of every next token, 0 where there is none. Shapes: int64 (b, l) -> float (b, l - 1)."""
        with self.machine.products():
            logits = model(input_ids=rows.clamp_min(0)[:, :-1]).logits
        # Flat, the classes last: on a CPU nearly twice as fast as with the classes in the middle.
        wanted = rows[:, 1:].reshape(-1)
        losses = cross_entropy(logits.flatten(0, 1).float(), wanted, ignore_index=IGNORED, reduction="none")
        return losses.view(len(rows), -1)


def main() -> None:
    """Make the base model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--scale", choices=list(SCALES), default="tiny")
    add_machine(parser)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minutes", type=float)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    study = Study(given.work / given.scale)
    bench = Bench(study, given.scale, Machine.of(given), Deadline(given.minutes))
    model = bench.base()
    for path in sorted((study.folder / "held-out").glob("*.zst")):
        tokens = bench.tokens(path)
        print(f"{path.name}: {bench.costs(model, tokens).sum() / tokens.lengths.sum():.4f} nats a token")


if __name__ == "__main__":
    main()
