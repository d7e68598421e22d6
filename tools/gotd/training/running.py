"""A whole run: prepare, then for each seed train, evaluate before and after, save; then the record."""

import contextlib
import gc
import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from gotd.errors import GotdError
from gotd.streams.records import Skipping
from gotd.training.evaluation import summary
from gotd.training.examples import BlockBatches, TextBatches
from gotd.training.folder import OutputFolder, write_json
from gotd.training.models import make_model, with_adapters
from gotd.training.preparing import Prepared, Source, prepare, prepared
from gotd.training.progress import Progress
from gotd.training.reading import Reading, digest_of, uncounted
from gotd.training.recipes import Recipe
from gotd.training.stopping import Stopping, last_checkpoint
from gotd.training.trainer import Machine, arguments, make_trainer, process_state, sequences_at_once

_PACKAGES = ("gotd", "torch", "transformers", "accelerate", "tokenizers", "numpy")


@dataclass
class Request:
    """What the command was asked for.

    inputs : "data", and "dev" and "eval" where given; all can be read again
    identity : what the weights depend on besides the records
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
    identity: dict[str, Any]
    tell: Callable[[str], None]
    quiet: bool
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """stopped : a signal came, and what was done is saved; complete : it had all been done before"""

    stopped: bool = False
    complete: bool = False


def run(request: Request) -> Outcome:
    """Carry the request out, in this process and those beside it."""
    with contextlib.closing(OutputFolder(request.output)) as folder:
        return _run(folder, request, process_state(request.machine))


def _run(folder: OutputFolder, request: Request, state: Any) -> Outcome:
    sequences_at_once(request.recipe, request.machine)
    if state.is_main_process and not _begin(folder, request):
        request.tell(f"{request.output}: complete already")
    state.wait_for_everyone()
    record = folder.record()
    if record is None or record["complete"]:
        return Outcome(complete=True)
    ready = prepared(folder.work, request.recipe.objective)
    if state.is_main_process:
        _say_what(request, ready)
    with folder.cleared_on_failure(GotdError) if state.is_main_process else contextlib.nullcontext():
        for seed in request.seeds:
            if _one_seed(folder.work / f"seed-{seed}", seed, request, ready):
                return Outcome(stopped=True)
    state.wait_for_everyone()
    if state.is_main_process:
        _end(folder, request, ready)
    return Outcome()


def _begin(folder: OutputFolder, request: Request) -> bool:
    """Claim the folder and prepare where that is not done; False where nothing is left to do."""
    plain = Reading(request.reading.text_key, request.reading.label_key, Skipping(request.reading.skipping.allowed),
                    request.reading.long_window, uncounted, spooled=request.reading.spooled)
    identity = request.identity | {name: digest_of(files, plain) for name, files in request.inputs.items()}
    begun = folder.claim(identity)
    if begun is None:
        return False
    if not begun:
        with folder.cleared_on_failure(BaseException):
            prepare(folder.work, request.source, request.inputs, request.recipe, request.length_given, request.reading)
        folder.begin(identity)
    return True


def _say_what(request: Request, ready: Prepared) -> None:
    values = request.recipe.as_dict() | {"length": ready.length}
    shown = ", ".join(f"{key} {value}" for key, value in values.items() if value is not None)
    request.tell(f"recipe {request.recipe_name}: {shown}")
    meta = ready.stores["data"].meta
    request.tell(f"{meta.documents:,} documents, {meta.tokens:,} tokens, {_total_steps(request, ready):,} steps")
    for count, what in ((meta.empty, "empty texts"), (meta.truncated, f"texts cut at {ready.length} tokens")):
        if count:
            request.notes.append(f"{count:,} {what}")


def _total_steps(request: Request, ready: Prepared) -> int:
    per_epoch = _steps_per_epoch(request, ready)
    return request.recipe.steps or max(1, round(request.recipe.epochs * per_epoch))


def _steps_per_epoch(request: Request, ready: Prepared) -> int:
    examples = ready.examples("data")
    return -(-len(examples or ()) // request.recipe.batch)


def _collator(request: Request, ready: Prepared, seed: int) -> Any:
    if ready.frame is None:
        return TextBatches(ready.tokenizer)
    masking = None
    if request.recipe.objective == "mlm":
        from transformers import DataCollatorForLanguageModeling

        masking = DataCollatorForLanguageModeling(ready.tokenizer, mlm_probability=request.recipe.mlm_probability)
    return BlockBatches(ready.length, ready.frame, masking, seed)


class _Built(NamedTuple):
    """A Trainer with a model of its own, and what listens to it."""

    trainer: Any
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
    dev_steps = (machine.dev_steps or _steps_per_epoch(request, ready)) if dev is not None else 0
    made = arguments(place, recipe, machine, seed, _total_steps(request, ready), dev_steps)
    progress, stopping = Progress(request.tell, recipe.batch * ready.length, request.quiet), Stopping()
    trainer = make_trainer(model, ready.examples("data"), dev, _collator(request, ready, seed), made, recipe,
                           machine.patience, progress, stopping)
    return _Built(trainer, progress, stopping)


def _one_seed(place: Path, seed: int, request: Request, ready: Prepared) -> bool:
    """Train, evaluate and save one model under `place`; True where a signal stopped it."""
    from transformers import set_seed

    if (place / "done.json").is_file():
        return False
    place.mkdir(parents=True, exist_ok=True)
    # With a Trainer of its own: accelerate takes a model that was evaluated for one it has made ready to train, and
    # several processes would then train each for itself, without a word.
    before = _evaluated(place / "before.json", lambda: _built(place, seed, request, ready).trainer, request, ready)
    gc.collect()
    trainer, progress, stopping = _built(place, seed, request, ready)
    checkpoint = last_checkpoint(place)
    if checkpoint is not None:
        request.tell(f"seed {seed}: going on from step {checkpoint.name.rsplit('-', 1)[1]}")
    set_seed(seed)  # so that training does not depend on what was drawn before it
    with stopping.listening():
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    if stopping.agreed:
        return True
    after = _evaluated(place / "after.json", lambda: trainer, request, ready)
    done = {"seed": seed, **_figures(trainer, progress), "before": before, "after": after}
    _save(trainer, place / "model", request.lora, ready.tokenizer)
    if trainer.is_world_process_zero():
        write_json(place / "done.json", done)
    trainer.accelerator.wait_for_everyone()
    return False


def _figures(trainer: Any, progress: Progress) -> dict[str, Any]:
    """What one run was, in numbers."""
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    sizes = [(weights.numel(), weights.requires_grad) for weights in trainer.model.parameters()]
    return {"steps": trainer.state.global_step, "last_training_loss": losses[-1] if losses else None,
            "tokens_per_second": round(progress.tokens_per_second()), "parameters": sum(size for size, _ in sizes),
            "trained_parameters": sum(size for size, trained in sizes if trained)}


def _evaluated(file: Path, trainer_of: Callable[[], Any], request: Request,
               ready: Prepared) -> dict[str, float] | None:
    """Metrics on --eval, kept in `file` so that a restart need not compute them again."""
    data = ready.examples("eval")
    if data is None:
        return None
    if file.is_file():
        return dict(json.loads(file.read_text()))
    trainer = trainer_of()
    found = trainer.evaluation_loop(trainer.get_eval_dataloader(data), file.stem, prediction_loss_only=False).metrics
    metrics = {name.removeprefix("eval_"): value for name, value in found.items() if "preparation" not in name}
    if trainer.is_world_process_zero():
        write_json(file, metrics)
        shown = ", ".join(f"{name} {value:,.4f}" for name, value in metrics.items() if isinstance(value, float))
        request.tell(f"{file.stem} training: {shown}")
    return metrics


def _save(trainer: Any, into: Path, lora: int, tokenizer: Any) -> None:
    """The model as a folder that anything can load; adapters are merged into it."""
    if lora:
        if trainer.is_world_process_zero():
            trainer.accelerator.unwrap_model(trainer.model).merge_and_unload().save_pretrained(into)
    else:
        trainer.save_model(str(into))
    if trainer.is_world_process_zero():
        (into / "training_args.bin").unlink(missing_ok=True)  # a pickle, and all of it is in run.json
        tokenizer.save_pretrained(into)


def _end(folder: OutputFolder, request: Request, ready: Prepared) -> None:
    """Models into their places, metrics.json, run.json."""
    places = {seed: folder.work / f"seed-{seed}" for seed in request.seeds}
    runs = [json.loads((place / "done.json").read_text()) for place in places.values()]
    for seed, place in places.items():
        folder.move_in(place / "model", folder.path / f"seed-{seed}" if len(places) > 1 else folder.path)
    evaluated = {when: summary([run[when] for run in runs]) for when in ("before", "after")} if runs[0]["after"] else {}
    metrics = {"objective": request.recipe.objective, "seeds": request.seeds, "eval": evaluated, "runs": runs}
    record = {
        "complete": True,
        "identity": (folder.record() or {})["identity"],
        "recipe": {"name": request.recipe_name, **request.recipe.as_dict(), "length": ready.length},
        "machine": asdict(request.machine) | {"processes": process_state(request.machine).num_processes},
        "data": {name: asdict(store.meta) for name, store in ready.stores.items()} | {"seals": ready.seals},
        "labels": ready.labels,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "metrics": metrics,
    }
    folder.finish(record, metrics)
