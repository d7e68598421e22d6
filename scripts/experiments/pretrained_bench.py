"""A pre-trained causal model's folder in the place of a study's own base model: its tokens, its passes, its results.

Of what is chosen only the first tokens of each text are read, as many as a block has, and a budget counts texts of
their mean length: every choice has the same tokens. All weights are trained, once over them, as ds-train's recipe
got-d-clm has it (batch, decay, clipping, schedule), at a rate that suits few steps. Results lie in pretrained/NAME/ of
a study's folder, NAME being the model's, with "-4-epochs" where it reads its choice so often; lines are added only by
the same weights, machine and settings.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from arguments import add_training
from base import Bench, Shape
from costs import folder_of, rows_of
from data import Study
from deadline import Deadline
from machine import Machine
from results import lines_of
from tokens import Tokens

from gotd.errors import DataError, UsageError
from gotd.pretrained import load_config, load_fast_tokenizer
from gotd.training.recipes import RECIPES

_RECIPE = RECIPES["got-d-clm"]
#: Where nothing is asked for; the rate was not tuned.
_LENGTH, _RATE, _HELD_OUT = 128, 1e-4, 250
#: Blocks that go through the model at a time: with a vocabulary of 50,000 the logits of one are 25 MB.
_AT_ONCE = 2
#: Tokens are kept as uint16.
_VOCABULARY = 1 << 16


class Settings(NamedTuple):
    """What lines of results must have in common.

    model, weights : name of the folder and the beginning of the SHA-256 of its weights
    length : tokens of a text that are trained on, and of a block; held_out : most texts that a task is judged by
    rate : the highest of a pass; None where each run has its own
    epochs : times that a choice is read
    """

    model: str
    weights: str
    device: str
    precision: str
    length: int
    rate: float | None
    held_out: int
    epochs: int = 1

    @property
    def said(self) -> dict[str, Any]:
        """What a line of results says."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Pretrained(Bench):
    """Tokens of a study in the words of a model that is there, and passes on top of it."""

    def __init__(self, study: Study, model: Path, settings: Settings, machine: Machine, deadline: Deadline) -> None:
        from transformers.utils import logging

        logging.disable_progress_bar()
        config = load_config(model)
        if config.vocab_size > _VOCABULARY:
            raise UsageError(f"{model}: a vocabulary of {config.vocab_size:,}, over {_VOCABULARY:,}")
        self.study, self.machine, self.deadline = study, machine, deadline
        self.asked, self.tokenizer = settings, load_fast_tokenizer(model)
        rate = settings.rate or 0.0
        self.shape = Shape(config.vocab_size, settings.length, config.hidden_size, config.num_hidden_layers,
                           config.num_attention_heads, _RECIPE.batch, rate, rate, _AT_ONCE, _RECIPE.warmup,
                           _RECIPE.weight_decay, settings.epochs)
        self._base, self._start = model, None

    @property
    def folder(self) -> Path:
        """Where results lie, and what belongs to them."""
        return folder_of(self.study, self.asked.said)

    @property
    def settings(self) -> dict[str, Any]:
        """What a line of results says of the model and the machine."""
        return self.asked.said

    def trained_on(self, path: Path) -> Tokens:
        """A file's texts, as much of each as is trained on."""
        return self.tokens(path).cut(self.asked.length)

    def results(self, name: str) -> Path:
        """Where lines go. Raises: UsageError where some are there that were made with other settings"""
        file = super().results(name)
        refuse_others(file, self.asked)
        return file

    def judged(self, texts: int) -> np.ndarray:
        """Which of so many held-out texts a task is judged by. Shapes: -> int64 (n,)."""
        return rows_of(texts, self.asked.held_out)


def add_pretrained(parser: argparse.ArgumentParser, is_needed: bool = False, has_rate: bool = True) -> None:
    """What a study takes that trains a model that is there. has_rate : False where each run has its own"""
    parser.add_argument("--model", type=Path, required=is_needed,
                        help="a causal model's folder with its tokenizer; smollm2.py makes one")
    parser.add_argument("--length", type=int, help=f"tokens of a chunk that --model reads, and of a block (default "
                                                   f"{_LENGTH})")
    parser.add_argument("--held-out", type=int, help=f"most texts of a target that --model is judged by (default "
                                                     f"{_HELD_OUT})")
    if has_rate:
        parser.add_argument("--rate", type=float, help=f"the highest learning rate of --model (default {_RATE:g})")
    add_training(parser)
    parser.set_defaults(has_rate=has_rate)


def bench_of(given: argparse.Namespace, study: Study, deadline: Deadline, start: Bench | None = None) -> Bench:
    """The study's own, or that of the model that was asked for.

    start : what the study's own model goes on from; a model that is there is taken as it is
    Raises: UsageError where an option was given that only a model's has, or a folder's model cannot be taken
    """
    machine = Machine.of(given)
    if given.model is not None:
        return Pretrained(study, given.model, settings_of(given), machine, deadline)
    for name in ("length", "held_out", "rate"):
        if name in given and getattr(given, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} is of a --model; name one, or leave it out")
    return Bench(study, given.scale, machine, deadline, start)


def settings_of(given: argparse.Namespace) -> Settings:
    """What was asked for. Raises: DataError where the folder has no weights"""
    digest, files = hashlib.sha256(), sorted(given.model.glob("*.safetensors"))
    if not files:
        raise DataError(str(given.model), "no *.safetensors there", "make a folder with smollm2.py, or name another")
    for file in files:
        with file.open("rb") as weights:
            digest.update(hashlib.file_digest(weights, "sha256").digest())
    machine = Machine.of(given)
    return Settings(given.model.resolve().name, digest.hexdigest()[:16], machine.device, machine.precision,
                    given.length or _LENGTH, (given.rate or _RATE) if given.has_rate else None,
                    given.held_out or _HELD_OUT, given.epochs if "epochs" in given else 1)


def refuse_others(results: Path, settings: Settings) -> None:
    """Raises: UsageError where lines are there that were made with other settings"""
    for number, line in enumerate(lines_of(results), 1):
        for name, value in settings.said.items():
            there = line.get(name, 1) if name == "epochs" else line[name]
            if there != value:
                raise UsageError(f"{results}:{number}: made with {name} {there}, and now {value} is asked for; "
                                 f"ask for {there}, or give another WORK")
