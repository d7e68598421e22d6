"""Which held-out texts count as one observation, and so are resampled together.

A sentence that stands in a target once for each pair of entities in it is one observation, however often its markers
move. Two texts are one unit where they have the same words, whatever case, space and punctuation, or where at least
half of the runs of 13 words of the one that has fewer stand in the other as well; and so on from text to text. A run
that very many texts have is the form they are written in, as the prompt of a task, and no sign of a copy.

Source: resampling by clusters, Davison and Hinkley, Bootstrap methods and their application, 1997, section 3.8.
"""

from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from gotd.content import has_content
from gotd.lookup import Int64s
from gotd.methods.ngrams import Classes, find_words, joined, text_blocks

#: Words of a run, as in overlap.py.
_RUN_WORDS = 13
#: Share of a text's runs that a near copy has, too.
_ENOUGH = 0.5
#: A run that more texts have is a form. It bounds the pairs that are compared, too.
_FORM = 100
#: Texts compared with all others at a time.
_AT_ONCE = 256


def numbered(names: Sequence[Hashable]) -> Int64s:
    """Return the number of each name, equal ones alike, from 0 in order of first appearance. Shapes: -> int64 (n,)."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def copies(texts: Sequence[str]) -> Int64s:
    """Return the number of each text's unit: of it, its copies and its near copies. Shapes: -> int64 (n,).

    Memory: some 200 bytes a word.
    """
    from scipy.sparse.csgraph import connected_components

    # A text of signs alone has no words: it is compared as it is, white space folded.
    words = [words or " ".join(text.split()) for words, text in zip(_without_signs(texts), texts, strict=True)]
    wholes = numbered(words)
    distinct = list(dict.fromkeys(words))
    _, units = connected_components(_near(distinct), directed=False)
    return numbered(np.asarray(units, dtype=np.int64)[wholes].tolist())


def _without_signs(texts: Sequence[str]) -> Iterator[str]:
    """Yield the words of each text that have a letter or a digit, a space between."""
    classes = Classes()
    for block in text_blocks([text.replace("_", " ") for text in texts]):
        words = find_words(block, classes)
        spelled = [words.data[start:end].decode() for start, end in zip(words.starts, words.ends, strict=True)]
        for first, last in pairwise(words.offsets):
            yield " ".join(word for word in spelled[first:last] if has_content(word))


def _near(texts: Sequence[str]) -> "object":
    """Return which texts are near copies of which, as a sparse matrix of bool (n, n)."""
    from scipy.sparse import coo_array, csr_array

    owners, runs = _runs(texts)
    _, places, counts = np.unique(runs, return_inverse=True, return_counts=True)
    telling = counts[places] <= _FORM
    lengths = np.bincount(owners[telling], minlength=len(texts))
    shared = telling & (counts[places] > 1)
    _, columns = np.unique(places[shared], return_inverse=True)
    width = int(columns.max(initial=-1)) + 1
    holds = csr_array((np.ones(len(columns), np.int32), (owners[shared], columns)), shape=(len(texts), width))
    by_run, rows, others = holds.T.tocsr(), [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(texts), _AT_ONCE):
        common = (holds[start : start + _AT_ONCE] @ by_run).tocoo()
        first, second = common.coords[0] + start, common.coords[1]
        near = (common.data >= _ENOUGH * np.minimum(lengths[first], lengths[second])) & (first < second)
        rows.append(first[near])
        others.append(second[near])
    links = np.concatenate(rows), np.concatenate(others)
    return coo_array((np.ones(len(links[0]), np.bool_), links), shape=(len(texts), len(texts)))


def _runs(texts: Sequence[str]) -> tuple[Int64s, np.ndarray]:
    """Return each distinct run of each text: the text's number and the run's key. Shapes: -> int64, uint64 (r,)."""
    classes, first = Classes(), 0
    found = [(np.zeros(0, np.int64), np.zeros(0, np.uint64))]
    for block in text_blocks(texts):
        words = find_words(block, classes)
        lengths = np.diff(words.offsets)
        texts_of_words = np.repeat(np.arange(len(lengths)), lengths)
        count = max(0, len(words.keys) - _RUN_WORDS + 1)
        keys = words.keys[:count]
        for place in range(1, _RUN_WORDS):
            keys = joined(keys, words.keys[place : place + count])
        owners = texts_of_words[:count]
        whole = owners == texts_of_words[_RUN_WORDS - 1 :][:count]
        found.append((owners[whole] + first, keys[whole]))
        first += len(lengths)
    owners, keys = (np.concatenate(parts) for parts in zip(*found, strict=True))
    both = np.unique(np.rec.fromarrays([owners, keys]))
    return np.asarray(both["f0"]), np.asarray(both["f1"])
