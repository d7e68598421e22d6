"""What ds-train --dry-run says: the first texts become tokens, and how many steps all of them would make."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from gotd.cli._dry_run import Step, known_rows, report_steps, sizes_of
from gotd.cli._frame import Run
from gotd.cli._pace import Sample
from gotd.cli._train_options import TrainOptions
from gotd.embedders.model_folder import find_folder
from gotd.streams.records import Skipping, windows
from gotd.training.config import Source
from gotd.training.examples import Replay
from gotd.training.models import check_objective, load_config
from gotd.training.prepare import length_of, tokenizer_of
from gotd.training.reading import WINDOW, Content, Reading, documents_of, records_of, uncounted
from gotd.training.recipes import REPLAY_SHARE, Recipe
from gotd.training.tokenizers import ensure_padding, frame_of

#: Texts that a new tokenizer is made of.
_OF_TOKENIZER = 4096


class TrainPlan:
    """A training that is only prepared for, with the first texts. inputs : as of training.config.Request"""

    def __init__(self, asked: TrainOptions, recipe: Recipe, inputs: Mapping[str, list[str]]) -> None:
        self._asked, self._recipe, self._inputs = asked, recipe, inputs
        self._sizes = sizes_of([name for names in inputs.values() for name in names])
        start = find_folder(asked.model) if asked.model is not None else Path(asked.init or "")
        tokenizer = None if asked.tokenizer is None else find_folder(asked.tokenizer)
        source = Source(start, asked.init is not None, tokenizer)
        config = load_config(source.path)
        check_objective(config, recipe.objective, str(source.path))
        texts = (record.value for batch in records_of(inputs["data"], self._reading()) for record in batch)
        self._tokenizer = tokenizer_of(source, config, islice(texts, _OF_TOKENIZER), recipe)
        self._length = length_of(source, config, self._tokenizer, recipe, asked.length is not None)
        self._is_labelled = recipe.objective == "classify"
        if self._is_labelled:
            ensure_padding(self._tokenizer)
        self._row_tokens: dict[str, float] = {}

    def report(self, run: Run) -> str:
        """Return what it would take, but for the training itself."""
        every = [name for names in self._inputs.values() for name in names]
        steps = [Step("read", every, self._read(every))]
        steps += [Step(f"of {what} to tokens", names, self._to_tokens(what, names))
                  for what, names in self._inputs.items()]
        return report_steps(self._asked.output, self._sizes, steps, run, self._lines, " before training")

    def _reading(self) -> Reading:
        asked, skipping = self._asked, Skipping(self._asked.skip_invalid)
        return Reading(asked.text, asked.label_key or "label", skipping, asked.long_window, uncounted)

    def _read(self, names: list[str]) -> Callable[[Sample], None]:
        def work(sample: Sample) -> None:
            content = Content(self._reading(), self._is_labelled)
            for batch in sample.until_enough(records_of(names, self._reading(), content)):
                sample.advance(len(batch))

        return work

    def _to_tokens(self, what: str, names: list[str]) -> Callable[[Sample], None]:
        frame = None if self._is_labelled else frame_of(self._tokenizer, self._recipe.objective)

        def work(sample: Sample) -> None:
            tokens = 0
            for window in sample.until_enough(windows(records_of(names, self._reading()), WINDOW)):
                texts = [record.value for record in window]
                if frame is None:
                    found = self._tokenizer(texts, truncation=True, max_length=self._length)["input_ids"]
                else:
                    found = documents_of(texts, self._tokenizer, frame)
                tokens += sum(map(len, found))
                sample.advance(len(window))
            self._row_tokens[what] = tokens / max(sample.rows, 1)

        return work

    def _blocks(self, what: str) -> int:
        """Return how many examples some records make."""
        rows = known_rows(self._sizes, self._inputs[what])
        if self._is_labelled:
            return rows
        frame = frame_of(self._tokenizer, self._recipe.objective)
        inside = self._length - len(frame.head) - len(frame.tail)
        return -(-round(rows * self._row_tokens[what]) // inside)

    def _lines(self) -> Sequence[str]:
        asked, recipe, rows = self._asked, self._recipe, known_rows(self._sizes, self._inputs["data"])
        blocks, tokens = self._blocks("data"), round(rows * self._row_tokens["data"])
        replayed = 0
        if "replay" in self._inputs:
            share = REPLAY_SHARE if asked.replay_share is None else asked.replay_share
            replayed = Replay.of(share, blocks, self._blocks("replay")).an_epoch
        beside = f" and {replayed:,} of --replay" if replayed else ""
        kind = "texts of at most" if self._is_labelled else "blocks of"
        folders = [asked.output] if asked.seeds == 1 else [
            f"{asked.output.rstrip('/')}/seed-{seed}/" for seed in range(asked.seed, asked.seed + asked.seeds)]
        return [f"tokens   {tokens:,} ({self._row_tokens['data']:,.1f} a text): an epoch is {blocks:,} {kind} "
                f"{self._length} tokens{beside}",
                f"steps    {recipe.steps_of(blocks + replayed):,} of {recipe.batch} sequences, for each of "
                f"{asked.seeds} seeds; what one takes is not measured: no network is loaded",
                f"output   models in {', '.join(folders)}; run.json and metrics.json in {asked.output}"]
