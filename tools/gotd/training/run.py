"""A whole run: prepare, then for each seed train, evaluate before and after, save; then the record."""

import contextlib
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from gotd import __version__
from gotd.errors import GotdError
from gotd.streams.records import Skipping
from gotd.training.config import Request
from gotd.training.evaluation import spreads
from gotd.training.examples import Mixed
from gotd.training.folder import OutputFolder
from gotd.training.leaks import warnings
from gotd.training.prepare import Prepared, prepare, prepared
from gotd.training.reading import Reading, digest_of, uncounted
from gotd.training.run_record import DONE, Metrics, RunRecord, SeedResult
from gotd.training.train_seed import train_one
from gotd.training.trainer import order_of, process_state, sequences_at_once
from gotd.types import JSON

if TYPE_CHECKING:
    from accelerate import PartialState

_PACKAGES = ("torch", "transformers", "accelerate", "tokenizers", "numpy")


@dataclass(frozen=True)
class Outcome:
    """stopped : a signal came, and what was done is saved; complete : it had all been done before"""

    stopped: bool = False
    complete: bool = False


def run(request: Request) -> Outcome:
    """Carry the request out, in this process and those beside it."""
    with contextlib.closing(OutputFolder(request.output)) as folder:
        return _run(folder, request, process_state(request.machine))


def _run(folder: OutputFolder, request: Request, state: "PartialState") -> Outcome:
    sequences_at_once(request.recipe, request.machine)
    if state.is_main_process and not _begin(folder, request):
        request.tell(f"{request.output}: complete already")
    state.wait_for_everyone()
    record = folder.record()
    if record is None or record.complete:
        return Outcome(complete=True)
    ready = prepared(folder.work, request.recipe.objective, request.replay_share)
    if state.is_main_process:
        _say_what(request, ready)
    with folder.cleared_on_failure(GotdError) if state.is_main_process else contextlib.nullcontext():
        for seed in request.seeds:
            if train_one(folder.work / f"seed-{seed}", seed, request, ready):
                return Outcome(stopped=True)
    state.wait_for_everyone()
    if state.is_main_process:
        _end(folder, request, ready)
    return Outcome()


def _begin(folder: OutputFolder, request: Request) -> bool:
    """Claim the folder and prepare where that is not done; False where nothing is left to do."""
    plain = Reading(request.reading.text, request.reading.label_key, Skipping(request.reading.skipping.allowed),
                    request.reading.long_window, uncounted)
    labelled = request.recipe.objective == "classify"
    digests = {name: digest_of(files, plain, labelled) for name, files in request.inputs.items()}
    identity = request.identity.with_records(digests).as_json()
    begun = folder.claim(identity)
    if begun is None:
        return False
    if not begun:
        with folder.cleared_on_failure(BaseException):
            prepare(folder.work, request, digests)
            prepared(folder.work, request.recipe.objective, request.replay_share).require_replay()
        folder.begin(identity)
    return True


def _say_what(request: Request, ready: Prepared) -> None:
    values = request.recipe.as_dict() | {"length": ready.length}
    shown = ", ".join(f"{key} {value}" for key, value in values.items())
    request.tell(f"recipe {request.recipe_name}: {shown}")
    meta = ready.stores["data"].meta
    request.tell(f"{meta.documents:,} documents, {meta.tokens:,} tokens, {ready.total_steps(request.recipe):,} steps")
    told = warnings(ready.shared, meta.documents)
    mixed = ready.training_examples
    if isinstance(mixed, Mixed):
        replay, general = mixed.replay, ready.stores["replay"].meta
        request.tell(f"replay: {replay.an_epoch:,} of the {len(mixed):,} blocks of an epoch, out of {replay.blocks:,} "
                     f"blocks in {general.documents:,} documents")
        told += warnings(ready.replayed, general.documents, "texts of --replay")
        request.notes += [f"{general.empty:,} empty texts in --replay"] if general.empty else []
    for warning in told:
        request.tell(warning)
    for count, what in ((meta.empty, "empty texts"), (meta.truncated, f"texts cut at {ready.length} tokens")):
        if count:
            request.notes.append(f"{count:,} {what}")


def _end(folder: OutputFolder, request: Request, ready: Prepared) -> None:
    """Models into their places, metrics.json, run.json."""
    places = {seed: folder.work / f"seed-{seed}" for seed in request.seeds}
    runs = [SeedResult.read(place / DONE) for place in places.values()]
    for seed, place in places.items():
        folder.move_in(place / "model", folder.path / f"seed-{seed}" if len(places) > 1 else folder.path)
    evaluated = {"before": spreads([run.before or {} for run in runs]),
                 "after": spreads([run.after or {} for run in runs])} if runs[0].after else {}
    metrics = Metrics(request.recipe.objective, request.seeds, evaluated, runs)
    begun = folder.record()
    record = RunRecord(
        complete=True,
        identity=begun.identity if begun else {},
        recipe={"name": request.recipe_name, **request.recipe.as_dict(), "length": ready.length},
        machine=asdict(request.machine) | {"processes": process_state(request.machine).num_processes},
        data={name: asdict(store.meta) for name, store in ready.stores.items()}
        | {"seals": ready.seals, "shared_with": ready.shared} | _mix(request, ready, runs),
        labels=ready.labels,
        versions={"python": platform.python_version(), "gotd": __version__}
        | {name: version(name) for name in _PACKAGES},
        metrics=metrics.as_json(),
    )
    folder.finish(record, metrics)


def _mix(request: Request, ready: Prepared, runs: list[SeedResult]) -> dict[str, JSON]:
    """What the record says of --replay; in the closing line, too."""
    mixed, batch = ready.training_examples, request.recipe.batch
    if not isinstance(mixed, Mixed):
        return {}
    replay = mixed.replay
    read = {str(run.seed): order_of(mixed, request.recipe, run.seed).replayed(run.steps * batch) for run in runs}
    every = sum(run.steps * batch for run in runs)
    request.notes.append(f"{sum(read.values()):,} of {every:,} blocks from --replay")
    return {"mix": {**asdict(replay), "data_blocks": len(mixed) - replay.an_epoch, "read": read,
                    "shared_with": ready.replayed}}
