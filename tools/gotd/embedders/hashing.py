"""`hash`: words, their stems and pairs of neighbours, projected by hashing. No weights, no download, no state.

Every feature of a text is worth its weight, plus or minus, at one coordinate; both come from the feature's hash, so
that in expectation the inner product of two texts is that of their feature counts (Weinberger et al., Feature hashing
for large scale multitask learning, 2009). Three choices beyond that, each measured by how much of a target's own family
is found: a word's stem counts beside the word; a word weighs as much as it is long, since frequent words are short and
say little about the subject; and of every coordinate's sum the square root is taken, so that the tenth occurrence adds
less than the first.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from gotd.embedders.protocol import JSON, Counts, Vectors
from gotd.embedders.words import Int64s, UInt64s, find_words, join
from gotd.errors import UsageError

DEFAULT_DIMENSION = 1024
#: Changes whenever the vectors do.
ALGORITHM = "1"
#: Whole numbers, so that sums are exact and do not depend on their order. A stem weighs more than a word: with equal
#: weights a text of one word could cancel itself.
_WORD_WEIGHT, _STEM_WEIGHT, _PAIR_WEIGHT = 4, 8, 1
_MAX_LENGTH_WEIGHT = 8
#: Texts are worked on in blocks of about this many characters, and longer ones in pieces: a word that such a cut
#: divides counts as two. It depends on the text alone, never on its neighbours.
_BLOCK_CHARACTERS = 1 << 18
_BLOCK_COORDINATES = 1 << 19


class HashEmbedder:
    """Word 1- and 2-grams and stems, hashed and sign-projected; unit length; the same bytes on any machine.

    dimension : at least 2; collisions fade as it grows
    threads : how many blocks of texts are worked on at once
    """

    def __init__(self, dimension: int = DEFAULT_DIMENSION, threads: int = 1) -> None:
        if dimension < 2:
            raise UsageError(f"{dimension} dimensions for hash: it needs at least 2")
        self.dimension = dimension
        self.counts = Counts()
        self.identity: dict[str, JSON] = {
            "name": "hash",
            "revision": ALGORITHM,
            "pooling": "signed square root of sums",
            "max_tokens": None,
            "normalised": True,
            "dimension": dimension,
        }
        self._threads = threads

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, dimension) of unit length; zero for a text without a word."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        bounds = list(self._blocks(texts))
        with ThreadPoolExecutor(self._threads) as pool:
            # Bounded: the results go straight into `vectors`, only counts come back.
            words = pool.map(lambda bound: self._embed_block(texts[slice(*bound)], vectors[slice(*bound)]), bounds)
            per_text = np.concatenate([np.zeros(0, dtype=np.int64), *words])
        self.counts.documents += len(texts)
        self.counts.empty += int(np.count_nonzero(per_text == 0))
        self.counts.tokens += int(per_text.sum())
        return vectors

    def _blocks(self, texts: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Consecutive texts, begin and end; a text longer than a block comes alone."""
        most_texts = max(1, _BLOCK_COORDINATES // self.dimension)
        begin = characters = 0
        for position, text in enumerate(texts):
            if position > begin and (characters + len(text) > _BLOCK_CHARACTERS or position - begin == most_texts):
                yield begin, position
                begin, characters = position, 0
            characters += len(text)
        if begin < len(texts):
            yield begin, len(texts)

    def _embed_block(self, texts: Sequence[str], out: Vectors) -> Int64s:
        """Vectors of a block into `out`, float32 (n, dimension); words of each text returned, int64 (n,)."""
        sums = np.zeros((len(texts), self.dimension))
        words = np.zeros(len(texts), dtype=np.int64)
        for part in _parts(texts):
            add, count = self._project(part)
            sums += add
            words += count
        # The length of the vector of roots is the root of the sum of magnitudes.
        totals = np.maximum(np.abs(sums).sum(axis=1, keepdims=True), 1.0)
        np.copysign(np.sqrt(np.abs(sums) / totals), sums, out=out, casting="same_kind")
        return words

    def _project(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.float64], Int64s]:
        """Signed sums of the weights at each coordinate, float64 (n, dimension), and words per text, int64 (n,)."""
        words = find_words(texts)
        weights = np.minimum(words.lengths, _MAX_LENGTH_WEIGHT)
        left = np.flatnonzero(words.texts[1:] == words.texts[:-1])
        pairs = join(words.hashes[left], words.hashes[left + 1])
        pair_weights = np.minimum(weights[left], weights[left + 1])
        hashes = np.concatenate([words.hashes, words.stems, pairs])
        rows = np.concatenate([words.texts, words.texts, words.texts[left]])
        worth = np.concatenate([_WORD_WEIGHT * weights, _STEM_WEIGHT * weights, _PAIR_WEIGHT * pair_weights])
        cells = rows * self.dimension + _coordinates(hashes, self.dimension)
        shape = (len(texts), self.dimension)
        sums = np.bincount(cells, weights=_signed(hashes, worth), minlength=shape[0] * shape[1]).reshape(shape)
        return sums.astype(np.float64, copy=False), np.bincount(words.texts, minlength=len(texts))


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """A block as it is, or the pieces of a text that is too long for one."""
    if len(texts) == 1 and len(texts[0]) > _BLOCK_CHARACTERS:
        for begin in range(0, len(texts[0]), _BLOCK_CHARACTERS):
            yield [texts[0][begin : begin + _BLOCK_CHARACTERS]]
    else:
        yield texts


def _coordinates(hashes: UInt64s, dimension: int) -> Int64s:
    """A coordinate for each hash, int64 (w,): its low 32 bits scaled down, which is cheaper than a remainder."""
    return ((hashes & np.uint64(0xFFFFFFFF)) * np.uint64(dimension) >> np.uint64(32)).astype(np.int64)


def _signed(hashes: UInt64s, weights: Int64s) -> npt.NDArray[np.float64]:
    """Each weight with the sign that the hash's top bit gives it."""
    return np.where(hashes >> np.uint64(63), -weights, weights).astype(np.float64)
