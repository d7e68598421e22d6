"""What is hashed for words and pairs, and the buckets, one at a time by hashlib and by slicing."""

import hashlib
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gotd.methods.buckets import BucketCache, sha256_buckets, spelled_pairs, spelled_words
from gotd.methods.dsir import BUCKETS
from gotd.methods.ngrams import Classes, Words, find_words


def bucket(string: bytes) -> int:
    return int.from_bytes(hashlib.sha256(string).digest(), "big") % BUCKETS


def words_of(texts: list[str]) -> tuple[Words, list[bytes]]:
    words = find_words(texts, Classes())
    return words, [words.data[a:b] for a, b in zip(words.starts, words.ends, strict=True)]


def test_the_bucket_is_the_sha256_of_any_bytes() -> None:
    source = random.Random(0)
    strings = [source.randbytes(length) for length in range(300)]
    assert sha256_buckets(strings).tolist() == [bucket(string) for string in strings]
    assert sha256_buckets([]).shape == (0,)


@pytest.mark.long
def test_words_of_all_lengths_and_what_may_stand_between() -> None:
    between = [" ", "  ", "\n", "\r\n\t ", "\u00a0", "\u2028\u2028", "\0", "\0 ", " \0", ",", ", ", " ,", "\U0001f600"]
    for space in between:
        for shift in range(40):
            lengths = [1, *range(shift, 40, 3), 64, 65, 1]
            words, sliced = words_of([space.join("é" * (n % 2) + "x" * n for n in lengths), "", "end"])
            at = np.arange(len(sliced))
            assert spelled_words(words, at) == sliced
            pairs = [a + b" " + b for a, b in pairwise(sliced)]
            assert spelled_pairs(words, at[:-1]) == pairs
            assert spelled_pairs(words, at[:-1][::-1]) == pairs[::-1]
            assert spelled_pairs(words, at[:0]) == []


@pytest.mark.long
@settings(deadline=None)
@given(st.lists(st.sampled_from(["ab", "c", "\0", "d\0e", ", ", "x" * 70]), min_size=1, max_size=60))
def test_a_cache_of_any_size_gives_the_same_buckets(parts: list[str]) -> None:
    words, sliced = words_of([" ".join(parts)])
    expected = [bucket(word) for word in sliced]
    for bits in (0, 1, 20):
        cache = BucketCache(bits)
        assert cache.words(words).tolist() == expected
        assert cache.words(words).tolist() == expected
