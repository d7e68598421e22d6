"""The words of many texts at once, as 64-bit hashes: a tokeniser made of numpy calls, without a vocabulary.

A word is a run of letters and digits, folded to lower case. In scripts that put no spaces between words (Chinese,
Japanese, Korean, Thai, Lao, Burmese, Khmer) and among symbols and emoji, every character is a word of its own.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Int64s: TypeAlias = npt.NDArray[np.int64]
UInt64s: TypeAlias = npt.NDArray[np.uint64]
_Bytes: TypeAlias = npt.NDArray[np.uint8]

#: Of a longer word the first bytes count: a line of base64 is one word, and costs eight steps however long it is.
MAX_WORD_BYTES = 64
#: The stem is what the forms of a word share, crudely: its first bytes.
STEM_BYTES = 6
#: Words are hashed so many bytes at a time.
STRIDE = 8

_SEPARATOR, _LETTER, _ALONE = 0, 1, 2
#: What the characters from each code point on are, up to the next one (Unicode blocks; ASCII is in `_FOLD`).
_CLASSES = (
    (0x0080, _SEPARATOR),  # Latin-1 punctuation
    (0x00C0, _LETTER),
    (0x060C, _SEPARATOR),  # Arabic punctuation
    (0x0620, _LETTER),
    (0x0964, _SEPARATOR),  # danda
    (0x0966, _LETTER),
    (0x0E00, _ALONE),  # Thai, Lao
    (0x0F00, _LETTER),
    (0x1000, _ALONE),  # Myanmar
    (0x10A0, _LETTER),
    (0x1780, _ALONE),  # Khmer
    (0x1800, _LETTER),
    (0x2000, _SEPARATOR),  # general punctuation
    (0x2070, _ALONE),  # currency, arrows, mathematics, dingbats
    (0x2C00, _LETTER),
    (0x2E00, _SEPARATOR),  # supplemental punctuation
    (0x2E80, _ALONE),  # radicals
    (0x3000, _SEPARATOR),  # CJK punctuation
    (0x3040, _ALONE),  # kana, ideographs, Yi
    (0xA4D0, _LETTER),
    (0xAC00, _ALONE),  # Hangul
    (0xD800, _SEPARATOR),  # surrogates, private use
    (0xF900, _ALONE),  # compatibility ideographs
    (0xFB00, _LETTER),  # ligatures, Arabic forms
    (0xFE00, _SEPARATOR),  # variation selectors, vertical and small punctuation
    (0xFE70, _LETTER),
    (0xFEFF, _SEPARATOR),  # byte order mark, full-width punctuation
    (0xFF10, _LETTER),  # full-width digits
    (0xFF1A, _SEPARATOR),
    (0xFF21, _LETTER),  # full-width letters
    (0xFF3B, _SEPARATOR),
    (0xFF41, _LETTER),
    (0xFF5B, _SEPARATOR),
    (0xFF66, _ALONE),  # half-width kana
    (0xFFE0, _SEPARATOR),  # full-width signs, specials, replacement character
    (0x10000, _LETTER),
    (0x1F000, _ALONE),  # emoji, ideographs beyond the first plane
    (0xE0000, _SEPARATOR),  # tags
)
_CLASS_STARTS = np.array([start for start, _ in _CLASSES], dtype=np.int64)
_CLASS_KINDS = np.array([kind for _, kind in _CLASSES], dtype=np.uint8)

#: ASCII letters to lower case, digits and UTF-8's bytes as they are, all else to zero, which separates words.
_FOLD = bytes(byte if byte >= 0x80 else ord(chr(byte).lower()) if chr(byte).isalnum() else 0 for byte in range(256))
_ASCII = bytes(range(128))
#: Keeps the low n bytes of a word of eight.
_LOW_BYTES = np.array([(1 << (8 * count)) - 1 for count in range(STRIDE + 1)], dtype=np.uint64)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_STEM_SALT = np.uint64(0xD6E8FEB86659FD93)


class Words(NamedTuple):
    """The words of n texts, in order.

    hashes : uint64 (w,), of the whole word (its first MAX_WORD_BYTES)
    stems : uint64 (w,), of its first STEM_BYTES
    lengths : int64 (w,), bytes
    texts : int64 (w,), which text the word stands in
    """

    hashes: UInt64s
    stems: UInt64s
    lengths: Int64s
    texts: Int64s


def find_words(texts: Sequence[str]) -> Words:
    """All words of all texts.

    Memory: some ten times the bytes of the texts.
    """
    encoded = [_encode(text) for text in texts]
    # The zeros at the end let eight bytes be read at every word, four at every character.
    joined = b"\0" + b"\0".join(encoded) + bytes(STRIDE)
    folded = np.frombuffer(bytearray(joined.translate(_FOLD)), dtype=np.uint8)
    breaks = None if joined.isascii() else _mark_characters(folded)
    starts, lengths = _find_runs(folded, breaks)
    text_starts = np.cumsum([1] + [len(text) + 1 for text in encoded])
    per_text = np.diff(np.searchsorted(starts, text_starts))
    heads = _heads(folded, starts)
    hashes = _hash_heads(folded, heads, starts, lengths)
    stems = mix(_first_bytes(heads, lengths, STEM_BYTES) ^ _STEM_SALT)
    return Words(hashes, stems, lengths, np.repeat(np.arange(len(texts)), per_text))


def _encode(text: str) -> bytes:
    """UTF-8 in lower case but for ASCII's letters, which `_FOLD` folds.

    Folding is slow; whether a text needs it is seen from its few characters beyond ASCII. Half a surrogate pair has no
    UTF-8, but must not stop a pool; it separates.
    """
    encoded = text.encode("utf-8", "surrogatepass")
    if text.isascii():
        return encoded
    others = encoded.translate(None, _ASCII).decode("utf-8", "surrogatepass")
    return encoded if others.lower() == others else text.lower().encode("utf-8", "surrogatepass")


def _mark_characters(folded: _Bytes) -> Int64s | None:
    """Separators beyond ASCII set to zero in place; where words begin although none need have ended, if anywhere."""
    leads = np.flatnonzero(folded >= 0xC2)
    first = folded[leads]
    sizes = 2 + (first >= 0xE0).astype(np.int64) + (first >= 0xF0)
    points = first.astype(np.int64) & (0x7F >> sizes)
    for offset in range(1, 4):
        inside = sizes > offset
        points[inside] = (points[inside] << 6) | (folded[leads[inside] + offset] & 0x3F)
    kinds = _CLASS_KINDS[np.searchsorted(_CLASS_STARTS, points, side="right") - 1]
    for offset in range(4):
        folded[leads[(kinds == _SEPARATOR) & (sizes > offset)] + offset] = 0
    alone = kinds == _ALONE
    if not alone.any():
        return None
    return np.unique(np.concatenate((leads[alone], leads[alone] + sizes[alone])))


def _find_runs(folded: _Bytes, breaks: Int64s | None) -> tuple[Int64s, Int64s]:
    """Where words start and how many bytes they have; `folded` begins and ends with zero."""
    inside = folded != 0
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1  # words start and end by turns
    starts, ends = edges[::2], edges[1::2]
    if breaks is not None:
        # Where a word begins inside a run, the one before it ends.
        divided = breaks[inside[breaks] & inside[breaks - 1]]
        starts = np.insert(starts, np.searchsorted(starts, divided), divided)
        ends = np.insert(ends, np.searchsorted(ends, divided), divided)
    return starts, ends - starts


def hash_runs(folded: _Bytes, starts: Int64s, lengths: Int64s) -> UInt64s:
    """Hashes of runs of bytes, eight bytes at a step; of each its first MAX_WORD_BYTES.

    folded : at least STRIDE bytes stand behind every run's start
    """
    return _hash_heads(folded, _heads(folded, starts), starts, lengths)


def _hash_heads(folded: _Bytes, heads: UInt64s, starts: Int64s, lengths: Int64s) -> UInt64s:
    hashes = mix(_first_bytes(heads, lengths, STRIDE))
    for offset in range(STRIDE, MAX_WORD_BYTES, STRIDE):
        longer = np.flatnonzero(lengths > offset)
        if not len(longer):
            break
        tails = _first_bytes(_heads(folded, starts[longer] + offset), lengths[longer] - offset, STRIDE)
        hashes[longer] = join(hashes[longer], tails)
    return hashes


def _heads(folded: _Bytes, starts: Int64s) -> UInt64s:
    """The eight bytes that begin at each place as one number, uint64 (w,)."""
    # One number at every byte offset; little-endian whatever the machine, so that hashes travel.
    numbers = np.ndarray((len(folded) - STRIDE + 1,), dtype="<u8", buffer=folded, strides=(1,))
    return numbers[starts].astype(np.uint64, copy=False)


def _first_bytes(numbers: UInt64s, lengths: Int64s, most: int) -> UInt64s:
    """Of each number its first bytes, as many as `lengths` says and `most` at most."""
    return numbers & _LOW_BYTES[: most + 1].take(lengths, mode="clip")


def join(first: UInt64s, second: UInt64s) -> UInt64s:
    """Hash of two hashes in this order."""
    return mix(first * _GOLDEN ^ second)


def mix(numbers: UInt64s) -> UInt64s:
    """The splitmix64 finaliser: a bijection of 64-bit numbers in which every input bit moves every output bit.

    Source: Steele, Lea, Flood, Fast splittable pseudorandom number generators, 2014; constants of Stafford's Mix13.
    """
    mixed = numbers ^ (numbers >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
