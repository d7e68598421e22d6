"""Other text counted by the target's n-grams, block by block: the source, a choice, or a random part of a pool."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from gotd.lookup import Int32s, Int64s
from gotd.methods.ngrams import find_words, text_blocks
from gotd.methods.row_sample import row_keys
from gotd.overlap import Overlap
from gotd.probing.model import Counts
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
          histograms: "Sequence[Histogram]" = ()) -> Counted:
    """Counts texts, at most `budget` words of them, the first ones; histograms take in where the words are."""
    counted = reader.nothing()
    for batch in batches:
        if counted.counts.total == budget:
            continue  # read to the end all the same: that is where a cut file is found out
        for block in reader.of([batch]):
            left = None if budget is None else budget - counted.counts.total
            if left == 0:
                break
            counted.add(block if left is None else block.first(left))
            for histogram in histograms:
                histogram.add(block.numbered.lengths)
    return counted


class Histogram:
    """How many words of a pool stand in documents of which keys. Memory: half a megabyte, whatever the pool.

    Document i has the pseudo-random key splitmix64(seed, i); a random choice is the documents with the smallest keys.
    """

    @classmethod
    def several(cls, draws: int, seed: int) -> "list[Histogram]":
        """Return one for each of so many random choices, which have nothing to do with those of another seed."""
        return [cls(int(each)) for each in np.random.SeedSequence(seed).generate_state(draws, np.uint64)]

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


def draw(reader: Reader, batches: Iterable[Sequence[str]], histograms: Sequence[Histogram],
         budgets: Sequence[int]) -> dict[int, list[Drawn]]:
    """Random choices of exactly so many words, one of each histogram for each budget, in a second reading of the pool.

    A smaller choice is a part of a larger one, but for the documents of one bin, which come in the order of the pool.
    """
    wanted = {budget: [_Drawing(reader.nothing(), budget, each) for each in histograms] for budget in budgets}
    every = [drawing for drawings in wanted.values() for drawing in drawings]
    furthest = {each: max((drawing.last for drawing in every if drawing.histogram is each), default=-1)
                for each in histograms}
    start = 0
    for batch in batches:
        found = {each: bins(each.seed, start, len(batch)) for each in histograms}
        near = np.flatnonzero(np.any([found[each] <= last for each, last in furthest.items()], axis=0))
        texts = [batch[i] for i in near.tolist()]
        first = 0
        for block in reader.of([texts]):
            here = near[first : first + len(block.numbered.lengths)]
            first += len(here)
            for drawing in every:
                drawing.add(block, found[drawing.histogram][here], start + here)
        start += len(batch)
    return {budget: [drawing.finished() for drawing in drawings] for budget, drawings in wanted.items()}


class _Drawing:
    """One random choice in the making. last : the bin in which it ends"""

    def __init__(self, nothing: Counted, budget: int, histogram: Histogram) -> None:
        self.histogram, self.last = histogram, histogram.last_bin(budget)
        self._left = budget - int(histogram.words[: self.last].sum())  # of its last bin
        self._counted = nothing
        self._rows: list[Int64s] = []

    def add(self, texts: Block, found: Int64s, rows: Int64s) -> None:
        """Takes what it wants of some texts: all before its last bin, of that one what still fits, the last one cut."""
        whole, last = found < self.last, found == self.last
        if whole.any():
            self._take(texts.only(whole), rows[whole])
        if self._left and last.any():
            part = texts.only(last).first(self._left)
            self._left -= len(part.numbered.words)
            self._take(part, rows[last][: len(part.numbered.lengths)])

    def _take(self, texts: Block, rows: Int64s) -> None:
        if len(texts.numbered.words):
            self._counted.add(texts)
            self._rows.append(rows)

    def finished(self) -> Drawn:
        """The choice."""
        return Drawn(*self._counted, np.sort(np.concatenate([np.zeros(0, np.int64), *self._rows])))
