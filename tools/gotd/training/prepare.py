"""Before the first step: tokenizer, labels and tokens, into work/, once for all processes, seeds and restarts."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gotd.errors import DataError, GotdError, UsageError
from gotd.pretrained import load_fast_tokenizer
from gotd.streams.records import Skipping
from gotd.streams.sources import shown
from gotd.training.config import Request, Source
from gotd.training.examples import Blocks, Mixed, Texts
from gotd.training.folder import PREPARED
from gotd.training.leaks import Leaks
from gotd.training.models import check_objective, labels_of_head, load_config, longest_input
from gotd.training.reading import Reading, labels_of, records_of, uncounted, write_blocks, write_texts
from gotd.training.recipes import Recipe
from gotd.training.run_record import write_json
from gotd.training.tokenizers import Frame, ensure_padding, frame_of, has_tokenizer, train_tokenizer
from gotd.training.tokens import TokenStore
from gotd.types import JSON

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerFast

#: Of the inputs; the others judge.
TRAINED_ON = ("data", "replay")


class Prepared(NamedTuple):
    """What every process reads from work/.

    length : tokens in a block or the longest text
    seals : of the inputs
    shared, replayed : how many training texts, and texts of --replay, share a run of words with each held-out set
    replay_share : of the blocks of an epoch, where there is a "replay"
    """

    tokenizer: "PreTrainedTokenizerFast"
    labels: list[str]
    length: int
    frame: Frame | None
    seals: list[JSON]
    shared: dict[str, int]
    replayed: dict[str, int]
    stores: dict[str, TokenStore]
    replay_share: float

    def examples(self, name: str) -> Blocks | Texts | None:
        """The data set of a name, as dev or eval; None where it was not given."""
        store = self.stores.get(name)
        return None if store is None else self._examples(store)

    @property
    def training_examples(self) -> Blocks | Texts | Mixed:
        """The data set that is trained on."""
        data, general = self._examples(self.stores["data"]), self.examples("replay")
        if isinstance(data, Blocks) and isinstance(general, Blocks):
            return Mixed(data, general, self.replay_share)
        return data

    def steps_per_epoch(self, recipe: Recipe) -> int:
        """Optimiser steps in which every example comes once."""
        return -(-len(self.training_examples) // recipe.batch)

    def total_steps(self, recipe: Recipe) -> int:
        """Optimiser steps of the whole run."""
        return recipe.steps_of(len(self.training_examples))

    def require_replay(self) -> None:
        """Raise UsageError where --replay-share is less than a block."""
        len(self.training_examples)

    @property
    def tokens_per_example(self) -> float:
        """Tokens of a training example, on average."""
        data = self.training_examples
        tokens = float(self.stores["data"].meta.tokens)
        if isinstance(data, Mixed):
            tokens += self.stores["replay"].meta.tokens * data.replay.an_epoch / data.replay.blocks
        return tokens / len(data)

    def _examples(self, store: TokenStore) -> Blocks | Texts:
        return Texts(store) if self.frame is None else Blocks(store, self.length, self.frame)


def prepare(work: Path, request: Request, digests: dict[str, str]) -> None:
    """Write tokenizer, labels and tokens.

    digests : of the records of each input, as they were read before
    Raises: GotdError and its kin for what cannot be trained on.
    """
    source, inputs, recipe, reading = request.source, request.inputs, request.recipe, request.reading
    config = load_config(source.path)
    check_objective(config, recipe.objective, str(source.path))
    texts = (record.value for batch in records_of(inputs["data"], _again(reading)) for record in batch)
    tokenizer = tokenizer_of(source, config, texts, recipe)
    length = length_of(source, config, tokenizer, recipe, request.length_given)
    labels: list[str] = []
    if recipe.objective == "classify":
        ensure_padding(tokenizer)
        labels = labels_of(inputs["data"], _again(reading))
        of_head = [] if source.fresh else labels_of_head(config)
        labels = of_head if set(labels) <= set(of_head) else labels  # places in a head that has learnt them
    frame = None if labels else frame_of(tokenizer, recipe.objective)
    leaks = Leaks({name: files for name, files in inputs.items() if name not in TRAINED_ON}, _again(reading))
    for name, files in inputs.items():
        own = replace(reading, watch=leaks.watch) if name == "data" else _again(reading)
        own = replace(own, watch=leaks.watch_replay) if name == "replay" else own
        if frame is None:
            store = write_texts(files, work / "tokens" / name, tokenizer, length, labels, own)
        else:
            store = write_blocks(files, work / "tokens" / name, tokenizer, frame, own)
            inside = length - len(frame.head) - len(frame.tail)
            if name == "data" and store.meta.tokens < inside:
                what = f"{store.meta.tokens:,} tokens in {store.meta.documents:,} documents, a block has {inside}"
                raise DataError(shown(files[0]), what, "give more text, or a smaller --length")
        if not store.meta.tokens:
            raise DataError(shown(files[0]), "no text: there is nothing to read", "check what the file holds")
        if store.meta.records != digests[name]:
            raise GotdError(f"{', '.join(map(shown, files))}: changed while being read; run the command again")
    # The length is this run's; whoever loads the tokenizer asks for their own.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(work / "tokenizer")
    seals = list({json.dumps(seal.as_json(), sort_keys=True): seal.as_json() for seal in reading.seals}.values())
    write_json(work / PREPARED, {"labels": labels, "length": length, "names": list(inputs), "seals": seals,
                                 "shared": leaks.shared, "replayed": leaks.replayed})


def prepared(work: Path, objective: str, replay_share: float) -> Prepared:
    """What `prepare` wrote."""
    found = json.loads((work / PREPARED).read_text(encoding="utf-8"))
    tokenizer = load_fast_tokenizer(work / "tokenizer")
    frame = frame_of(tokenizer, objective) if objective != "classify" else None
    stores = {name: TokenStore(work / "tokens" / name) for name in found["names"]}
    return Prepared(tokenizer, found["labels"], found["length"], frame, found["seals"], found.get("shared", {}),
                    found.get("replayed", {}), stores, replay_share)


def _again(reading: Reading) -> Reading:
    """For another pass: bad records may be passed over as often in it, and nothing is counted twice."""
    return replace(reading, skipping=Skipping(reading.skipping.allowed), advance=uncounted, seals=[])


def tokenizer_of(source: Source, config: "PretrainedConfig", texts: Iterable[str], recipe: Recipe
                 ) -> "PreTrainedTokenizerFast":
    """Return the one named, the one beside the model or its configuration, or, for a fresh model, one of the texts."""
    beside = source.path if source.path.is_dir() else source.path.parent
    if source.tokenizer is not None or not source.fresh or has_tokenizer(beside):
        return load_fast_tokenizer(source.tokenizer or beside)
    if recipe.objective == "classify":
        raise GotdError(f"{source.path}: no tokenizer beside it; give --tokenizer FOLDER")
    longest = getattr(config, "max_position_embeddings", None) or recipe.length
    return train_tokenizer(texts, config.vocab_size, recipe.objective == "mlm", longest)


def length_of(source: Source, config: "PretrainedConfig", tokenizer: "PreTrainedTokenizerFast", recipe: Recipe,
              length_given: bool) -> int:
    """Return the tokens of a block. Raises: UsageError where more were asked for than the model reads."""
    longest = longest_input(config, tokenizer, source.fresh)
    if length_given and recipe.length > longest:
        raise UsageError(f"--length {recipe.length}: {source.path} reads at most {longest} tokens")
    return min(recipe.length, longest)
