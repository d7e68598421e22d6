"""Options of ds-train, and which of them go together."""

from dataclasses import dataclass, replace
from typing import Annotated

import click

from gotd.cli import _options as options
from gotd.cli._environment import is_from_environment, one_of, unless_idle
from gotd.cli._outputs import is_named_as_file
from gotd.errors import UsageError
from gotd.streams.locations import is_url
from gotd.streams.record_text import RecordText
from gotd.training.recipes import OBJECTIVES, RECIPES, REPLAY_SHARE, Recipe, chosen_recipe
from gotd.training.trackers import TRACKERS, require_installed

_SCHEDULES = ["linear", "cosine", "constant", "constant_with_warmup"]
#: numpy's.
_LAST_SEED = 2**32 - 1

SECTIONS = {
    "Options": ["model", "init", "objective", "output", "eval_file"],
    "The recipe": ["recipe", "epochs", "steps", "batch", "length", "learning_rate", "schedule", "warmup",
                   "weight_decay", "mlm_probability"],
    "What is read": ["replay", "replay_share", "eval_general", "tokenizer", "text_key", "text_template",
                     "message_template", "label_key", "skip_invalid", "long_window"],
    "Repeating and stopping": ["seed", "seeds", "dev", "dev_steps", "patience", "save_steps"],
    "Memory and machines": ["lora", "precision", "accumulate", "checkpointing", "fsdp", "device", "threads"],
    "Other options": [],
}


@dataclass(frozen=True)
class TrainOptions:
    """Options of ds-train; what they mean is in its help. None where a recipe, or another option, decides."""

    model: Annotated[str | None, click.option("--model", metavar="NAME|FOLDER", help="Start from these weights.")]
    init: Annotated[str | None, click.option(
        "--init", "init", metavar="CONFIG", help="Start at random: a config.json, or its folder.")]
    tokenizer: Annotated[str | None, click.option(
        "--tokenizer", metavar="FOLDER",
        help="Default: beside the model or CONFIG; else, for --init, a byte-level BPE of the records.")]
    objective: Annotated[str | None, click.option(
        "--objective", type=click.Choice(OBJECTIVES), help="Masked, causal, or labels.")]
    recipe: Annotated[str | None, click.option(
        "--recipe", type=click.Choice(list(RECIPES)),
        help="Named values; default: got-d-domain for mlm, got-d-clm for clm, got-d-glue for classify.")]
    output: Annotated[str, click.option("-o", "--output", required=True, metavar="OUT/", help="The model's folder.")]
    eval_file: Annotated[str | None, click.option(
        "--eval", "eval_file", metavar="FILE", help="Held-out records, measured before and after.")]
    dev: Annotated[str | None, click.option(
        "--dev", metavar="FILE", help="Records for early stopping; the best weights are kept.")]
    dev_steps: Annotated[int | None, click.option(
        "--dev-steps", type=click.IntRange(1), help="Between looks at --dev; default an epoch.")]
    patience: Annotated[int | None, click.option(
        "--patience", type=click.IntRange(1), help="Looks without a gain; default 3.")]
    eval_general: Annotated[str | None, click.option(
        "--eval-general", metavar="FILE", help="Held-out general text, measured as well: what is forgotten.")]
    replay: Annotated[tuple[str, ...], click.option(
        "--replay", multiple=True, metavar="FILE", callback=options.listed,
        help="General text that is mixed into the records, so that less is forgotten; may be given again.")]
    replay_share: Annotated[float | None, click.option(
        "--replay-share", type=options.FiniteRange(0, 1, min_open=True, max_open=True), metavar="SHARE",
        help=f"Of the blocks that are read, those of --replay; default {REPLAY_SHARE:g}.")]
    seed: Annotated[int, click.option(
        "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of order, masks, new weights.")]
    seeds: Annotated[int, click.option(
        "--seeds", type=click.IntRange(1), default=1, show_default=True, metavar="N",
        help="Train N models from --seed on, each in OUT/seed-K/.")]
    epochs: Annotated[float | None, click.option(
        "--epochs", type=options.FiniteRange(0, min_open=True), help="Passes over the records.")]
    steps: Annotated[int | None, click.option(
        "--steps", type=click.IntRange(1), help="Optimiser steps, instead of --epochs.")]
    batch: Annotated[int | None, click.option(
        "--batch", type=click.IntRange(1), help="Sequences in a step, over all processes.")]
    length: Annotated[int | None, click.option(
        "--length", type=click.IntRange(4), help="Tokens in a block, or the longest text.")]
    learning_rate: Annotated[float | None, click.option(
        "--learning-rate", type=options.FiniteRange(0, min_open=True), help="The highest.")]
    schedule: Annotated[str | None, click.option(
        "--schedule", type=click.Choice(_SCHEDULES), help="Of the learning rate.")]
    warmup: Annotated[float | None, click.option(
        "--warmup", type=options.FiniteRange(0, 1), help="Share of steps in which it grows.")]
    weight_decay: Annotated[float | None, click.option("--weight-decay", type=options.FiniteRange(0), help="AdamW's.")]
    mlm_probability: Annotated[float | None, click.option(
        "--mlm-probability", type=options.FiniteRange(0, 1, min_open=True), help="Share masked.")]
    lora: Annotated[int | None, click.option(
        "--lora", type=click.IntRange(1), metavar="RANK", help="Train adapters, merged at the end.")]
    precision: Annotated[str, click.option(
        "--precision", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True,
        help="Of products; weights stay in float32.")]
    accumulate: Annotated[int, click.option(
        "--accumulate", type=click.IntRange(1), default=1, show_default=True, help="Parts a step is taken in.")]
    checkpointing: Annotated[bool, click.option(
        "--checkpointing", is_flag=True, help="Recompute activations: less memory, a third slower.")]
    fsdp: Annotated[bool, click.option("--fsdp", is_flag=True, help="Shard weights over processes; under torchrun.")]
    save_steps: Annotated[int | None, click.option(
        "--save-steps", type=click.IntRange(1), help="Between checkpoints; default 500.")]
    device: Annotated[str, click.option(
        "--device", type=click.Choice(["auto", "cpu"]), default="auto", show_default=True, help="GPUs, or none.")]
    report_to: Annotated[str, click.option(
        "--report-to", type=click.Choice(TRACKERS), default="none", show_default=True,
        help="Show losses there as well, as each is set up by its own variables; nothing is sent unless named.")]
    label_key: Annotated[str | None, click.option("--label-key", help="Field that holds the label; default label.")]
    text: Annotated[RecordText, options.text]
    skip_invalid: Annotated[int, options.skip_invalid]
    long_window: Annotated[bool, options.long]
    threads: Annotated[int | None, options.threads]
    dry_run: Annotated[bool, options.dry_run]

    def chosen_recipe(self) -> tuple[str, Recipe]:
        """Return the name of the recipe, and its values with those that are given in place of its own."""
        names = ("epochs", "steps", "batch", "length", "learning_rate", "schedule", "warmup", "weight_decay",
                 "mlm_probability")
        given = {name: getattr(self, name) for name in names}
        return chosen_recipe(self.recipe, self.objective, {name: value for name, value in given.items()
                                                           if value is not None})


def without_idle_variables(asked: TrainOptions) -> TrainOptions:
    """Return the options without those of the environment that are another command's, or do nothing here."""
    model, init = one_of(model=_trainable(asked.model), init=asked.init)
    epochs, steps = one_of(epochs=asked.epochs, steps=asked.steps)
    if epochs is not None and steps is not None:
        raise UsageError("give --epochs or --steps, not both")
    asked = replace(asked, model=model, init=init, epochs=epochs, steps=steps)
    classifies = asked.chosen_recipe()[1].objective == "classify"
    return replace(
        asked,
        label_key=unless_idle("label_key", asked.label_key, classifies),
        replay=unless_idle("replay", asked.replay, not classifies) or (),
        replay_share=unless_idle("replay_share", asked.replay_share, bool(asked.replay) and not classifies),
        eval_general=unless_idle("eval_general", asked.eval_general, not classifies),
        dev_steps=unless_idle("dev_steps", asked.dev_steps, asked.dev is not None),
        patience=unless_idle("patience", asked.patience, asked.dev is not None),
        save_steps=unless_idle("save_steps", asked.save_steps, asked.dev is None),
    )


def _trainable(model: str | None) -> str | None:
    """The model to start from; none where the environment names ds-embed's own, or several."""
    return None if model and is_from_environment("model") and (model == "hash" or "\n" in model) else model


def refuse_what_cannot_be(asked: TrainOptions, recipe: Recipe) -> None:
    """Error for options that cannot be together, do nothing, or need what is not installed."""
    if asked.label_key is not None and recipe.objective != "classify":
        raise UsageError(f"--label-key does nothing for --objective {recipe.objective}")
    for name, value in (("--replay", asked.replay), ("--eval-general", asked.eval_general)):
        if value and recipe.objective == "classify":
            raise UsageError(f"{name} is text without labels: it does nothing for --objective classify")
    if asked.replay_share is not None and not asked.replay:
        raise UsageError("--replay-share does nothing without --replay")
    if asked.dev is None and (asked.dev_steps or asked.patience):
        raise UsageError("--dev-steps and --patience do nothing without --dev")
    if asked.dev is not None and asked.save_steps:
        raise UsageError("with --dev a checkpoint is saved at each look at it: give --dev-steps, not --save-steps")
    if asked.seed + asked.seeds - 1 > _LAST_SEED:
        raise UsageError(f"--seed {asked.seed}: seeds go up to {_LAST_SEED}")
    if asked.fsdp and asked.lora:
        raise UsageError("--fsdp cannot merge the adapters of --lora: use one of them")
    if is_url(asked.output):
        raise UsageError(f"{asked.output}: a model is written to a folder on disk; copy it when it is done")
    if is_named_as_file(asked.output):
        raise UsageError(f"-o {asked.output}: a model is written to a folder; name one, as OUT/")
    if (asked.model is None) == (asked.init is None):
        raise UsageError("give one of --model, to go on from weights, and --init, to start at random")
    require_installed(asked.report_to)
