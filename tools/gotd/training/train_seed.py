"""One model of a run: train, evaluate before and after, save. All of it goes on from where it was stopped."""

import gc
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gotd.errors import GotdError
from gotd.training.config import Request
from gotd.training.examples import BlockBatches, Collator, TextBatches
from gotd.training.folder import writing
from gotd.training.models import make_model, with_adapters
from gotd.training.prepare import Prepared
from gotd.training.progress import Progress
from gotd.training.run_record import DONE, SeedResult, write_json
from gotd.training.stopping import Stopping, is_last, last_checkpoint
from gotd.training.trackers import end_run, name_run
from gotd.training.trainer import Examples, OrderedTrainer, arguments, hold_at, make_trainer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

#: What metrics are called by the held-out set that they are of.
_JUDGES = {"eval": "", "eval-general": "general_"}


def _collator(request: Request, ready: Prepared, seed: int) -> Collator:
    if ready.frame is None:
        return TextBatches(ready.tokenizer, ready.length)
    masking = None
    if request.recipe.objective == "mlm":
        from transformers import DataCollatorForLanguageModeling

        masking = DataCollatorForLanguageModeling(ready.tokenizer, mlm_probability=request.recipe.mlm_probability)
    return BlockBatches(ready.length, ready.frame, masking, seed)


class _Built(NamedTuple):
    """A Trainer with a model of its own, and what listens to it."""

    trainer: OrderedTrainer
    progress: Progress
    stopping: Stopping


def _built(place: Path, seed: int, request: Request, ready: Prepared) -> _Built:
    """The same model for the same seed, in a Trainer that has done nothing yet."""
    from transformers import set_seed

    set_seed(seed)
    recipe, machine = request.recipe, request.machine
    model = make_model(request.source.path, request.source.fresh, recipe.objective, ready.tokenizer, ready.labels,
                       request.tell)
    if request.lora:
        model = with_adapters(model, request.lora, recipe.objective)
    dev = ready.examples("dev")
    dev_steps = (machine.dev_steps or ready.steps_per_epoch(recipe)) if dev is not None else 0
    made = arguments(place, recipe, machine, seed, ready.total_steps(recipe), dev_steps)
    data = ready.training_examples
    progress, stopping = Progress(request.tell, recipe.batch * ready.tokens_per_example, request.quiet), Stopping()
    read = Examples(data, dev, _collator(request, ready, seed))
    trainer = make_trainer(model, read, made, recipe, machine.patience, (progress, stopping))
    name_run(trainer, machine.report_to, request.output, seed)
    return _Built(trainer, progress, stopping)


def train_one(place: Path, seed: int, request: Request, ready: Prepared) -> bool:
    """Train, evaluate and save one model under `place`; True where a signal stopped it."""
    from transformers import set_seed

    if (place / DONE).is_file():
        return False
    place.mkdir(parents=True, exist_ok=True)
    # With a Trainer of its own: accelerate takes a model that was evaluated for one it has made ready to train, and
    # several processes would then train each for itself, without a word.
    before = _evaluated(place / "before.json", lambda: _built(place, seed, request, ready).trainer, request, ready)
    gc.collect()
    trainer, progress, stopping = _built(place, seed, request, ready)
    checkpoint = last_checkpoint(place)
    if checkpoint is not None:
        step = int(checkpoint.name.rsplit("-", 1)[1])
        request.tell(f"seed {seed}: going on from step {step}")
        if is_last(checkpoint, trainer.args.max_steps, request.machine.patience):
            hold_at(trainer, step, request.recipe.batch)
    set_seed(seed)  # so that training does not depend on what was drawn before it
    with stopping.listening(), writing(place):
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    end_run(request.machine.report_to)
    if stopping.agreed:
        return True
    after = _evaluated(place / "after.json", lambda: trainer, request, ready)
    result = _result(seed, trainer, progress, before, after)
    with writing(place):
        _save(trainer, place / "model", request.lora, ready.tokenizer)
    if trainer.is_world_process_zero():
        result.write(place / DONE)
    trainer.accelerator.wait_for_everyone()
    return False


def _result(seed: int, trainer: OrderedTrainer, progress: Progress, before: dict[str, float] | None,
            after: dict[str, float] | None) -> SeedResult:
    """What one run was, in numbers."""
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    sizes = [(weights.numel(), weights.requires_grad) for weights in trainer.model.parameters()]
    return SeedResult(seed, trainer.state.global_step, losses[-1] if losses else None,
                      round(progress.tokens_per_second()), sum(size for size, _ in sizes),
                      sum(size for size, trained in sizes if trained), before, after)


def _evaluated(file: Path, trainer_of: Callable[[], OrderedTrainer], request: Request,
               ready: Prepared) -> dict[str, float] | None:
    """Metrics on --eval and --eval-general, kept in `file` so that a restart need not compute them again."""
    judges = {prefix: data for name, prefix in _JUDGES.items() if (data := ready.examples(name)) is not None}
    if not judges:
        return None
    if file.is_file():
        return dict(json.loads(file.read_text(encoding="utf-8")))
    trainer = trainer_of()
    metrics: dict[str, float] = {}
    for prefix, data in judges.items():
        batches = trainer.get_eval_dataloader(data)
        found = trainer.evaluation_loop(batches, file.stem, prediction_loss_only=False).metrics
        metrics |= {prefix + name.removeprefix("eval_"): value for name, value in found.items()
                    if "preparation" not in name}
        if not math.isfinite(metrics[f"{prefix}loss"]):
            raise GotdError(f"{file.stem} training: the held-out loss is {metrics[f'{prefix}loss']}; lower "
                            "--learning-rate, or use --precision float32")
    if trainer.is_world_process_zero():
        write_json(file, metrics)
        shown = ", ".join(f"{name} {value:,.4f}" for name, value in metrics.items() if isinstance(value, float))
        request.tell(f"{file.stem} training: {shown}")
    return metrics


def _save(trainer: OrderedTrainer, into: Path, lora: int, tokenizer: "PreTrainedTokenizerFast") -> None:
    """The model as a folder that anything can load; adapters are merged into it."""
    if lora:
        if trainer.is_world_process_zero():
            trainer.accelerator.unwrap_model(trainer.model).merge_and_unload().save_pretrained(into)
    else:
        trainer.save_model(str(into))
    if trainer.is_world_process_zero():
        (into / "training_args.bin").unlink(missing_ok=True)  # a pickle, and all of it is in run.json
        tokenizer.save_pretrained(into)
