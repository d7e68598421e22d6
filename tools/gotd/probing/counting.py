"""Other text counted by the target's n-grams, block by block: the source, a choice, or a random part of a pool."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from gotd.methods.ngrams import find_words, text_blocks
from gotd.methods.sampling import row_keys
from gotd.probing.lookup import Int32s, Int64s
from gotd.probing.model import Counts
from gotd.probing.overlap import Overlap
from gotd.probing.target import Numbered, Target

#: Documents are drawn by the top bits of their keys: so many bins hold the words of the whole pool.
_BIN_BITS = 16
_BIN_SHIFT = np.uint64(64 - _BIN_BITS)


class Block(NamedTuple):
    """Some texts, numbered, and the target's runs in them.

    runs, texts : int32, int64 (k,), run runs[i] of the target stands in text texts[i]
    """

    numbered: Numbered
    runs: Int32s
    texts: Int64s

    def first(self, words: int) -> "Block":
        """The texts of the first `words` words, all where there are fewer; the last one may be cut."""
        numbered = self.numbered.first(words)
        within = self.texts < len(numbered.lengths)
        return Block(numbered, self.runs[within], self.texts[within])

    def only(self, texts: np.ndarray) -> "Block":
        """Some of the texts. Shapes: bool (n,)."""
        within = texts[self.texts]
        places = np.cumsum(texts) - 1
        return Block(self.numbered.only(texts), self.runs[within], places[self.texts[within]])


class Reader:
    """Numbers texts on several threads, in order."""

    def __init__(self, target: Target, overlap: Overlap, threads: int) -> None:
        self.target, self.overlap = target, overlap
        self._pool = ThreadPoolExecutor(threads, "gotd-texts")

    def of(self, batches: Iterable[Sequence[str]]) -> Iterator[Block]:
        """Blocks of the texts, in their order. Holds one batch."""
        for batch in batches:
            yield from self._pool.map(self._block, list(text_blocks(batch)))

    def _block(self, texts: Sequence[str]) -> Block:
        words = find_words(texts, self.target.classes)
        return Block(self.target.number(words.keys, np.diff(words.offsets)), *self.overlap.seen(words))

    def nothing(self) -> "Counted":
        """No text has been counted."""
        return Counted(Counts(self.target), self.overlap.nothing())


class Counted(NamedTuple):
    """A text's counts and which of the target's runs it holds, bool (runs,)."""

    counts: Counts
    seen: np.ndarray

    def add(self, block: Block) -> None:
        """More texts."""
        self.counts.add(block.numbered)
        self.seen[block.runs] = True


def count(reader: Reader, batches: Iterable[Sequence[str]], budget: int | None = None,
          histogram: "Histogram | None" = None) -> Counted:
    """Counts texts, at most `budget` words of them, the first ones; `histogram` takes in where the words are."""
    counted = reader.nothing()
    for batch in batches:
        if counted.counts.total == budget:
            continue  # read to the end all the same: that is where a cut file is found out
        for block in reader.of([batch]):
            left = None if budget is None else budget - counted.counts.total
            if left == 0:
                break
            counted.add(block if left is None else block.first(left))
            if histogram is not None:
                histogram.add(block.numbered.lengths)
    return counted


class Histogram:
    """How many words of a pool stand in documents of which keys. Memory: half a megabyte, whatever the pool.

    Document i has the pseudo-random key splitmix64(seed, i); a random choice is the documents with the smallest keys.
    """

    def __init__(self, seed: int) -> None:
        self.seed, self.words = seed, np.zeros(1 << _BIN_BITS, dtype=np.int64)
        self._documents = 0

    def add(self, lengths: Int64s) -> None:
        """The next documents. Shapes: int64 (n,), words of each."""
        np.add.at(self.words, bins(self.seed, self._documents, len(lengths)), lengths)
        self._documents += len(lengths)

    def last_bin(self, budget: int) -> int:
        """The bin in which a random choice of so many words ends."""
        return int(np.searchsorted(np.cumsum(self.words), budget))


def bins(seed: int, start: int, documents: int) -> Int64s:
    """The bins of documents start, start + 1, ... Shapes: -> int64 (documents,)."""
    return np.asarray((row_keys(seed, start, documents) >> _BIN_SHIFT).astype(np.int64))


class Drawn(NamedTuple):
    """A random choice: as `Counted`, and the numbers of its documents in the pool, int64 (n,)."""

    counts: Counts
    seen: np.ndarray
    rows: Int64s


def draw(reader: Reader, batches: Iterable[Sequence[str]], histogram: Histogram,
         budgets: Sequence[int]) -> dict[int, Drawn]:
    """A random choice of exactly so many words for each budget, in a second reading of the pool.

    A smaller choice is a part of a larger one, but for the documents of one bin, which come in the order of the pool.
    """
    wanted = {budget: _Drawing(reader.nothing(), budget, histogram.last_bin(budget)) for budget in budgets}
    furthest = max((each.last for each in wanted.values()), default=-1)
    start = 0
    for batch in batches:
        found = bins(histogram.seed, start, len(batch))
        near = np.flatnonzero(found <= furthest)
        texts = [batch[i] for i in near.tolist()]
        first = 0
        for block in reader.of([texts]):
            here = near[first : first + len(block.numbered.lengths)]
            first += len(here)
            for each in wanted.values():
                each.add(block, found[here], start + here, histogram)
        start += len(batch)
    return {budget: each.finished() for budget, each in wanted.items()}


class _Drawing:
    """One random choice in the making."""

    def __init__(self, nothing: Counted, budget: int, last: int) -> None:
        self.budget, self.last, self._counted = budget, last, nothing
        self._rows: list[Int64s] = []
        self._spent = 0

    def add(self, texts: Block, found: Int64s, rows: Int64s, histogram: Histogram) -> None:
        """Takes what it wants of some texts: all before its last bin, of that one what still fits, the last one cut."""
        whole = found < self.last
        self._take(texts.only(whole), rows[whole])
        of_last = texts.only(found == self.last)
        left = self.budget - int(histogram.words[: self.last].sum()) - self._spent
        part = of_last.first(left)
        self._spent += len(part.numbered.words)
        self._take(part, rows[found == self.last][: len(part.numbered.lengths)])

    def _take(self, texts: Block, rows: Int64s) -> None:
        if len(texts.numbered.words):
            self._counted.add(texts)
            self._rows.append(rows)

    def finished(self) -> Drawn:
        """The choice."""
        return Drawn(*self._counted, np.sort(np.concatenate([np.zeros(0, np.int64), *self._rows])))
