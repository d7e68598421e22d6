"""`hash`: words, their stems and pairs of neighbours, projected by hashing. No weights, no download, no state.

Every feature of a text is worth its weight, plus or minus, at one coordinate; both come from the feature's hash, so
that in expectation the inner product of two texts is that of their feature counts (Weinberger et al., Feature hashing
for large scale multitask learning, 2009). Three choices beyond that, each measured by how much of a target's own family
is found: a word's stem counts beside the word; a word weighs as much as it is long, since frequent words are short and
say little about the subject; and of every coordinate's sum the square root is taken, so that the tenth occurrence adds
less than the first.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gotd.embedders.protocol import Counts, Embedded, Embedder, Vectors
from gotd.embedders.words import Int64s, UInt64s, find_words, join
from gotd.errors import UsageError
from gotd.types import JSON

DEFAULT_DIMENSION = 1024
#: Changes whenever the vectors do.
ALGORITHM = "2"
#: Whole numbers, so that sums are exact and do not depend on their order. A stem weighs more than a word: with equal
#: weights a text of one word could cancel itself.
_WORD_WEIGHT, _STEM_WEIGHT, _PAIR_WEIGHT = 4, 8, 1
_MAX_LENGTH_WEIGHT = 8
#: Texts are worked on in blocks of about this many characters, which stay in a processor's cache.
_BLOCK_CHARACTERS = 1 << 17
#: Longer ones in pieces: a word that such a cut divides counts as two. It depends on the text alone, never on its
#: neighbours.
_PIECE_CHARACTERS = 1 << 18
_BLOCK_COORDINATES = 1 << 19
Float32s: TypeAlias = npt.NDArray[np.float32]
#: A hash's top bit is the sign of its weight, and the top bit of a float64 is its sign.
_SIGN = np.uint64(1 << 63)


class HashEmbedder(Embedder):
    """Word 1- and 2-grams and stems, hashed and sign-projected; unit length; the same bytes on any machine.

    dimension : at least 2; collisions fade as it grows
    threads : how many blocks of texts are worked on at once
    half : vectors in float16, rounded by the threads that make them: who writes them is busy enough
    """

    def __init__(self, dimension: int = DEFAULT_DIMENSION, threads: int = 1, half: bool = False) -> None:
        if dimension < 2:
            raise UsageError(f"{dimension} dimensions for hash: it needs at least 2")
        super().__init__()
        self.dimension = dimension
        self.identity: dict[str, JSON] = {
            "name": "hash",
            "revision": ALGORITHM,
            "pooling": "signed square root of sums",
            "max_tokens": None,
            "normalised": True,
            "dimension": dimension,
        }
        self._dtype = np.float16 if half else np.float32
        self._pool = ThreadPoolExecutor(threads, "hash")

    def _begin(self, texts: Sequence[str]) -> Callable[[], Embedded]:
        """Vectors of unit length; zero for a text without a word."""
        vectors: Vectors = np.empty((len(texts), self.dimension), dtype=self._dtype)
        # The results go straight into `vectors`, only counts come back.
        work = [
            self._pool.submit(self._embed_block, texts[begin:end], vectors[begin:end])
            for begin, end in self._blocks(texts)
        ]

        def finish() -> Embedded:
            words = np.concatenate([np.zeros(0, dtype=np.int64), *(block.result() for block in work)])
            empty = int(np.count_nonzero(words == 0))
            return Embedded(vectors, Counts(documents=len(texts), empty=empty, tokens=int(words.sum())))

        return finish

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(cancel_futures=True)

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
        """Vectors of a block into `out`, (n, dimension); words of each text returned, int64 (n,)."""
        sums, words = self._project(next(pieces := _pieces(texts)))
        for piece in pieces:
            more, count = self._project(piece)
            sums += more
            words += count
        # The length of the vector of roots is the root of the sum of magnitudes.
        signed = sums.astype(np.float32)
        magnitudes = np.abs(signed)
        magnitudes /= np.maximum(magnitudes.sum(axis=1, keepdims=True), np.float32(1))
        np.sqrt(magnitudes, out=magnitudes)
        if out.dtype == np.float16:
            round_to_half(magnitudes, signed, out)
        else:
            np.copysign(magnitudes, signed, out=out)
        return words

    def _project(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.float64], Int64s]:
        """Signed sums of the weights at each coordinate, float64 (n, dimension), and words per text, int64 (n,)."""
        words = find_words(texts)
        count = len(words.hashes)
        pairs = max(count - 1, 0)
        cells = np.empty(2 * count + pairs, dtype=np.uint64)
        worth = np.empty(len(cells), dtype=np.float64)
        weights = np.minimum(words.lengths, _MAX_LENGTH_WEIGHT).astype(np.float64)
        rows = words.texts.astype(np.uint64) * np.uint64(self.dimension)
        # Every word but the last with the one after it; pairs across two texts weigh nothing.
        pair_weights = np.minimum(weights[:-1], weights[1:])
        pair_weights[words.texts[:-1] != words.texts[1:]] = 0
        features = (
            (slice(count), words.hashes, rows, _WORD_WEIGHT * weights),
            (slice(count, 2 * count), words.stems, rows, _STEM_WEIGHT * weights),
            (slice(2 * count, None), join(words.hashes[:-1], words.hashes[1:]), rows[:-1], _PAIR_WEIGHT * pair_weights),
        )
        for place, hashes, row, weight in features:
            np.add(_coordinates(hashes, self.dimension), row, out=cells[place])
            np.bitwise_xor(weight.view(np.uint64), hashes & _SIGN, out=worth[place].view(np.uint64))
        shape = (len(texts), self.dimension)
        sums = np.bincount(cells.view(np.int64), weights=worth, minlength=shape[0] * shape[1]).reshape(shape)
        return sums.astype(np.float64, copy=False), np.bincount(words.texts, minlength=len(texts))


def round_to_half(magnitudes: Float32s, signed: Float32s, out: Vectors) -> None:
    """Numbers to the nearest float16, five times faster than numpy: all three arrays of one shape.

    magnitudes : from 0 to 1, spent by this; below 2**-14, where float16 has fewer bits, off by one in the last at most
    signed : whose signs they take
    """
    # Exponents are counted from 127 in float32 and from 15 in float16: with that made good, the upper bits of the one
    # are the other. Ties go to the even number.
    bits = np.multiply(magnitudes, np.float32(2.0**-112), out=magnitudes).view(np.uint32)
    bits += (bits >> np.uint32(13) & np.uint32(1)) + np.uint32(0xFFF)
    bits >>= np.uint32(13)
    bits |= signed.view(np.uint32) >> np.uint32(16) & np.uint32(0x8000)
    out.view(np.uint16)[...] = bits


def _pieces(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """A block as it is, or the pieces of a text that is too long for one."""
    if len(texts) == 1 and len(texts[0]) > _PIECE_CHARACTERS:
        for begin in range(0, len(texts[0]), _PIECE_CHARACTERS):
            yield [texts[0][begin : begin + _PIECE_CHARACTERS]]
    else:
        yield texts


def _coordinates(hashes: UInt64s, dimension: int) -> UInt64s:
    """A coordinate for each hash, uint64 (w,): its low 32 bits scaled down, which is cheaper than a remainder."""
    scaled = hashes & np.uint64(0xFFFFFFFF)
    scaled *= np.uint64(dimension)
    scaled >>= np.uint64(32)
    return scaled
