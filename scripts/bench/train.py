"""What ds-train costs beside a bare Trainer loop, how long it waits for data, and whether memory grows with the data.

    python train.py throughput [--steps 60] [--dimension 128]
    python train.py memory [--documents 5000 200000]

throughput: the same model, batch, length and dtype in one process, in turns: Hugging Face's Trainer on token tensors
that lie in memory, and ours on tokens on disk; tokens a second by each turn's median step, and the share of time
ours spends on batches. memory: the command itself on synthetic records, its peak as it says at its end.
"""

import argparse
import itertools
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

from gotd.training.examples import BlockBatches, Blocks
from gotd.training.progress import Progress
from gotd.training.recipes import Recipe
from gotd.training.stopping import Stopping
from gotd.training.tokenizers import Frame
from gotd.training.tokens import TokenWriter
from gotd.training.trainer import Examples, Machine, arguments, make_trainer

_VOCABULARY, _LENGTH, _BATCH, _WARM = 4096, 256, 8, 5
_FRAME = Frame((), (0,), (), (), 0)


class Clock(TrainerCallback):
    """Median seconds of a step after the warm-up; of CPU time where there is no GPU, so that neighbours count less."""

    def __init__(self) -> None:
        self._now = time.perf_counter if torch.cuda.is_available() else time.process_time
        self._ends: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 - the Trainer's names
        self._ends.append(self._now())

    def tokens_per_second(self) -> float:
        steps = [end - start for start, end in itertools.pairwise(self._ends[_WARM - 1 :])]
        return _BATCH * _LENGTH / statistics.median(steps)


class InMemory(Dataset[dict[str, torch.Tensor]]):
    """Token tensors."""

    def __init__(self, rows: torch.Tensor) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"input_ids": self._rows[index], "labels": self._rows[index]}


class Timed:
    """A collator, and the dataset before it, that add up their time."""

    def __init__(self, blocks: Blocks, collate: BlockBatches) -> None:
        self.seconds, self._blocks, self._collate = 0.0, blocks, collate

    def __call__(self, examples: list[Any]) -> dict[str, torch.Tensor]:
        start = time.perf_counter()
        batch = self._collate([self._blocks[example.pick] for example in examples])
        self.seconds += 2 * (time.perf_counter() - start)  # read twice: here, and by the loader before
        return batch


def model(dimension: int) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    heads = max(1, dimension // 64)
    return GPT2LMHeadModel(GPT2Config(vocab_size=_VOCABULARY, n_positions=_LENGTH, n_embd=dimension, n_layer=4,
                                      n_head=heads))


def bare(rows: torch.Tensor, steps: int, dimension: int, folder: str) -> float:
    """Tokens a second of the Trainer alone, with its own order and the model's own loss."""
    clock = Clock()
    made = TrainingArguments(folder, max_steps=steps, per_device_train_batch_size=_BATCH, report_to="none",
                             disable_tqdm=True,
                             save_strategy="no", logging_steps=10, use_cpu=not torch.cuda.is_available(),
                             dataloader_pin_memory=torch.cuda.is_available())
    Trainer(model(dimension), made, train_dataset=InMemory(rows), callbacks=[clock]).train()
    return clock.tokens_per_second()


def ours(blocks: Blocks, steps: int, dimension: int, folder: str) -> tuple[float, float]:
    """(tokens a second, share of the time spent on batches) of our Trainer on blocks on disk."""
    clock, recipe = Clock(), Recipe("clm", steps=steps, batch=_BATCH, length=_LENGTH)
    collate = Timed(blocks, BlockBatches(_LENGTH, _FRAME, None, 0))
    made = arguments(Path(folder), recipe, Machine(save_steps=10**9), 0, steps, 0)
    made.save_strategy = "no"
    progress = Progress(print, _BATCH * _LENGTH, quiet=True)
    trainer = make_trainer(model(dimension), Examples(blocks, None, collate), made, recipe, 1, (progress, Stopping()))
    trainer.add_callback(clock)
    start = time.perf_counter()
    trainer.train()
    return clock.tokens_per_second(), collate.seconds / (time.perf_counter() - start)


def throughput(steps: int, dimension: int, turns: int) -> None:
    """Both, in turns, so that a busy neighbour hurts them alike."""
    rows = torch.randint(0, _VOCABULARY, (steps * _BATCH, _LENGTH))
    with tempfile.TemporaryDirectory() as folder:
        with TokenWriter(Path(folder) / "tokens", _VOCABULARY, labelled=False) as writer:
            writer.add(rows.tolist())
            blocks = Blocks(writer.finish("", 0, 0), _LENGTH, _FRAME)
        ratios = []
        for turn in range(turns):
            other, (mine, waiting) = bare(rows, steps, dimension, folder), ours(blocks, steps, dimension, folder)
            ratios.append(mine / other)
            print(f"turn {turn}: bare {other:,.0f} tokens/s, ours {mine:,.0f}, ratio {mine / other:.3f}; "
                  f"batches took {waiting:.2%} of the time")
    print(f"median ratio {statistics.median(ratios):.3f}")


def memory(counts: list[int]) -> None:
    """Peak of the command for each number of documents; the same steps, so that only the data differs."""
    words = [f"word{i}" for i in range(2000)]
    config = {"model_type": "gpt2", "vocab_size": 3000, "n_positions": 128, "n_embd": 64, "n_layer": 2, "n_head": 2}
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config), encoding="utf-8")
        for count in counts:
            draw = random.Random(0)
            with (Path(folder) / f"{count}.jsonl").open("w", encoding="utf-8") as file:
                file.writelines(json.dumps({"text": " ".join(draw.choices(words, k=100))}) + "\n" for _ in range(count))
            start = [] if not peaks else ["--tokenizer", f"{folder}/out-{counts[0]}"]
            line = [str(Path(sys.executable).parent / "ds-train"), "--init", f"{folder}/config.json", *start,
                    "--objective", "clm", "--length", "128", "--batch", "16", "--steps", "300",
                    f"{folder}/{count}.jsonl", "-o", f"{folder}/out-{count}"]
            done = subprocess.run(line, check=True, capture_output=True, encoding="utf-8")
            peaks.append(int(re.findall(r"peak memory (\d+) MB", done.stderr)[-1]))
            print(f"{count:9,} documents: peak {peaks[-1]:,} MB", flush=True)
    print(f"largest over smallest {max(peaks) / min(peaks):.3f}")


def main() -> None:
    """Choose the question."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("question", choices=["throughput", "memory"])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--documents", type=int, nargs="+", default=[5000, 200_000])
    given = parser.parse_args()
    if given.steps <= _WARM:
        parser.error(f"--steps {given.steps}: the first {_WARM} warm up and are not counted; ask for more")
    torch.set_num_threads(given.threads)
    if given.question == "throughput":
        throughput(given.steps, given.dimension, given.turns)
    else:
        memory(given.documents)


if __name__ == "__main__":
    sys.exit(main())
