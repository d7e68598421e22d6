"""Where a run's losses can be watched: the Trainer's own reports to tensorboard, wandb and trackio, only as named."""

import contextlib
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gotd.errors import GotdError

if TYPE_CHECKING:
    from transformers import Trainer

#: What each needs, any one of them, and what to install.
_PACKAGES = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",), "trackio": ("trackio",)}
TRACKERS = ("none", *_PACKAGES)
#: Of the output folder; its own variable beats it.
_TENSORBOARD, _TENSORBOARD_VARIABLE = "tensorboard", "TENSORBOARD_LOGGING_DIR"


def require_installed(tracker: str) -> None:
    """Raise GotdError where the package of a tracker is missing."""
    packages = _PACKAGES.get(tracker, ())
    if packages and not any(importlib.util.find_spec(package) for package in packages):
        raise GotdError(f"--report-to {tracker}: it is not installed here; pip install {packages[0]}")


def name_run(trainer: "Trainer", tracker: str, output: Path, seed: int) -> None:
    """Let each seed be a run of its own, and tensorboard's files lie in the output, which outlives OUT/work/."""
    trainer.args.run_name = f"{output.resolve().name}-seed-{seed}"
    if tracker == "tensorboard" and _TENSORBOARD_VARIABLE not in os.environ:
        folder = str(output / _TENSORBOARD / f"seed-{seed}")
        if hasattr(trainer.args, "logging_dir"):  # of transformers before version 5
            trainer.args.logging_dir = folder
        for callback in trainer.callback_handler.callbacks:
            if type(callback).__name__ == "TensorBoardCallback":
                callback.logging_dir = folder


def end_run(tracker: str) -> None:
    """End what the next seed's run would go on with; the others end with training."""
    if tracker == "wandb":
        with contextlib.suppress(ImportError):
            import wandb

            wandb.finish()
