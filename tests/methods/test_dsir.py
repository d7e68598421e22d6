"""dsir word by word, by its definition and by the published package."""
import hashlib
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gotd.content import has_content, with_content
from gotd.errors import GotdError
from gotd.methods.base import LOWEST, TextProblem
from gotd.methods.buckets import BucketCache
from gotd.methods.dsir import BUCKETS, Dsir, DsirOptions, gumbel
from gotd.methods.ngrams import Classes, find_words, text_blocks
from word_reference import words_of

EVERYTHING = DsirOptions(min_words=0)
ODD = [
    "", " ", "a", "\0", "\0\0 a\0b", "don't stop...", "İstanbul ΌΣΟΣ ΣΑΣ", "naïve café_x²", "日本語 の、テスト。",
    "a\x1cb\x85c", "x" * 63 + " " + "x" * 64 + " " + "x" * 65 + "y " + "x" * 2000, "tab\tnew\nline\r\n",
    "ภาษาไทย ไม่มีช่องว่าง", "हिन्दी भाषा", "தமிழ்", "aิ \u0301", "한국어는 띄어 씁니다", "カタカナabcひらがな123漢字",
    "𠀀𠀁 \u3007々ー",
    "\u2028sep\u00a0nbsp", "😀😀!", "a b", "a  b", "a\nb", "a,b", "e\u0301", "١٢٣", "\U0001d4b3y", "-" * 30 + " == --",
]  # fmt: skip


def ngrams(text: str) -> list[str]:
    """The words and pairs of a text."""
    words = words_of(text)
    return words + [f"{a} {b}" for a, b in pairwise(words)]


def bucket(ngram: str) -> int:
    return int(hashlib.sha256(ngram.encode()).hexdigest(), 16) % BUCKETS


def counts(texts: list[str]) -> np.ndarray:
    """Shapes: n texts -> int64 (n, BUCKETS)."""
    table = np.zeros((len(texts), BUCKETS), dtype=np.int64)
    for row, text in zip(table, texts, strict=True):
        np.add.at(row, [bucket(ngram) for ngram in ngrams(text)], 1)
    return table


def found(texts: list[str], classes: Classes, cache: BucketCache) -> list[list[int]]:
    """Buckets of each text, words first."""
    words = find_words(texts, classes)
    member = np.repeat(np.arange(len(texts)), np.diff(words.offsets))
    left = np.flatnonzero(member[1:] == member[:-1])
    one, two = cache.words(words), cache.pairs(words, left)
    return [one[member == i].tolist() + two[member[left] == i].tolist() for i in range(len(texts))]


def test_what_every_character_is() -> None:
    """By its name and category, all of two planes and some beyond: how many words two make, and one in a word."""
    codes = (*range(0xD800), *range(0xE000, 0x20000), *range(0x20000, 0x110000, 97))
    every = [chr(code) for code in codes]
    every = [character for character in every if character.lower() == character]
    for around in ("{0}{0}", "a{0}a"):
        texts = [around.format(character) for character in every]
        lengths = np.concatenate([np.diff(find_words(block, Classes()).offsets) for block in text_blocks(texts)])
        expected = [len(words_of(text)) for text in texts]
        assert [hex(ord(every[at])) for at in np.flatnonzero(lengths != expected)] == []


def test_a_word_is_what_the_published_package_splits_for() -> None:
    """But for scripts without spaces and circled letters."""
    tokenize = pytest.importorskip("nltk.tokenize").WordPunctTokenizer().tokenize
    if tokenize("e\u0301") != ["e\u0301"]:
        pytest.skip("nltk before 3.10 cuts words at combining marks")
    texts = ["हिन्दी भाषा", "தமிழ் மொழி", "cafe\u0301 au lait", "x² ½ cup", "العَرَبِيَّة", "a\u200db c_d", "don't stop...",
             "한국어는 띄어 씁니다", "İstanbul ΌΣΟΣ"]
    assert [words_of(text) for text in texts] == [tokenize(text.lower()) for text in texts]


def test_words_and_pairs_of_odd_texts() -> None:
    expected = [[bucket(ngram) for ngram in ngrams(text)] for text in ODD]
    classes, cache = Classes(), BucketCache()
    for _ in range(2):  # the second time from the cache
        assert found(ODD, classes, cache) == expected
    assert [found([text], classes, cache)[0] for text in ODD] == expected


@pytest.mark.long
@settings(deadline=None, max_examples=150)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=5))
def test_words_and_pairs_of_any_text(texts: list[str]) -> None:
    # A cache of two slots: almost everything is replaced at once.
    assert found(texts, Classes(), BucketCache(1)) == [[bucket(ngram) for ngram in ngrams(text)] for text in texts]


def corpus(seed: int, count: int) -> list[str]:
    """Texts with a subject each, punctuation, and a word of its own."""
    source = random.Random(seed)
    words = [f"w{number}" for number in range(400)]
    return [
        " ".join(source.choices(words[source.randrange(300) :], k=source.randrange(4, 60))) + f", (n{seed}-{number})!"
        for number in range(count)
    ]


@pytest.mark.long
def test_scores_are_the_log_ratio() -> None:
    pool, target = corpus(0, 120) + ODD, corpus(1, 20)
    fitted = Dsir(EVERYTHING).fit(TextProblem([target], [pool[:50], pool[50:]], 2))
    worded = [text for text in pool if has_content(text)]
    table, q, p = counts(worded), counts(target).sum(axis=0), counts(worded).sum(axis=0)
    ratio = np.log(q / q.sum() + 1e-8) - np.log(p / p.sum() + 1e-8)
    assert np.allclose(fitted.arrays["log_ratio"], ratio, rtol=0, atol=1e-12)
    scores = Dsir.scorer(fitted.arrays, fitted.summary, 2).scores(pool)
    is_worded = with_content(pool)
    assert np.allclose(scores[is_worded], table @ ratio, rtol=1e-6, atol=1e-5)
    assert (scores[~is_worded] == LOWEST).all()
    assert scores.dtype == np.float32
    assert fitted.summary["source_ngrams"] == p.sum()
    assert fitted.summary["target_ngrams"] == q.sum()


@pytest.mark.heavy
def test_batches_threads_and_neighbours_change_nothing() -> None:
    pool, target = [*corpus(0, 300), " ".join(corpus(5, 4000)), *ODD], corpus(1, 20)
    noisy = replace(EVERYTHING, gumbel=True, seed=3)
    one = Dsir(noisy).fit(TextProblem([target], [pool], 1))
    batches = [pool[i : i + 11] for i in range(0, len(pool), 11)]
    two = Dsir(noisy).fit(TextProblem([target[:7], [], target[7:]], batches, 3))
    assert one.arrays["log_ratio"].tobytes() == two.arrays["log_ratio"].tobytes()
    assert one.summary == two.summary
    scores = Dsir.scorer(one.arrays, one.summary, 1).scores(pool)
    assert Dsir.scorer(one.arrays, one.summary, 3).scores(pool).tobytes() == scores.tobytes()
    scorer = Dsir.scorer(one.arrays, one.summary, 1)
    assert np.concatenate([scorer.scores([text]) for text in pool]).tobytes() == scores.tobytes()
    assert scorer.scores([]).shape == (0,)


def test_short_texts_score_lowest() -> None:
    pool = ["a b c", "a b", "a, b", "", "c c c c"]
    fitted = Dsir(DsirOptions(min_words=3)).fit(TextProblem([["a b c d"]], [pool], 1))
    scores = Dsir.scorer(fitted.arrays, fitted.summary, 1).scores(pool)
    assert (scores == LOWEST).tolist() == [False, True, False, True, False]
    assert np.isfinite(scores).all()
    assert fitted.summary["source_short"] == 1  # one of the short ones has no content at all
    assert "3 of 3 texts" in Dsir(DsirOptions()).fit(TextProblem([["a"]], [["a"] * 3], 1)).summary["warnings"][0]


@pytest.mark.parametrize("target, pool", [([""], ["a"]), (["a"], [" ", ""]), ([], ["a"])])
def test_nothing_to_count(target: list[str], pool: list[str]) -> None:
    with pytest.raises(GotdError, match="no words"):
        Dsir(EVERYTHING).fit(TextProblem([target], [pool], 1))


def test_the_noise_is_gumbels_and_the_texts_own() -> None:
    texts = [f"text {number}" for number in range(20_000)]
    noise = gumbel(texts, 1)
    u = np.sort(np.exp(-np.exp(-noise)))
    assert np.abs(u - (np.arange(20_000) + 0.5) / 20_000).max() < 0.0138  # Kolmogorov-Smirnov, 1 in 1000
    assert noise.mean() == pytest.approx(np.euler_gamma, abs=0.04)
    assert (gumbel(texts[5:9], 1) == noise[5:9]).all()
    assert abs(np.corrcoef(noise, gumbel(texts, 2))[0, 1]) < 0.03


@pytest.mark.long
def test_the_published_package_agrees(tmp_path: Path) -> None:
    package = pytest.importorskip("data_selection.hashed_ngram_dsir")
    pool, target = corpus(0, 200), corpus(1, 30)
    theirs = package.HashedNgramDSIR([], [], cache_dir=str(tmp_path), num_proc=1)
    q, p = (sum(theirs.featurizer(text) for text in texts) for texts in (target, pool))
    theirs.log_diff = np.log(q / q.sum() + 1e-8) - np.log(p / p.sum() + 1e-8)
    features = [theirs.featurizer(text) for text in pool]
    fitted = Dsir(DsirOptions(min_words=40)).fit(TextProblem([target], [pool], 1))
    scores = Dsir.scorer(fitted.arrays, fitted.summary, 1).scores(pool)
    expected = np.array([theirs.importance_estimator(row) for row in features])
    theirs.min_example_length = 40
    long = theirs.perexample_metadata_filter(np.array([theirs.get_perexample_metadata({}, row) for row in features]))
    assert ((scores == LOWEST) == ~long).all()
    assert 20 < long.sum() < 180
    assert np.allclose(scores[long], expected[long], rtol=1e-6, atol=1e-5)
