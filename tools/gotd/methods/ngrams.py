r"""Words and pairs of neighbouring words of many texts at once, as the buckets that DSIR hashes them to.

A word is a match of `\w+|[^\w\s]+` in the text in lower case; a pair is two words with a space between. The bucket of
either is the SHA-256 of its UTF-8, as a number, modulo 10,000. That is what the package `data-selection` 1.0.3 computes
one word at a time. `\w` is that of Unicode's UTS #18 (without circled letters): letters, their combining marks, digits
and joining signs, as nltk takes it, which splits for the package, from version 3.10 on. (Python's own `re` has no marks
in it, and cuts each word of Hindi or Tamil at its vowels.)

Where a script puts no space between words (UNSPACED) every letter is a word, with its marks: a match would be a clause,
and no two texts have the same clauses. The package takes the clause.

Here the words of a block are found by numpy calls on its bytes; buckets.py has what SHA-256 makes of them.

Source: Xie et al., Data Selection for Language Models via Importance Resampling, arXiv 2302.03169; data-selection 1.0.3
(PyPI), hashed_ngram_dsir.py.
"""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from gotd.methods.row_sample import mix

Int64s: TypeAlias = npt.NDArray[np.int64]
UInt64s: TypeAlias = npt.NDArray[np.uint64]
_Bytes: TypeAlias = npt.NDArray[np.uint8]

#: What a character can be; _ALONE, _MARK: a letter of an unspaced script, and what is written on one.
_SPACE, _WORD, _OTHER, _ALONE, _MARK, _UNKNOWN = 0, 1, 2, 3, 5, 255
_JOINERS = ("\u200c", "\u200d")
#: Code points, first and last, of scripts that put no space between words (Unicode blocks; UAX #14's classes ID, CJ
#: and SA). Hangul does.
UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x302D),  # iteration marks, numerals, tones
    (0x3031, 0x312F),  # kana, Bopomofo
    (0x3190, 0x31FF),  # annotations, Bopomofo, strokes, kana
    (0x3400, 0x4DBF),  # ideographs
    (0x4E00, 0xA4CF),  # ideographs, Yi
    (0xA980, 0xA9FF),  # Javanese, Myanmar
    (0xAA60, 0xAADF),  # Myanmar, Tai Viet
    (0xF900, 0xFAFF),  # compatibility ideographs
    (0xFF66, 0xFF9F),  # half-width kana
    (0x1AFF0, 0x1B16F),  # kana
    (0x20000, 0x3FFFF),  # ideographs
)
#: A word's key is taken eight bytes at a step; that of a longer one than this from its SHA-256.
_STRIDE, _MAX_KEY_BYTES = 8, 64
_LOW_BYTES = np.array([(1 << (8 * count)) - 1 for count in range(_STRIDE + 1)], dtype=np.uint64)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
#: `Words.rows` are so many bytes: nearly every pair is shorter.
ROW_BYTES = 24

#: What words, pairs and triples count for in an interpolated model of them: as expectation-maximisation finds it for
#: held-out text of real tasks, rounded.
WEIGHTS = (0.93, 0.5, 0.25)

#: Characters worked on at a time.
_BLOCK_CHARACTERS = 1 << 17


class Words(NamedTuple):
    """The words of n texts, in order.

    data    : the texts in lower case, with something between them, UTF-8.
    starts, ends : int64 (w,), offsets into data.
    keys    : uint64 (w,), equal for equal words, and practically only then.
    offsets : int64 (n + 1,); the words of text i are offsets[i] .. offsets[i + 1] - 1.
    """

    data: bytes
    starts: Int64s
    ends: Int64s
    keys: UInt64s
    offsets: Int64s

    @property
    def rows(self) -> np.ndarray:
        """The ROW_BYTES bytes from every offset into data on, ends[-1] too, without a copy. Shapes: -> V24 (m,)."""
        return _windows(self.data, f"V{ROW_BYTES}")


class Classes:
    """What a character is: space, part of a word, or other; asked of Python once for each code point that occurs."""

    def __init__(self) -> None:
        self._ascii = bytes(_class_of(code) if code < 0x80 else _SPACE for code in range(256))
        self._known = np.full(0x110000, _UNKNOWN, dtype=np.uint8)

    def of(self, data: bytes) -> _Bytes:
        """The class of every byte: all bytes of a character have the same, and a word is a run of bytes of one class.

        Shapes: -> uint8 (len(data),).
        """
        classes = np.frombuffer(bytearray(data.translate(self._ascii)), dtype=np.uint8)
        if not data.isascii():
            self._add_others(np.frombuffer(data, dtype=np.uint8), classes)
        return classes

    def _add_others(self, raw: _Bytes, classes: _Bytes) -> None:
        """Writes the classes of the characters beyond ASCII."""
        leads = np.flatnonzero(raw >= 0xC2)
        first = raw[leads]
        sizes = 2 + (first >= 0xE0).astype(np.int64) + (first >= 0xF0)
        points = first.astype(np.int64) & (0x7F >> sizes)
        for offset in range(1, 4):
            inside = sizes > offset
            points[inside] = (points[inside] << 6) | (raw[leads[inside] + offset] & 0x3F)
        found = self._known[points]
        if (found == _UNKNOWN).any():
            for code in np.unique(points[found == _UNKNOWN]).tolist():
                self._known[code] = _class_of(code)
            found = self._known[points]
        if (alone := found == _ALONE).any():
            # One class for each letter and its marks, another for the next.
            turns = _ALONE + (np.cumsum(alone) % 2).astype(np.uint8)
            found = np.where(alone | (found == _MARK), turns, found)
        classes[leads] = found
        for offset in range(1, 4):
            inside = sizes > offset
            classes[leads[inside] + offset] = found[inside]


def text_blocks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in order, some hundred thousand characters at a time."""
    begin = characters = 0
    for position, text in enumerate(texts):
        characters += len(text)
        if characters >= _BLOCK_CHARACTERS:
            yield texts[begin : position + 1]
            begin, characters = position + 1, 0
    if begin < len(texts):
        yield texts[begin:]


def _class_of(code: int) -> int:
    character = chr(code)
    if character.isspace():
        return _SPACE
    category = unicodedata.category(character)
    if category[0] not in "LM" and category not in ("Nd", "Nl", "Pc") and character not in _JOINERS:
        return _OTHER
    if any(first <= code <= last for first, last in UNSPACED):
        return _MARK if category[0] == "M" else _ALONE
    return _WORD


def find_words(texts: Sequence[str], classes: Classes) -> Words:
    """All words of all texts. Memory: some twenty times the bytes of the texts."""
    encoded = [text.lower().encode() for text in texts]
    # The spaces at the end let a row be read at every word.
    data = b" " + b" ".join(encoded) + b" " * ROW_BYTES
    kinds = classes.of(data)
    edges = np.flatnonzero(kinds[1:] != kinds[:-1]) + 1
    words = np.flatnonzero(kinds[edges[:-1]] != _SPACE)
    starts, ends = edges[words], edges[words + 1]
    text_starts = np.cumsum([1] + [len(text) + 1 for text in encoded])
    return Words(data, starts, ends, _keys(data, starts, ends), np.searchsorted(starts, text_starts))


def word_counts(texts: Sequence[str]) -> np.ndarray:
    """Return how many words each text has. Shapes: -> float64 (n,)."""
    classes = Classes()
    counts = [np.diff(find_words(block, classes).offsets) for block in text_blocks(texts)]
    return np.concatenate([np.empty(0), *counts])


def _windows(data: bytes, kind: str) -> np.ndarray:
    """One item at every byte offset where it fits, without a copy. Shapes: -> kind (m,)."""
    return np.ndarray((len(data) - np.dtype(kind).itemsize + 1,), dtype=kind, buffer=data, strides=(1,))


def _keys(data: bytes, starts: Int64s, ends: Int64s) -> UInt64s:
    """64-bit keys of the words. Shapes: -> uint64 (w,)."""
    numbers = _windows(data, "<u8")
    lengths = ends - starts
    keys = numbers[starts].astype(np.uint64, copy=False) & _LOW_BYTES[np.minimum(lengths, _STRIDE)]
    keys = mix(keys ^ (lengths.astype(np.uint64) * _GOLDEN))
    for offset in range(_STRIDE, _MAX_KEY_BYTES, _STRIDE):
        longer = np.flatnonzero(lengths > offset)
        if not len(longer):
            return keys
        tail = numbers[starts[longer] + offset] & _LOW_BYTES[np.minimum(lengths[longer] - offset, _STRIDE)]
        keys[longer] = joined(keys[longer], tail)
    for word in np.flatnonzero(lengths > _MAX_KEY_BYTES).tolist():
        digest = hashlib.sha256(data[starts[word] : ends[word]]).digest()
        keys[word] = int.from_bytes(digest[:_STRIDE], "little")
    return keys


def joined(first: UInt64s, second: UInt64s) -> UInt64s:
    """Key of two keys in this order."""
    return mix(first * _GOLDEN ^ second)
