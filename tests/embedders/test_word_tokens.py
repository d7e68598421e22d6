"""Remembered words: the ids that the tokenizer itself gives the whole text."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers

from gotd.embedders import word_tokens
from gotd.embedders.word_tokens import WordTokens

#: Letters, spaces of every sort, punctuation, marks, control characters, ideographs, pieces of special tokens.
ALPHABET = "ab cat\u00e9E\u0301\u0130\u03a3\u03c3 \t\n\r\v\f\0\u00a0\u2003\u3000\u200b\u200d\ufeff.,-'[]<>#蛋白🧬Пр"
CHANGES: dict[str, Callable[[Tokenizer], Any]] = {
    "as trained": lambda _: None,
    "cased": lambda tokenizer: setattr(tokenizer, "normalizer", normalizers.BertNormalizer(lowercase=False)),
    "no cleaning": lambda tokenizer: setattr(tokenizer, "normalizer", normalizers.BertNormalizer(clean_text=False)),
    "folded only": lambda tokenizer: setattr(tokenizer, "normalizer", normalizers.Lowercase()),
    "nothing first": lambda tokenizer: setattr(tokenizer, "normalizer", None),
    "stripping tokens": lambda tokenizer: tokenizer.add_tokens([AddedToken("[a]", lstrip=True, rstrip=True)]),
    "single words": lambda tokenizer: tokenizer.add_tokens([AddedToken("cat", single_word=True)]),
    "exact tokens": lambda tokenizer: tokenizer.add_tokens([AddedToken("<E>", normalized=False)]),
    "spaced tokens": lambda tokenizer: tokenizer.add_tokens([AddedToken("a cat")]),
    "marked spaces": lambda tokenizer: setattr(tokenizer, "pre_tokenizer", pre_tokenizers.Metaspace()),
    "replaced spaces": lambda tokenizer: setattr(tokenizer, "normalizer", normalizers.Replace(" ", "")),
}


def changed(tokenizer: Tokenizer, change: str) -> Tokenizer:
    copy = Tokenizer.from_str(tokenizer.to_str())
    CHANGES[change](copy)
    return copy


@pytest.mark.parametrize("change", CHANGES)
@example(texts=["a cat sat", "a  cat\nsat ", "the cat"])
@given(texts=st.lists(st.text(ALPHABET, max_size=40) | st.text(max_size=20), max_size=5))
def test_ids_are_those_of_the_whole_text(wordpiece: Tokenizer, change: str, texts: list[str]) -> None:
    tokenizer = changed(wordpiece, change)
    expected = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
    assert WordTokens(tokenizer).encode(texts) == expected


@pytest.mark.parametrize("kind", ["byte_pairs", "unigram"])
def test_other_tokenizers_see_the_whole_text(request: pytest.FixtureRequest, kind: str) -> None:
    tokenizer = request.getfixturevalue(kind)
    text = "The quick  brown fox\njumps over "
    assert WordTokens(tokenizer).encode([text]) == [tokenizer.encode(text, add_special_tokens=False).ids]


def test_forgetting_changes_nothing(wordpiece: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a cat sat", "the lazy dog " + "long" * 40, "a cat", "brown fox in vivo"]
    expected = WordTokens(wordpiece).encode(texts)
    monkeypatch.setattr(word_tokens, "_MAX_WORDS", 3)
    forgetful = WordTokens(wordpiece)
    assert [forgetful.encode([text])[0] for text in texts] == expected
    assert forgetful.encode(texts) == expected
    assert len(forgetful._known) <= 10


def test_long_words_are_not_remembered(wordpiece: Tokenizer) -> None:
    tokens = WordTokens(wordpiece)
    tokens.encode(["cat " + "x" * 65])
    assert set(tokens._known) == {"cat"}
