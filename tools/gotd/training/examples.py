"""What the Trainer reads: blocks of tokens or labelled texts, general text among them, their order, and batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self, TypeAlias

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from gotd.errors import UsageError
from gotd.training.tokenizers import Frame
from gotd.training.tokens import TokenStore

if TYPE_CHECKING:
    from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast


IGNORED = -100  # torch's own: a label that is not predicted
#: Stands for no example at all: fills the last batches, so that every process takes the same number of steps.
NOTHING = -1
#: The epoch of evaluation: its masks are the same before, after, and for every seed.
_EVALUATION = -1
#: Keeps what is drawn of general text apart from the order of an epoch, which is drawn from (seed, epoch).
_PASSES = 1


class Pick(NamedTuple):
    """What the order asks for: an example, and the epoch, which masks depend on."""

    epoch: int
    place: int


class Example(NamedTuple):
    """tokens : int64 (n,); label : of classify only"""

    pick: Pick
    tokens: np.ndarray
    label: int = IGNORED


#: Makes a batch of examples.
Collator: TypeAlias = Callable[[list[Example]], dict[str, torch.Tensor]]


@dataclass(frozen=True)
class Replay:
    """How many blocks of general text join the training data, so that less of it is forgotten.

    share : of all blocks that an epoch reads, as it was asked for
    blocks : that the general text has. an_epoch : of them that an epoch reads, some more than once if there are fewer
    """

    share: float
    blocks: int
    an_epoch: int

    @classmethod
    def of(cls, share: float, data_blocks: int, blocks: int) -> Self:
        """Return what makes general text the share of an epoch. Raises: UsageError where that is no block at all."""
        an_epoch = round(data_blocks * share / (1.0 - share))
        if not an_epoch:
            raise UsageError(f"--replay-share {share:g}: beside {data_blocks:,} blocks of data that is not one block; "
                             f"give {1.0 / (data_blocks + 1.0):.1g} or more")
        return cls(share, blocks, an_epoch)

    def places(self, seed: int, epoch: int) -> np.ndarray:
        """uint32 (an_epoch,): blocks of an epoch: passes over the general text, each shuffled by (seed, pass) alone."""
        passes, within = np.divmod(np.arange(epoch * self.an_epoch, (epoch + 1) * self.an_epoch), self.blocks)
        found = np.empty(self.an_epoch, np.uint32)
        for each in range(int(passes[0]), int(passes[-1]) + 1):
            order = np.random.default_rng([seed, each, _PASSES]).permutation(self.blocks)
            found[passes == each] = order[within[passes == each]]
        return found


class Blocks(Dataset[Example]):
    """The stream of tokens cut into blocks; the last one may be short. A document may go on in the next block."""

    def __init__(self, store: TokenStore, length: int, frame: Frame) -> None:
        self._store = store
        self._inside = length - len(frame.head) - len(frame.tail)

    def __len__(self) -> int:
        return -(-self._store.meta.tokens // self._inside)

    def __getitem__(self, pick: Pick | int) -> Example:
        pick = pick if isinstance(pick, Pick) else Pick(_EVALUATION, pick)
        start = pick.place * self._inside
        end = start + self._inside if pick.place != NOTHING else start
        return Example(pick, self._store.span(max(0, start), max(0, end)))


class Mixed(Dataset[Example]):
    """The blocks of the training data, and after them all those of general text, of which an epoch reads some.

    Its length is that of an epoch.
    """

    def __init__(self, data: Blocks, general: Blocks, share: float) -> None:
        self._data, self._general, self._first = data, general, len(data)
        self.replay = Replay.of(share, len(data), len(general))

    def __len__(self) -> int:
        return self._first + self.replay.an_epoch

    def __getitem__(self, pick: Pick) -> Example:
        if pick.place < self._first:
            return self._data[pick]
        return self._general[Pick(pick.epoch, pick.place - self._first)]._replace(pick=pick)


class Texts(Dataset[Example]):
    """Labelled texts, each on its own."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store

    def __len__(self) -> int:
        return self._store.meta.documents

    def __getitem__(self, pick: Pick | int) -> Example:
        pick = pick if isinstance(pick, Pick) else Pick(_EVALUATION, pick)
        if pick.place == NOTHING:
            return Example(pick, self._store.document(0))
        return Example(pick, self._store.document(pick.place), self._store.label(pick.place))


class Order(Sampler[Pick]):
    """Every example once an epoch, shuffled by (seed, epoch) alone, filled up with nothing to a multiple of `together`.

    examples : of an epoch, those of `replay` among them: its places come after the others
    Holds 4 bytes an example while an epoch runs. `epoch` is set by whoever runs the epochs.
    """

    def __init__(self, examples: int, together: int, seed: int, replay: Replay | None = None) -> None:
        self.epoch = 0
        self._examples, self._seed, self._replay = examples, seed, replay
        self._length = -(-examples // together) * together

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Pick]:
        epoch = self.epoch
        for index in self._places(epoch):
            yield Pick(epoch, int(index))
        for _ in range(self._length - self._examples):
            yield Pick(epoch, NOTHING)

    def _places(self, epoch: int) -> np.ndarray:
        """uint32 (examples,): the places of an epoch in its order."""
        order = np.arange(self._examples, dtype=np.uint32)
        if self._replay is not None:
            order[self._own :] = self._own + self._replay.places(self._seed, epoch)
        np.random.default_rng([self._seed, epoch]).shuffle(order)
        return order

    @property
    def _own(self) -> int:
        return self._examples - (0 if self._replay is None else self._replay.an_epoch)

    def replayed(self, picks: int) -> int:
        """How many of the first picks, those of nothing among them, are of the general text."""
        if self._replay is None:
            return 0
        epochs, rest = divmod(picks, self._length)
        return epochs * self._replay.an_epoch + int((self._places(epochs)[:rest] >= self._own).sum())


class BlockBatches:
    """Blocks to tensors of one length.

    input_ids, attention_mask, labels : int64 (batch, length); labels are IGNORED where nothing is to be predicted
    masking : a DataCollatorForLanguageModeling whose masks these are, for mlm
    """

    def __init__(self, length: int, frame: Frame, masking: "DataCollatorForLanguageModeling | None", seed: int) -> None:
        self._length, self._frame, self._masking, self._seed = length, frame, masking, seed

    def __call__(self, examples: list[Example]) -> dict[str, torch.Tensor]:
        ids = np.full((len(examples), self._length), self._frame.pad, np.int64)
        special = np.ones(ids.shape, bool)
        seen = np.zeros(ids.shape, np.int64)
        head, tail = self._frame.head, self._frame.tail
        for row, example in enumerate(examples):
            whole = [*head, *example.tokens, *tail]
            ids[row, : len(whole)] = whole
            special[row, len(head) : len(whole) - len(tail)] = False
            seen[row, : len(whole)] = 1
            seen[row, 0] = 1  # a row that attends to nothing would be NaN
        inputs = torch.from_numpy(ids)
        if self._masking is None:
            labels = torch.where(torch.from_numpy(special), IGNORED, inputs)
            labels[:, 0] = IGNORED  # nothing comes before it
        else:
            special |= np.isin(ids, self._frame.after)
            picks = [example.pick for example in examples]
            inputs, labels = self._masked(self._masking, inputs, torch.from_numpy(special), picks)
        return {"input_ids": inputs, "attention_mask": torch.from_numpy(seen), "labels": labels}

    def _masked(self, masking: "DataCollatorForLanguageModeling", inputs: torch.Tensor, special: torch.Tensor,
                picks: list[Pick]) -> tuple[torch.Tensor, torch.Tensor]:
        """Masks of each block that depend on seed, epoch and block alone, whatever stands beside it.

        So a run that stops and goes on, or shares its steps out otherwise, masks as one that does not.
        """
        rows = []
        for row, pick in enumerate(picks):
            seed = 0 if pick.epoch == _EVALUATION else self._seed
            key = np.random.SeedSequence([seed, pick.epoch + 1, pick.place + 1]).generate_state(2)
            masking.generator = torch.Generator().manual_seed(int(key[0]) << 32 | int(key[1]))
            rows.append(masking.torch_mask_tokens(inputs[row : row + 1], special[row : row + 1])[:2])
        masked, labels = zip(*rows, strict=True)
        return torch.cat(masked), torch.cat(labels)


class TextBatches:
    """Texts to tensors as long as the longest of them, in eights up to `length`. labels : int64 (batch,)"""

    def __init__(self, tokenizer: "PreTrainedTokenizerFast", length: int) -> None:
        self._tokenizer, self._length = tokenizer, length

    def __call__(self, examples: list[Example]) -> dict[str, torch.Tensor]:
        longest = max(len(example.tokens) for example in examples)
        padded = self._tokenizer.pad({"input_ids": [example.tokens.tolist() for example in examples]},
                                     padding="max_length", max_length=min(-(-longest // 8) * 8, self._length),
                                     return_tensors="pt")
        labels = torch.tensor([example.label for example in examples])
        return {"input_ids": padded["input_ids"], "attention_mask": padded["attention_mask"], "labels": labels}
