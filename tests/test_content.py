"""Which texts say anything at all."""

import pytest

from gotd.content import has_content, with_content


@pytest.mark.parametrize("text", ["a", "7", "... x", "ф", "漢", "ครับ", "م", "_é_", "²", "Ⅳ"])
def test_a_letter_or_digit_of_any_script_is_content(text: str) -> None:
    assert has_content(text)


@pytest.mark.parametrize("text", ["", " \n\t", "* * *\n----", "___", "!?…", "€ → ∑", "\u200b\ufeff", "🙂"])
def test_space_punctuation_and_symbols_are_not(text: str) -> None:
    assert not has_content(text)


def test_many_texts_at_once() -> None:
    assert with_content(["a", "", "-", "1"]).tolist() == [True, False, False, True]
    assert with_content([]).shape == (0,)
