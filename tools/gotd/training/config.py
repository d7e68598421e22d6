"""What one ds-train was asked for, and on what machine."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gotd.training.reading import Reading
from gotd.training.recipes import REPLAY_SHARE, Recipe
from gotd.training.run_record import Identity


@dataclass(frozen=True)
class Machine:
    """How a run is carried out: no loss or gradient depends on it but by rounding, and what dropout draws.

    accumulate : parts an optimiser step is taken in; checkpointing : recompute activations in the backward pass
    save_steps : steps between checkpoints
    dev_steps, patience : steps between evaluations on --dev, 0 for an epoch, and how many without a gain end the run:
        which step's weights are kept does depend on them
    report_to : who is told the losses, besides stderr
    """

    device: str = "auto"
    precision: str = "float32"
    accumulate: int = 1
    checkpointing: bool = False
    fsdp: bool = False
    save_steps: int = 500
    dev_steps: int = 0
    patience: int = 3
    report_to: str = "none"

    @property
    def on_cpu(self) -> bool:
        """Whether there is no GPU, or none is wanted."""
        import torch

        return self.device == "cpu" or not (torch.cuda.is_available() or torch.backends.mps.is_available())


@dataclass(frozen=True)
class Source:
    """Where the model comes from. path : a model's folder, or, fresh, a configuration's file or folder"""

    path: Path
    fresh: bool
    tokenizer: Path | None


@dataclass
class Request:
    """What the command was asked for.

    inputs : "data", and "replay", "dev", "eval" and "eval-general" where given; all can be read again
    identity : what the weights depend on; the records, as they are read
    """

    output: Path
    source: Source
    inputs: dict[str, list[str]]
    recipe_name: str
    recipe: Recipe
    length_given: bool
    machine: Machine
    lora: int
    seeds: list[int]
    reading: Reading
    identity: Identity
    tell: Callable[[str], None]
    quiet: bool
    replay_share: float = REPLAY_SHARE
    notes: list[str] = field(default_factory=list)
