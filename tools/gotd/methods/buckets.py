"""The buckets of words and pairs: the SHA-256 of each, as a number, modulo BUCKETS, asked for once where possible.

hashlib takes about a third of a microsecond a word, most of it for being called. SHA-256 in numpy calls, many words
abreast, takes no less: some 3,000 operations a word at a tenth of a nanosecond each. So a cache, and little beside the
calls: what they get is cut from the text many at a time.
"""

import hashlib
from collections.abc import Callable
from mmap import mmap

import numpy as np

from gotd.methods.dsir import BUCKETS
from gotd.methods.ngrams import ROW_BYTES, Int64s, UInt64s, Words, joined

#: An entry of the cache: 50 bits of the key, and 14 for the bucket and 1; 0 is an empty one.
_BUCKET_MASK = np.uint64((1 << 14) - 1)
_ENTRY_BYTES = 8
#: Equal keys of a block are found in a table of so many slots, small enough for a processor's own cache.
_SAME_BITS = 16
#: 2^224, 2^192 .. 1 modulo BUCKETS: what the eight numbers of a digest count for.
_WEIGHTS = np.array([pow(2, 32 * place, BUCKETS) for place in range(7, -1, -1)], dtype=np.int64)

# Masks over ROW_BYTES bytes, as uint64 (ROW_BYTES + 1, ROW_BYTES / 8): the first n bytes, and a space after n bytes.
_COLUMNS, _LENGTHS = np.arange(ROW_BYTES), np.arange(ROW_BYTES + 1)[:, None]
_FIRST = np.where(_COLUMNS < _LENGTHS, 0xFF, 0).astype(np.uint8).view(np.uint64)
_SPACE_AFTER = np.where(_COLUMNS == _LENGTHS, ord(" "), 0).astype(np.uint8).view(np.uint64)


class BucketCache:
    """Buckets by key: one slot for each key's low bits, the newest stays.

    A slot is one number, so threads and processes share the table without a lock: an entry is read and written whole,
    and what another one replaced is only asked for again. 2^22 slots are 32 MiB.
    """

    def __init__(self, slot_bits: int = 22) -> None:
        # Memory that copies of this process (processes.py) write to as well.
        self._table = np.frombuffer(mmap(-1, _ENTRY_BYTES << slot_bits), dtype=np.uint64)
        self._slot = np.uint64((1 << slot_bits) - 1)

    def words(self, words: Words) -> Int64s:
        """The bucket of every word. Shapes: -> int64 (w,)."""
        return self._look_up(words.keys, lambda at: spelled_words(words, at))

    def pairs(self, words: Words, left: Int64s) -> Int64s:
        """The bucket of every pair of words left[i], left[i] + 1. Shapes: int64 (p,) -> int64 (p,)."""
        keys = joined(words.keys[:-1], words.keys[1:])[left]
        return self._look_up(keys, lambda at: spelled_pairs(words, left[at]))

    def _look_up(self, keys: UInt64s, spelled: Callable[[Int64s], list[bytes]]) -> Int64s:
        """Buckets from the table; what it does not hold is spelled out and hashed."""
        entries = self._table[(keys & self._slot).view(np.int64)]
        found: Int64s = (entries & _BUCKET_MASK).view(np.int64) - 1
        missing = np.flatnonzero(((entries ^ keys) > _BUCKET_MASK) | (found < 0))
        if len(missing):
            wanted = keys[missing]
            same = _same(wanted)
            distinct = np.flatnonzero(same == np.arange(len(same)))
            buckets = np.empty(len(missing), dtype=np.int64)
            buckets[distinct] = sha256_buckets(spelled(missing[distinct]))
            found[missing] = buckets[same]
            self._keep(wanted[distinct], buckets[distinct])
        return found

    def _keep(self, keys: UInt64s, buckets: Int64s) -> None:
        self._table[(keys & self._slot).view(np.int64)] = (keys & ~_BUCKET_MASK) | (buckets + 1).view(np.uint64)


def _same(keys: UInt64s) -> Int64s:
    """For every key the place of one that is equal, the same for most of those that are: no sorting.

    Shapes: uint64 (k,) -> int64 (k,). A place that stands in the answer has itself there.
    """
    places = np.arange(len(keys))
    slots = (keys & np.uint64((1 << _SAME_BITS) - 1)).view(np.int64)
    last = np.empty(1 << _SAME_BITS, dtype=np.int64)
    last[slots] = places
    found = last[slots]
    return np.where(keys[found] == keys, found, places)


def spelled_words(words: Words, at: Int64s) -> list[bytes]:
    """Words number at[i]. Shapes: int64 (k,) -> k strings."""
    starts, ends = words.starts[at], words.ends[at]
    lengths = np.minimum(ends - starts, ROW_BYTES)
    found = _strings(_rows(words, starts) & _FIRST.take(lengths, axis=0))
    for i in np.flatnonzero(_unfit(words, ends - starts, ends)).tolist():
        found[i] = words.data[starts[i] : ends[i]]
    return found


def spelled_pairs(words: Words, left: Int64s) -> list[bytes]:
    """Words left[i] and left[i] + 1, with a space between them whatever the text has there.

    Shapes: int64 (k,) -> k strings.
    """
    starts, ends = words.starts[left], words.ends[left]
    seconds, lasts = words.starts[left + 1], words.ends[left + 1]
    before = ends - starts
    lengths = before + 1 + lasts - seconds
    gap, whole = np.minimum(before, ROW_BYTES - 1), np.minimum(lengths, ROW_BYTES)
    # The second word is read from as far before it as it has to move.
    one = _rows(words, starts)
    two = _rows(words, seconds - before - 1)
    rows = one & _FIRST.take(gap, axis=0)
    rows |= _SPACE_AFTER.take(gap, axis=0)
    rows |= two & (_FIRST.take(whole, axis=0) ^ _FIRST.take(gap + 1, axis=0))
    found = _strings(rows)
    for i in np.flatnonzero(_unfit(words, lengths, lasts)).tolist():
        found[i] = words.data[starts[i] : ends[i]] + b" " + words.data[seconds[i] : lasts[i]]
    return found


def _rows(words: Words, offsets: Int64s) -> UInt64s:
    """The bytes from some offsets on. Shapes: int64 (k,) -> uint64 (k, ROW_BYTES / 8)."""
    return words.rows[offsets].view(np.uint64).reshape(-1, ROW_BYTES // 8)


def _strings(rows: UInt64s) -> list[bytes]:
    """Rows of bytes without the zeros at their ends. Shapes: uint64 (k, ROW_BYTES / 8) -> k strings."""
    found: list[bytes] = rows.view(f"S{ROW_BYTES}").ravel().tolist()
    return found


def _unfit(words: Words, lengths: Int64s, ends: Int64s) -> np.ndarray:
    """What no row can hold: what is longer, or ends in a zero byte. Shapes: int64 (k,) both -> bool (k,)."""
    raw = np.frombuffer(words.data, dtype=np.uint8)
    return np.asarray((lengths > ROW_BYTES) | (raw[ends - 1] == 0))


def sha256_buckets(strings: list[bytes]) -> Int64s:
    """The SHA-256 of every string as a number, modulo BUCKETS. Shapes: k strings -> int64 (k,)."""
    sha256 = hashlib.sha256
    digests = b"".join([sha256(string).digest() for string in strings])
    # Eight products of less than 2^32 and less than 2^14: no overflow.
    return np.asarray(np.frombuffer(digests, dtype=">u4").reshape(-1, 8).astype(np.int64) @ _WEIGHTS % BUCKETS)
