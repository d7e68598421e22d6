"""Cross-entropy difference: how much likelier a text is, a word, to a model of the target than to one of the source.

    score(text) = (1 / n) sum_i  log p_T(w_i | w_i-1)  -  log p_S(w_i | w_i-1)        nats a word, n words

Both models are interpolated bigrams,

    p(w | v) = (1 - b2) p(w) + b2 c(v w) / c(v .),      p(w) = (1 - b1) / WORD_CELLS + b1 c(w) / N

and a word that begins a text, or follows what the model has not seen, has p(w). Words and pairs (ngrams.py) are counted
in hashed cells, which collide a few times in a hundred words: both models share the cells. The paper trains 4-grams
on the target and on as much of the source; here the source is counted whole, in one reading and in memory that does not
grow with it.

Source: Moore and Lewis, Intelligent selection of language model training data (ACL 2010), section 2; Jelinek and
Mercer, Interpolated estimation of Markov source parameters from sparse data (1980).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from gotd.errors import GotdError
from gotd.methods.base import LOWEST, Arrays, Fitted, Read, SourceCounts, TextProblem, TextRule
from gotd.methods.options import Options
from gotd.methods.schema import ArrayField, Measured, TextSummary

if TYPE_CHECKING:
    import numpy as np

    from gotd.methods.ngrams import Classes, Int64s
    from gotd.methods.processes import Processes

#: Cells that words and pairs are counted in: a million words of text hold some 50,000 and 400,000 different ones.
WORD_CELLS, PAIR_CELLS = 1 << 17, 1 << 20


@dataclass(frozen=True)
class CrossEntropyOptions(Options):
    """There are none."""


@dataclass(frozen=True, kw_only=True)
class CrossEntropySummary(TextSummary):
    """What the fit says of itself."""

    source_rows: Measured = None
    source_words: Measured = None
    target_rows: Measured = None
    target_words: Measured = None


class _Grams(NamedTuple):
    """Words and pairs of n texts. words, pairs : int64 cells; last : which word a pair ends with; counts : of words"""

    words: "Int64s"
    pairs: "Int64s"
    last: "Int64s"
    counts: "Int64s"


def _grams(texts: Sequence[str], classes: "Classes") -> _Grams:
    import numpy as np

    from gotd.methods.ngrams import find_words, joined

    found = find_words(texts, classes)
    counts = np.diff(found.offsets)
    member = np.repeat(np.arange(len(texts)), counts)
    last = np.flatnonzero(member[1:] == member[:-1]) + 1
    pairs = joined(found.keys[last - 1], found.keys[last])
    return _Grams((found.keys % np.uint64(WORD_CELLS)).view(np.int64), (pairs % np.uint64(PAIR_CELLS)).view(np.int64),
                  last, counts)


def _are_shares(array: "np.ndarray") -> bool:
    return bool(((array >= 0.0) & (array <= 1.0)).all())


class CrossEntropies:
    """Scores any texts."""

    def __init__(self, arrays: Arrays, figures: CrossEntropySummary, threads: int) -> None:
        from gotd.methods.ngrams import Classes
        from gotd.methods.processes import Processes

        self._arrays, self._classes = arrays, Classes()
        self._processes = Processes(threads, self._means)

    def scores(self, texts: Sequence[str]) -> "np.ndarray":
        """Shapes: n texts -> float32 (n,)."""
        import numpy as np

        from gotd.content import with_content
        from gotd.methods.ngrams import text_blocks

        means = np.concatenate([np.empty(0), *self._processes.map(list(text_blocks(texts)))])
        return np.where(with_content(texts), means, LOWEST).astype(np.float32)

    def _means(self, texts: Sequence[str]) -> "np.ndarray":
        """Shapes: n texts -> float64 (n,)."""
        import numpy as np

        grams = _grams(texts, self._classes)
        gain = self._logs(grams, 0) - self._logs(grams, 1)
        # bincount adds up in order, one text as if it were alone.
        sums = np.bincount(np.repeat(np.arange(len(texts)), grams.counts), gain, len(texts))
        return np.asarray(sums / np.maximum(grams.counts, 1))

    def _logs(self, grams: _Grams, model: int) -> "np.ndarray":
        """Return log p of every word under one of the models. Shapes: -> float64 (w,)."""
        import numpy as np

        from gotd.methods.ngrams import WEIGHTS

        b1, b2, _ = WEIGHTS
        p = (1.0 - b1) / WORD_CELLS + b1 * self._arrays["words"][model][grams.words].astype(np.float64)
        before = self._arrays["followed"][model][grams.words[grams.last - 1]].astype(np.float64)
        share = self._arrays["pairs"][model][grams.pairs].astype(np.float64)
        seen = before > 0.0
        conditional = np.minimum(np.divide(share, before, out=np.zeros_like(share), where=seen), 1.0)
        p[grams.last] = np.where(seen, (1.0 - b2) * p[grams.last] + b2 * conditional, p[grams.last])
        return np.asarray(np.log(p))


class _Counts:
    """Words, words before another, and pairs, counted in one reading of texts."""

    def __init__(self) -> None:
        import numpy as np

        self.words, self.followed = np.zeros(WORD_CELLS, np.int64), np.zeros(WORD_CELLS, np.int64)
        self.pairs = np.zeros(PAIR_CELLS, np.int64)
        self.texts = self.blank = self.total = 0

    def add(self, grams: _Grams) -> None:
        """Take more texts."""
        import numpy as np

        for counts, cells in ((self.words, grams.words), (self.followed, grams.words[grams.last - 1]),
                              (self.pairs, grams.pairs)):
            np.add.at(counts, cells, 1)
        self.total += len(grams.words)

    def shares(self) -> "dict[str, np.ndarray]":
        """Return all as shares of the words."""
        return {"words": self.words / self.total, "followed": self.followed / self.total,
                "pairs": self.pairs / self.total}


def _counted(what: str, batches: Iterable[Sequence[str]], processes: "Processes[Sequence[str], _Grams]") -> _Counts:
    """Count all texts. Raises: GotdError where there is nothing."""
    from gotd.content import has_content
    from gotd.methods.ngrams import text_blocks

    counts = _Counts()

    def with_words() -> Iterator[list[str]]:
        for batch in batches:
            kept = [text for text in batch if has_content(text)]
            counts.texts += len(kept)
            counts.blank += len(batch) - len(kept)
            yield kept

    for kept in with_words():
        for grams in processes.map(list(text_blocks(kept))):
            counts.add(grams)
    if not counts.total:
        raise GotdError(f"{what}: no words in {counts.texts + counts.blank} texts; check the files and --text-key")
    return counts


class CrossEntropy(TextRule):
    """Shares of words, of words before another, and of pairs: row 0 of the target, row 1 of the source.

    Arrays: words, followed float32 (2, WORD_CELLS), pairs float32 (2, PAIR_CELLS).
    """

    name = "cross-entropy"
    options_type = CrossEntropyOptions
    arrays: ClassVar = {
        "words": ArrayField("<f4", (2, WORD_CELLS), _are_shares),
        "followed": ArrayField("<f4", (2, WORD_CELLS), _are_shares),
        "pairs": ArrayField("<f4", (2, PAIR_CELLS), _are_shares),
    }
    summary_type = CrossEntropySummary
    scorer_type = CrossEntropies

    def fit(self, problem: TextProblem) -> Fitted:
        """Count target and source. Raises: GotdError where one of them has no words."""
        from functools import partial

        import numpy as np

        from gotd.methods.ngrams import Classes
        from gotd.methods.processes import Processes

        processes = Processes(problem.threads, partial(_grams, classes=Classes()))
        target = _counted("the target", problem.target, processes)
        source = _counted("the source", problem.source, processes)
        one, other = target.shares(), source.shares()
        arrays = {name: np.stack([one[name], other[name]]).astype(np.float32) for name in one}
        summary = CrossEntropySummary(
            method=self.name, source_rows=source.texts, source_words=source.total, target_rows=target.texts,
            target_words=target.total, text_key=problem.text_key)
        counts = SourceCounts(source.texts + source.blank, source.blank, source.texts, 0, 0, 0)
        return Fitted(arrays, summary, Read(counts, None, target.blank))
