"""Remembered pieces: the ids that the tokenizer itself gives the whole text."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers

from gotd.embedders import piece_table, word_tokens
from gotd.embedders.piece_table import PieceTable
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


def ids_of(tokens: WordTokens, texts: list[str]) -> list[list[int]]:
    found = tokens.encode(texts)
    assert len(found.counts) == len(texts)
    return [ids.tolist() for ids in found.of_texts()]


def changed(tokenizer: Tokenizer, change: str) -> Tokenizer:
    copy = Tokenizer.from_str(tokenizer.to_str())
    CHANGES[change](copy)
    return copy


@pytest.mark.heavy
@pytest.mark.parametrize("change", CHANGES)
@example(texts=["a cat sat", "a  cat\nsat ", "the cat"])
@given(texts=st.lists(st.text(ALPHABET, max_size=40) | st.text(max_size=20), max_size=5))
def test_ids_are_those_of_the_whole_text(wordpiece: Tokenizer, change: str, texts: list[str]) -> None:
    tokenizer = changed(wordpiece, change)
    expected = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
    assert ids_of(WordTokens(tokenizer), texts) == expected


@pytest.mark.parametrize("kind", ["byte_pairs", "unigram"])
def test_other_tokenizers_see_the_whole_text(request: pytest.FixtureRequest, kind: str) -> None:
    tokenizer = request.getfixturevalue(kind)
    text = "The quick  brown fox\njumps over "
    assert ids_of(WordTokens(tokenizer), [text]) == [tokenizer.encode(text, add_special_tokens=False).ids]


def test_forgetting_changes_nothing(wordpiece: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a cat sat", "the lazy dog " + "long" * 40, "a cat", "brown fox in vivo"]
    expected = ids_of(WordTokens(wordpiece), texts)
    monkeypatch.setattr(piece_table, "MAX_PIECES", 9)
    forgetful = WordTokens(wordpiece)
    assert [ids_of(forgetful, [text])[0] for text in texts] == expected
    assert ids_of(forgetful, texts) == expected
    assert len(forgetful._table) <= 9


def test_more_pieces_than_can_be_remembered_are_tokenised(
    wordpiece: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "a\ncat\nsat\non\nthe\nmat"
    expected = ids_of(WordTokens(wordpiece), [text])
    monkeypatch.setattr(piece_table, "MAX_PIECES", 3)
    assert ids_of(WordTokens(wordpiece), [text]) == expected


def test_overlong_pieces_are_not_remembered(wordpiece: Tokenizer) -> None:
    tokens = WordTokens(wordpiece)
    tokens.encode(["cat", "dog " + "x" * 65])
    assert len(tokens._table) == 1


def test_long_texts_are_divided_where_a_piece_ends(wordpiece: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a cat sat on the mat " * 30, "x" * 70, "the lazy dog, in vivo " * 9, "y" * 70 + " a cat " * 9, "",
             "the\ncat\n" * 20, "cat,dog." * 20, *("x" * number + "[SEP]," * 20 for number in range(28, 34))]
    expected = ids_of(WordTokens(wordpiece), texts)
    monkeypatch.setattr(word_tokens, "_BLOCK_CHARACTERS", 32)
    tokens = WordTokens(wordpiece)
    assert ids_of(tokens, texts) == expected
    assert all(max(map(len, tokens._parts(text))) < 40 for text in texts[5:])


def test_a_word_that_is_an_added_token_alone_is_not_cut_free(
    wordpiece: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = Tokenizer.from_str(wordpiece.to_str())
    tokenizer.add_tokens([AddedToken("Fox", single_word=True, normalized=False)])
    monkeypatch.setattr(word_tokens, "_BLOCK_CHARACTERS", 3)
    expected = tokenizer.encode("Fox_jumps", add_special_tokens=False).ids
    assert ids_of(WordTokens(tokenizer), ["Fox_jumps"]) == [expected]


def test_threads_learn_together(wordpiece: Tokenizer) -> None:
    texts = [f"cat {number} dog{number % 7}, the fox {number * number}" for number in range(2000)]
    expected = ids_of(WordTokens(wordpiece), texts)
    shared = WordTokens(wordpiece)
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda begin: ids_of(shared, texts[begin : begin + 50]), range(0, 2000, 50))
    assert [ids for block in found for ids in block] == expected


def test_what_another_thread_makes_it_forget_is_not_lost(
    wordpiece: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = WordTokens(wordpiece)
    expected = ids_of(tokens, ["the cat"])[0] + ids_of(WordTokens(wordpiece), ["sat"])[0]
    tokenise = tokens._tokenise

    def forgetting(texts: list[str]) -> list[list[int]]:
        tokens._table.clear()
        return tokenise(texts)

    monkeypatch.setattr(tokens, "_tokenise", forgetting)
    assert ids_of(tokens, ["the cat sat"]) == [expected]


def test_hashes_that_meet_in_a_slot_are_told_apart() -> None:
    """A slot is named by the top bits: here a hundred hashes want each of three."""
    hashes = np.array([(slot << 62) + number for number in range(2, 102) for slot in (0, 2, 3)], dtype=np.uint64)
    ids = [[number] * (number % 4) for number in range(300)]
    table = PieceTable()
    table.add(hashes[:150], ids[:150])
    assert (table.find(hashes[150:]) == -1).all()
    table.add(hashes[150:], ids[150:])
    found, counts = table.ids(table.find(hashes[::-1]))
    assert counts.tolist() == [len(each) for each in ids[::-1]]
    assert found.tolist() == [token for each in ids[::-1] for token in each]
