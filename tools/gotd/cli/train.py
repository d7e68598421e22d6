"""ds-train: a model on what was chosen."""

import os
import signal
import warnings

import click

from gotd.cli import _options as options
from gotd.cli._frame import Run, Terminated, entry_point, prepare_process
from gotd.cli._options import SectionedCommand
from gotd.cli._printing import print_text
from gotd.cli._row_counts import expected_rows
from gotd.cli._train_options import SECTIONS, TrainOptions, refuse_what_cannot_be, without_idle_variables
from gotd.errors import GotdError, UsageError
from gotd.streams.locations import STANDARD
from gotd.streams.sources import rereadable

_EXTRA_REMEDY = "pip install 'gotd[train]'"


@click.command("ds-train", cls=SectionedCommand, sections=SECTIONS)
@options.inputs
@options.gathered(TrainOptions)
@options.common
def command(asked: TrainOptions, files: tuple[str, ...], quiet: bool) -> None:
    """Train a model on records: a light pass on what was chosen, then the task itself.

    Reads JSON Lines, CSV, Parquet and more, packed or not. Writes a model's folder, run.json (what it was made from)
    and metrics.json.
    Holds the model and its optimiser, never the records: their tokens go to OUT/work/ and are read by memory map.
    Before that, some 50 bytes a word of --eval, --eval-general and --dev, to count the training texts that share 13
    words with them.
    SIGTERM and SIGUSR1 save a checkpoint and end with 143; the same command goes on from it.

    \b
    Examples:
      ds-train --model base/ --recipe got-d-clm --eval held-out.jsonl selected.jsonl.zst -o better/
      ds-train --dry-run --model base/ --objective clm --eval held-out.jsonl selected.jsonl.zst -o better/
      ds-train --model base/ --objective clm --replay pool/ --replay-share 0.2 selected.jsonl.zst -o mixed/
      ds-train --init config.json --objective clm --seeds 2 target.jsonl -o fresh/
    """
    first = os.environ.get("RANK", "0") == "0"
    run = Run("ds-train", quiet or not first)
    signal.signal(signal.SIGUSR1, signal.getsignal(signal.SIGTERM))
    asked = without_idle_variables(asked)
    name, recipe = asked.chosen_recipe()
    refuse_what_cannot_be(asked, recipe)
    inputs = {"data": list(files) or [STANDARD], "replay": list(asked.replay), "dev": asked.dev,
              "eval": asked.eval_file, "eval-general": asked.eval_general}
    named = {key: [value] if isinstance(value, str) else value for key, value in inputs.items() if value}
    files_of_all = [file for value in named.values() for file in value]
    if files_of_all.count(STANDARD) > 1:
        raise UsageError("standard input can be read once: give `-` at most once")
    _prepare_libraries(options.thread_count(asked.threads))
    try:
        from gotd.cli._train_plan import TrainPlan
        from gotd.cli._training import request_of
        from gotd.training.run import run as train
    except ImportError as error:
        raise GotdError(f"{error}; {_EXTRA_REMEDY}") from error
    if asked.dry_run:
        print_text(TrainPlan(asked, recipe, named).report(run))
        return
    run.expect(lambda: expected_rows(named["data"]))
    # The first process alone reads records: a pipe that several share gives each of them a part.
    with rereadable(files_of_all if first else []) as kept:
        kept_as = dict(zip(files_of_all, kept, strict=False))
        again = {key: [kept_as.get(file, file) for file in value] for key, value in named.items()}
        request = request_of(asked, (name, recipe), again, run, quiet or not first)
        outcome = train(request)
    if outcome.stopped:
        run.say("stopped; the same command goes on from here")
        raise Terminated
    run.notes += request.notes
    run.note(request.reading.skipping.skipped, "bad records skipped")
    run.close()


def _prepare_libraries(threads: int) -> None:
    """Threads for this process among its neighbours, and no chatter of other people's on our stderr."""
    mine = max(1, threads // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    # Threads that wait by spinning are many times slower where others want the cores too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    prepare_process(mine, keeps_memory=False)
    try:
        import torch
        import transformers
    except ImportError as error:
        raise GotdError(f"{error}; {_EXTRA_REMEDY}") from error
    torch.set_num_threads(mine)
    # What one of them says to another's developers (peft 0.21 asks transformers 5.24 by a name of before).
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(accelerate|peft|transformers)\b")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


main = entry_point(command)
