"""A training of many minutes that is left at a deadline and gone on with."""

from pathlib import Path
from typing import Any

import torch
from deadline import Deadline
from results import whole

#: Steps between checkpoints.
_SAVE_STEPS = 100


class Checkpoint:
    """A run of many minutes, in pieces."""

    def __init__(self, path: Path, deadline: Deadline) -> None:
        self._path, self._deadline = path, deadline

    def load(self, model: Any, optimizer: Any) -> int:
        """The step to go on with."""
        if not self._path.exists():
            return 0
        held = torch.load(self._path, weights_only=True)
        model.load_state_dict(held["model"])
        optimizer.load_state_dict(held["optimizer"])
        return int(held["step"])

    def after(self, step: int, steps: int, loss: float, model: Any, optimizer: Any) -> None:
        """Told of every step; saves now and then, and at the deadline, when it leaves."""
        is_over = self._deadline.is_near()
        if step % _SAVE_STEPS == 0:
            print(f"step {step} of {steps}: loss {loss:.3f}", flush=True)
        if is_over or step % _SAVE_STEPS == _SAVE_STEPS - 1:
            held = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            with whole(self._path) as draft:
                torch.save(held, draft)
        if is_over:
            self._deadline.leave()

    def remove(self) -> None:
        """The run is complete."""
        self._path.unlink(missing_ok=True)
