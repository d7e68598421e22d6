"""SIGTERM and SIGUSR1 in the middle of training: finish the step, save, let the command end; and where it goes on."""

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

if TYPE_CHECKING:
    from accelerate import Accelerator

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
#: In a checkpoint that was written to its end: a run killed while it saved leaves one without.
_WHOLE = "whole"


class Stopping(TrainerCallback):  # type: ignore[misc] # transformers has no types we follow
    """Stops all processes after the same step, with a checkpoint."""

    def __init__(self) -> None:
        self.asked = self.agreed = False
        self.accelerator: Accelerator

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """While this lasts, the signals ask; before and after they do what they did."""
        before = {number: signal.signal(number, self._ask) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        self.asked = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Where there are several processes a signal may have reached only some: they ask each other."""
        self.agreed = self.asked
        if args.world_size > 1:
            if self.asked:
                self.accelerator.set_trigger()
            self.agreed = self.accelerator.check_trigger()
        if self.agreed and state.global_step < state.max_steps:
            control.should_save = control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, *_: object, **__: object) -> None:
        """Mark the checkpoint when every process has written its part."""
        self.accelerator.wait_for_everyone()
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}" / _WHOLE).touch()


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end."""
    whole = [path.parent for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*/{_WHOLE}")]
    return max(whole, key=lambda path: int(path.name.rsplit("-", 1)[1]), default=None)


def is_last(checkpoint: Path, steps: int, patience: int) -> bool:
    """Whether training ended there: with the last of its steps, or after `patience` looks at --dev without a gain."""
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    early = state["stateful_callbacks"].get("EarlyStoppingCallback")
    looks = early["attributes"]["early_stopping_patience_counter"] if early else 0
    return bool(state["global_step"] >= steps or looks >= patience)
