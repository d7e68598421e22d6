"""What one ds-train was asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gotd.training.prepare import Prepared, Source
from gotd.training.reading import Reading
from gotd.training.recipes import REPLAY_SHARE, Recipe
from gotd.training.run_record import Identity
from gotd.training.trainer import Machine


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

    def steps_per_epoch(self, ready: Prepared) -> int:
        """Optimiser steps in which every example comes once."""
        return -(-len(ready.training_examples) // self.recipe.batch)

    def total_steps(self, ready: Prepared) -> int:
        """Optimiser steps of the whole run."""
        return self.recipe.steps_of(len(ready.training_examples))
