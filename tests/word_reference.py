"""What a word is, one character at a time."""

import re
import unicodedata
from itertools import groupby

#: How the names of letters begin that no space parts from the next word.
_UNSPACED = ("CJK ", "IDEOGRAPHIC ANNOTATION", "IDEOGRAPHIC CLOSING", "IDEOGRAPHIC ITERATION", "IDEOGRAPHIC NUMBER",
             "VERTICAL IDEOGRAPHIC", "VERTICAL KANA", "MASU ", "HANGZHOU ", "KANBUN", "KANGXI ", "BOPOMOFO ",
             "HIRAGANA ", "KATAKANA", "HALFWIDTH KATAKANA", "HENTAIGANA ", "YI ", "THAI ", "LAO ", "KHMER ", "MYANMAR ",
             "TAI ", "NEW TAI ", "BALINESE ", "JAVANESE ")


def words_of(text: str) -> list[str]:
    """A word is a run of letters and digits, or of signs; where a script has no spaces, one letter or digit."""
    words = []
    for match in re.findall(r"\w+|[^\w\s]+", text.lower()):
        for unspaced, run in groupby(match, is_unspaced):
            letters = list(run)
            words += letters if unspaced else ["".join(letters)]
    return words


def is_unspaced(character: str) -> bool:
    """A letter or digit of such a script."""
    return character.isalnum() and unicodedata.name(character, "").startswith(_UNSPACED)
