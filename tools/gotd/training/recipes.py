"""What a training run is made of: every value that the weights depend on, and the paper's values by name."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from gotd.errors import UsageError
from gotd.types import JSON

OBJECTIVES = ("mlm", "clm", "classify")
#: Of general text among the blocks that are read, where there is some and no share of it is given.
REPLAY_SHARE = 0.1


@dataclass(frozen=True)
class Recipe:
    """The values of one pass; all of them end up in the run record.

    epochs, steps : passes over the data, or optimiser steps where `steps` is set
    batch : sequences in an optimiser step, over all processes and accumulated parts
    length : tokens in a block, or the longest text of `classify`
    warmup : share of the steps in which the learning rate grows
    """

    objective: str
    epochs: float = 1.0
    steps: int | None = None
    batch: int = 64
    length: int = 256
    learning_rate: float = 1e-4
    schedule: str = "linear"
    warmup: float = 0.0
    weight_decay: float = 0.01
    adam_beta2: float = 0.999
    clip: float = 1.0
    mlm_probability: float = 0.15

    def steps_of(self, examples: int) -> int:
        """Return the optimiser steps of a run. examples : of an epoch"""
        return self.steps or max(1, round(self.epochs * -(-examples // self.batch)))

    def as_dict(self) -> dict[str, JSON]:
        """For printing and for the record; only what is used."""
        unused = {"steps" if self.steps is None else "epochs"}
        if self.objective != "mlm":
            unused.add("mlm_probability")
        return {name: value for name, value in asdict(self).items() if name not in unused}


#: Source: arXiv 2405.02774, and where the paper is silent its authors' code (REDSgnaoh/DV4LLM). Neither names the
#: schedule, the decay (but for got-d-clm) or the clipping: those are the Trainer's and AdamW's own defaults, and so is
#: the batch of got-d-clm.
RECIPES: Mapping[str, Recipe] = {
    # MLM+GLUE: bert-base-uncased, 15 % masked, one epoch, texts of at most 295 positions.
    "got-d-mlm": Recipe("mlm", batch=8, length=295, learning_rate=1e-6),
    # Domain tasks: 150K samples, length 256.
    "got-d-domain": Recipe("mlm", batch=64, length=256, learning_rate=1e-4),
    # Detoxification: GPT-2, blocks of 1024.
    "got-d-clm": Recipe("clm", epochs=3, batch=8, length=1024, learning_rate=2e-5, weight_decay=0.1, adam_beta2=0.95),
    # The fine-tuning after it on GLUE tasks.
    "got-d-glue": Recipe("classify", epochs=3, batch=16, length=128, learning_rate=2e-5),
}
#: What an objective starts from where no recipe is named.
DEFAULT_RECIPES: Mapping[str, str] = {"mlm": "got-d-domain", "clm": "got-d-clm", "classify": "got-d-glue"}


def chosen_recipe(name: str | None, objective: str | None, changes: Mapping[str, Any]) -> tuple[str, Recipe]:
    """(name, values) of the recipe, with the values that were given instead of its own.

    Raises: UsageError where recipe and objective do not agree, neither is given, or a change would do nothing.
    """
    if name is None and objective is None:
        raise UsageError("give --objective mlm, clm or classify, or a --recipe, which has its own")
    name = name or DEFAULT_RECIPES[str(objective)]
    recipe = RECIPES[name]
    if objective is not None and recipe.objective != objective:
        raise UsageError(f"--recipe {name} is for --objective {recipe.objective}, not {objective}")
    if "mlm_probability" in changes and recipe.objective != "mlm":
        raise UsageError(f"--mlm-probability does nothing for --objective {recipe.objective}")
    recipe = replace(recipe, **changes)
    if recipe.warmup and recipe.schedule == "constant":
        raise UsageError("--warmup does nothing for --schedule constant; use --schedule constant_with_warmup")
    return name, recipe
