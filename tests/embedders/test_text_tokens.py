"""Tokens of long texts: those of the whole text, found without reading all of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from gotd.embedders.text_tokens import TextTokenizer, Tokens
from gotd.errors import UsageError

KINDS = ("wordpiece", "byte_pairs", "unigram")
LIMIT = 12
WORDS = ["a", "cat", "vivo", "jumps ", "0123", "x" * 300, " " * 40, "\n", "蛋白", "🧬", "Привет,", "[SEP]", "<unk>"]


def encode(tokenizer: Tokenizer, text: str, **options: Any) -> Tokens:
    return TextTokenizer(Tokenizer.from_str(tokenizer.to_str()), LIMIT, **options).encode([text])[0]


def whole(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids of the text, all of it tokenised and then cut."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.enable_truncation(LIMIT)
    return list(copy.encode(text).ids)


@pytest.mark.parametrize("kind", KINDS)
@given(words=st.lists(st.sampled_from(WORDS), max_size=40), repeated=st.integers(1, 30))
def test_a_cut_text_has_the_tokens_of_the_whole(
    request: pytest.FixtureRequest, kind: str, words: list[str], repeated: int
) -> None:
    tokenizer = request.getfixturevalue(kind)
    text = " ".join(words) * repeated
    assert encode(tokenizer, text).ids.tolist() == whole(tokenizer, text)


@pytest.mark.parametrize("text", ["x" * 50_000, " " * 50_000 + "a cat", "x" * 900 + " a cat" * 9000, "蛋白" * 20_000])
def test_a_beginning_of_few_tokens_is_read_on(wordpiece: Tokenizer, text: str) -> None:
    assert encode(wordpiece, text).ids.tolist() == whole(wordpiece, text)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_in_the_count(request: pytest.FixtureRequest, kind: str) -> None:
    tokenizer = request.getfixturevalue(kind)
    found = encode(tokenizer, "the lazy dog " * 7)
    assert found.unread == 0
    assert found.content + found.left_out == len(tokenizer.encode("the lazy dog " * 7, add_special_tokens=False).ids)


def test_of_a_very_long_text_most_is_not_tokenised(wordpiece: Tokenizer) -> None:
    found = encode(wordpiece, "a cat " * 100_000)
    assert 598_000 < found.unread < 600_000
    assert len(found.ids) == LIMIT


@pytest.mark.parametrize("text", ["x" * 3_000_000, " " * 3_000_000, "🧬" * 1_000_000])
def test_what_gives_hardly_any_tokens_is_not_read_to_its_end(wordpiece: Tokenizer, text: str) -> None:
    found = encode(wordpiece, text)
    assert len(text) - found.unread in ((1 << 17) - 1, 1 << 17)  # a cut is made before a space
    assert found.ids.tolist() == whole(wordpiece, text[: 1 << 17])


def test_special_tokens_are_not_content(wordpiece: Tokenizer) -> None:
    assert [encode(wordpiece, text).content for text in ("", "  ", "cat", "cat " * 50)] == [0, 0, 1, LIMIT - 2]


def test_the_prompt_is_not_content(wordpiece: Tokenizer) -> None:
    prompted = encode(wordpiece, "a cat", prompt="the dog: ")
    assert prompted.content == 2
    assert prompted.ids.tolist() == whole(wordpiece, "the dog: a cat")


def test_a_word_that_is_one_token_with_the_prompts_end_is_content(byte_pairs: Tokenizer) -> None:
    assert len(encode(byte_pairs, "cat", prompt="a: ").ids) == len(encode(byte_pairs, "a: ").ids)
    assert [encode(byte_pairs, text, prompt="a: ").content > 0 for text in ("cat", "")] == [True, False]


def test_folding_comes_first(byte_pairs: Tokenizer) -> None:
    assert encode(byte_pairs, "A CAT", lower_case=True).ids.tolist() == whole(byte_pairs, "a cat")


def test_a_limit_that_leaves_no_token_of_the_text_is_a_usage_error(wordpiece: Tokenizer) -> None:
    with pytest.raises(UsageError, match="2 of them are special; at least 3"):
        TextTokenizer(Tokenizer.from_str(wordpiece.to_str()), 2)
    with pytest.raises(UsageError, match=r"4 of them are special or the prompt's \('a cat'\); at least 5"):
        TextTokenizer(Tokenizer.from_str(wordpiece.to_str()), 3, prompt="a cat")
    assert TextTokenizer(Tokenizer.from_str(wordpiece.to_str()), 5, prompt="a cat").encode(["cat"])[0].content == 1
