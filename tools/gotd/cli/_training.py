"""What ds-train asks of training: its options as a request."""

import hashlib
from pathlib import Path

from gotd.cli._frame import Run
from gotd.cli._train_options import TrainOptions
from gotd.embedders.model_folder import digest, find_folder
from gotd.errors import GotdError
from gotd.streams.records import Skipping
from gotd.training.config import Machine, Request, Source
from gotd.training.reading import Reading
from gotd.training.recipes import REPLAY_SHARE, Recipe
from gotd.training.run_record import Identity
from gotd.training.tokenizers import tokenizer_files


def request_of(asked: TrainOptions, recipe: tuple[str, Recipe], inputs: dict[str, list[str]], run: Run,
               quiet: bool) -> Request:
    """Return what the options ask for. recipe : its name and values. Raises: GotdError for a model that is not there"""
    start = find_folder(asked.model) if asked.model is not None else Path(asked.init or "")
    tokenizer = None if asked.tokenizer is None else find_folder(asked.tokenizer)
    fresh, lora, seeds = asked.init is not None, asked.lora or 0, list(range(asked.seed, asked.seed + asked.seeds))
    share = REPLAY_SHARE if asked.replay_share is None else asked.replay_share
    machine = Machine(asked.device, asked.precision, asked.accumulate, asked.checkpointing, asked.fsdp,
                      asked.save_steps or 500, asked.dev_steps or 0, asked.patience or 3, asked.report_to)
    reading = Reading(asked.text, asked.label_key or "label", Skipping(asked.skip_invalid), asked.long_window,
                      run.advance)
    identity = Identity(
        model=digest(start) if start.is_dir() else _digest_of_config(start), init=fresh,
        tokenizer=None if tokenizer is None else digest(tokenizer), recipe=recipe[1].as_dict(), lora=lora,
        precision=asked.precision, seeds=seeds, text_key=asked.text.spec, label_key=reading.label_key,
        dev_steps=machine.dev_steps, patience=machine.patience, replay_share=share if asked.replay else None)
    return Request(Path(asked.output), Source(start, fresh, tokenizer), inputs, *recipe, asked.length is not None,
                   machine, lora, seeds, reading, identity, run.say, quiet, share)


def _digest_of_config(path: Path) -> str:
    """Of a configuration's file and of the tokenizer beside it, where there is one."""
    whole = hashlib.sha256()
    try:
        for file in (path, *tokenizer_files(path.parent)):
            whole.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
        return whole.hexdigest()
    except OSError as error:
        raise GotdError(f"{path}: {error.strerror}; --init is a config.json or the folder of one") from error
