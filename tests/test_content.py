"""Which texts say anything at all, and which say the same."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotd.content import copy_key, fewest_chars, folded, has_content, with_content


@pytest.mark.parametrize("text", ["a", "7", "... x", "ф", "漢", "ครับ", "م", "_é_", "²", "Ⅳ"])
def test_a_letter_or_digit_of_any_script_is_content(text: str) -> None:
    assert has_content(text)


@pytest.mark.parametrize("text", ["", " \n\t", "* * *\n----", "___", "!?…", "€ → ∑", "\u200b\ufeff", "🙂"])
def test_space_punctuation_and_symbols_are_not(text: str) -> None:
    assert not has_content(text)


def test_many_texts_at_once() -> None:
    assert with_content(["a", "", "-", "1"]).tolist() == [True, False, False, True]
    assert with_content([]).shape == (0,)


def test_python_says_the_same_of_every_character() -> None:
    assert [chr(code) for code in range(sys.maxunicode + 1) if has_content(chr(code)) != chr(code).isalnum()] == []


@pytest.mark.parametrize("text", ["straße  und\tWEG", "STRASSE UND WEG\n", " Strasse\u00a0und\u2003weg"])
def test_copies_differ_in_case_and_white_space_only(text: str) -> None:
    assert folded(text) == "strasse und weg"
    assert copy_key(text) == copy_key("Straße und Weg")
    assert copy_key(text) != copy_key("Straße und Wegs")
    assert copy_key(text) != copy_key("Straßeund Weg")


@given(st.text(max_size=40))
def test_no_copy_is_shorter_than_the_fewest_chars(text: str) -> None:
    for copy in (text, text.upper(), text.lower(), text.title(), text.casefold(), " ".join(text.split())):
        if copy_key(copy) == copy_key(text):
            assert fewest_chars(copy) == fewest_chars(text) <= len(copy)


def test_no_character_folds_to_more_than_three() -> None:
    assert max(len(chr(code).casefold()) for code in range(sys.maxunicode + 1)) == 3
