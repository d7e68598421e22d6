"""The Hugging Face Trainer, told our order, our loss and our checkpoints; accelerate does the rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch.utils.data import Dataset, Sampler
from transformers import Trainer, TrainerCallback, TrainerState, TrainingArguments

from gotd.errors import UsageError
from gotd.training.config import Machine
from gotd.training.evaluation import LabelMetrics, TokenLoss, TokenMetrics
from gotd.training.examples import IGNORED, Blocks, Collator, Example, Mixed, Order, Pick, Texts
from gotd.training.progress import Progress
from gotd.training.recipes import Recipe
from gotd.training.stopping import Stopping

if TYPE_CHECKING:
    from accelerate import PartialState
    from transformers import PreTrainedModel
    from transformers.utils import ModelOutput

    Outputs: TypeAlias = tuple[torch.Tensor, ...] | ModelOutput

#: Seconds that other processes wait for the first one to write the tokens.
WAIT_SECONDS = 6 * 3600
#: Of whole checkpoints; the one before the newest survives a kill while that is written.
_CHECKPOINTS_KEPT = 2


class PredictedPositions:
    """Stands between a masked model's body and its head, and passes on the positions that have a label.

    A head multiplies each position by the whole vocabulary, which for a small model is most of the work and of the
    memory, and only what is masked (15 %) is predicted. What the loss is made of is the same.

    labels : int64 (batch, length) of the batch that comes next; None passes everything on
    """

    def __init__(self, model: "PreTrainedModel") -> None:
        self.labels: torch.Tensor | None = None
        whole = model.get_base_model() if hasattr(model, "get_base_model") else model  # without adapters' wrapping
        body = whole.base_model
        if body is not whole:  # else the model has no part that its head comes after
            body.register_forward_hook(self._pass_on)

    def _pass_on(self, _body: torch.nn.Module, _inputs: object, output: "Outputs") -> "Outputs":
        """Hidden states (batch, length, width) -> (1, predicted, width); as they are where a body shortened them."""
        hidden = output[0]
        if self.labels is None or hidden.shape[:2] != self.labels.shape:
            return output
        picked = hidden[self.labels != IGNORED][None]
        if isinstance(output, tuple):
            return (picked, *output[1:])
        output[next(iter(output))] = picked
        return output


class OrderedTrainer(Trainer):  # type: ignore[misc] # transformers has no types we follow
    """The Trainer with our order of examples; of a masked model, the head is asked for what is predicted alone."""

    order: Order | None = None
    predicted: PredictedPositions | None = None

    def compute_loss(self, model: torch.nn.Module, inputs: dict[str, torch.Tensor], *args: object,
                     **options: object) -> torch.Tensor:
        """As the Trainer does, in training and in evaluation."""
        if self.predicted is not None:
            self.predicted.labels = inputs["labels"]
        return super().compute_loss(model, inputs, *args, **options)  # type: ignore[no-any-return]

    def _get_train_sampler(self, _data: Dataset[Example] | None = None) -> Sampler[Pick] | None:
        return self.order


def hold_at(trainer: OrderedTrainer, step: int, batch: int) -> None:
    """Let `train` load the checkpoint of a step, or the best before it, and take no step more.

    In the middle of an epoch the Trainer takes a step before it asks whether any is left: an epoch becomes a step.
    """
    trainer.args.max_steps = step
    trainer.order = Order(batch, together=batch, seed=0)


def order_of(data: Blocks | Texts | Mixed, recipe: Recipe, seed: int) -> Order:
    """The order in which a seed's run reads the training data."""
    return Order(len(data), together=recipe.batch, seed=seed, replay=data.replay if isinstance(data, Mixed) else None)


class _Epochs(TrainerCallback):  # type: ignore[misc]
    """Tells the order its epoch, after a restart too."""

    def __init__(self, order: Order, steps_per_epoch: int) -> None:
        self._order, self._steps = order, steps_per_epoch

    def on_epoch_begin(self, _args: TrainingArguments, state: TrainerState, *_: object, **__: object) -> None:
        self._order.epoch = state.global_step // self._steps


def arguments(folder: Path, recipe: Recipe, machine: Machine, seed: int, steps: int,
              dev_steps: int) -> TrainingArguments:
    """Our values in the Trainer's words.

    steps : of the whole run; dev_steps : between evaluations, 0 without --dev
    """
    at_once = sequences_at_once(recipe, machine)
    score = "macro_f1" if recipe.objective == "classify" else "loss"
    made = TrainingArguments(
        output_dir=str(folder), use_cpu=machine.on_cpu, seed=seed, data_seed=seed, max_steps=steps,
        per_device_train_batch_size=at_once, gradient_accumulation_steps=machine.accumulate,
        per_device_eval_batch_size=at_once, learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule, warmup_steps=round(recipe.warmup * steps), weight_decay=recipe.weight_decay,
        adam_beta2=recipe.adam_beta2, max_grad_norm=recipe.clip, optim="adamw_torch",
        bf16=machine.precision == "bfloat16", **_recomputing(machine.checkpointing),
        fsdp="full_shard auto_wrap" if machine.fsdp else "", save_strategy="steps",
        save_steps=dev_steps or machine.save_steps, save_total_limit=_CHECKPOINTS_KEPT,
        eval_strategy="steps" if dev_steps else "no", eval_steps=dev_steps or None,
        load_best_model_at_end=bool(dev_steps), metric_for_best_model=f"eval_{score}" if dev_steps else None,
        greater_is_better=(score != "loss") if dev_steps else None,
        restore_callback_states_from_checkpoint=bool(dev_steps),
        logging_steps=max(1, min(10, steps // 20)), logging_nan_inf_filter=False, disable_tqdm=True,
        report_to=machine.report_to,
        batch_eval_metrics=True, remove_unused_columns=False, dataloader_pin_memory=torch.cuda.is_available(),
        ddp_timeout=WAIT_SECONDS, label_names=["labels"], ddp_find_unused_parameters=False,
    )
    made._n_gpu = min(made.n_gpu, 1)  # one process drives one GPU; several are torchrun's
    return made


def _recomputing(wanted: bool) -> dict[str, object]:
    """Nothing where it is not wanted: transformers 5.24 renamed the option and warns of the name before."""
    if not wanted:
        return {}
    known = TrainingArguments.__dataclass_fields__
    name = next(name for name in ("activation_checkpointing", "gradient_checkpointing") if name in known)
    return {name: True, f"{name}_kwargs": {"use_reentrant": False}}


def sequences_at_once(recipe: Recipe, machine: Machine) -> int:
    """What one process takes at a time of an optimiser step's batch; UsageError where it cannot be shared out."""
    if machine.fsdp and machine.on_cpu:
        raise UsageError("--fsdp shards weights over GPUs, and there are none: leave it out")
    parts = int(process_state(machine).num_processes) * machine.accumulate
    if recipe.batch % parts:
        raise UsageError(f"--batch {recipe.batch} cannot be shared out over {parts} (processes x --accumulate)")
    return recipe.batch // parts


def process_state(machine: Machine) -> "PartialState":
    """Accelerate's view of this process among the others; they meet at the first call."""
    from datetime import timedelta

    from accelerate import PartialState

    return PartialState(cpu=machine.on_cpu, timeout=timedelta(seconds=WAIT_SECONDS))


@dataclass(frozen=True)
class Examples:
    """What a Trainer reads. dev : what it stops by, where that is given; collate : makes batches"""

    data: Blocks | Texts | Mixed
    dev: Blocks | Texts | None
    collate: Collator


def make_trainer(model: "PreTrainedModel", read: Examples, made: TrainingArguments, recipe: Recipe, patience: int,
                 listeners: tuple[Progress, Stopping]) -> OrderedTrainer:
    """A Trainer that is ready to train, and to evaluate."""
    from transformers import EarlyStoppingCallback
    from transformers.trainer_callback import PrinterCallback

    progress, stopping = listeners
    examples = len(read.data)
    steps_per_epoch = -(-examples // recipe.batch)
    loss = TokenLoss(recipe.objective == "clm")
    order = order_of(read.data, recipe, made.seed)
    labelled = recipe.objective == "classify"
    trainer = OrderedTrainer(
        model=model, args=made, data_collator=read.collate, train_dataset=read.data, eval_dataset=read.dev,
        compute_loss_func=loss,
        compute_metrics=LabelMetrics() if labelled else TokenMetrics(),
        preprocess_logits_for_metrics=None if labelled else loss.by_row,
        # Progress before Stopping: a checkpoint of weights that are no numbers is not to be gone on from.
        callbacks=[progress, stopping, _Epochs(order, steps_per_epoch),
                   *([EarlyStoppingCallback(patience)] if read.dev is not None else [])],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.order = order
    trainer.predicted = PredictedPositions(model) if recipe.objective == "mlm" else None
    stopping.accelerator = trainer.accelerator
    return trainer
