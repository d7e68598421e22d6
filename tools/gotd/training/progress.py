"""How far training is: loss, tokens a second, time left; a bar on a terminal, else a line a minute."""

import math
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

import torch
from transformers import TrainerCallback, TrainerState, TrainingArguments

from gotd.errors import GotdError

if TYPE_CHECKING:
    from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 60.0


class Progress(TrainerCallback):  # type: ignore[misc] # transformers has no types we follow
    """Tells, and ends a run whose loss or weights are no numbers.

    tokens_per_step : of all processes, on average; padding, and what frames a block, left out
    seconds : so far spent in steps, those before a restart not counted
    """

    def __init__(self, tell: Callable[[str], None], tokens_per_step: float, quiet: bool) -> None:
        self._tell, self._tokens_per_step = tell, tokens_per_step
        self._bar: tqdm[NoReturn] | None = None
        self._on_terminal = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._start = self._told = 0.0
        self._first_step = self._last_step = 0

    def on_train_begin(self, _args: TrainingArguments, state: TrainerState, *_: object, **__: object) -> None:
        """Steps done before a restart take no part in the rate."""
        self._start = self._told = time.monotonic()
        self._first_step = self._last_step = state.global_step
        if self._on_terminal:
            from tqdm import tqdm

            self._bar = tqdm(desc="ds-train", unit=" steps", total=state.max_steps, initial=state.global_step,
                             leave=False, dynamic_ncols=True)

    def on_step_end(self, _args: TrainingArguments, state: TrainerState, *_: object, **__: object) -> None:
        """Moves the bar."""
        self._last_step = state.global_step
        if self._bar is not None:
            self._bar.update(state.global_step - self._bar.n)

    def on_log(self, _args: TrainingArguments, state: TrainerState, *_: object, logs: dict[str, float],
               **__: object) -> None:
        """Says loss, rate and time left."""
        loss = logs.get("loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            what = f"step {state.global_step}: the loss is {loss}"
            raise GotdError(f"{what}; lower --learning-rate, or use --precision float32")
        now = time.monotonic()
        rate = self.tokens_per_second(now)
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.4f}, {rate:,.0f} tokens/s")
        elif now - self._told > _SECONDS_BETWEEN_LINES:
            self._told = now
            left = (state.max_steps - state.global_step) * self._tokens_per_step / rate if rate else 0.0
            self._tell(f"step {state.global_step:,} of {state.max_steps:,}, loss {loss:.4f}, {rate:,.0f} tokens/s, "
                       f"{left / 60:,.0f} min left")

    def on_save(self, _args: TrainingArguments, state: TrainerState, *_: object, model: torch.nn.Module,
                **__: object) -> None:
        """Ends a run that its last step has ruined, which no loss tells; products of large weights overflow too."""
        if not all(bool(torch.linalg.vector_norm(weights).isfinite()) for weights in model.parameters()):
            raise GotdError(f"step {state.global_step}: the weights have grown out of bounds; lower --learning-rate, "
                            "or use --precision float32")

    def on_train_end(self, *_: object, **__: object) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()

    def tokens_per_second(self, now: float | None = None) -> float:
        """Over all processes, since training began or went on."""
        seconds = (now or time.monotonic()) - self._start
        return (self._last_step - self._first_step) * self._tokens_per_step / seconds if seconds > 0 else 0.0
