"""What a word is, one character at a time."""

import unicodedata

#: How the names of characters begin of the scripts that put no space between words.
_UNSPACED = ("CJK ", "IDEOGRAPHIC ANNOTATION", "IDEOGRAPHIC CLOSING", "IDEOGRAPHIC ITERATION", "IDEOGRAPHIC NUMBER",
             "IDEOGRAPHIC LEVEL", "IDEOGRAPHIC RISING", "IDEOGRAPHIC DEPARTING", "IDEOGRAPHIC ENTERING",
             "VERTICAL IDEOGRAPHIC", "VERTICAL KANA", "MASU ", "HANGZHOU ", "KANBUN", "KANGXI ", "BOPOMOFO ",
             "HIRAGANA ", "KATAKANA", "COMBINING KATAKANA", "HALFWIDTH KATAKANA", "HENTAIGANA ", "YI ", "THAI ", "LAO ",
             "KHMER ", "MYANMAR ", "TAI ", "NEW TAI ", "BALINESE ", "JAVANESE ")
#: Letters, combining marks, digits and what joins words.
_WORD = ("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "Pc")


def words_of(text: str) -> list[str]:
    """A word is a run of letters and digits, or of signs; where a script has no spaces, a letter and its marks."""
    words, before = [], ""
    for character in text.lower():
        kind = kind_of(character)
        if kind == "letter" or kind != before.replace("letter", "mark"):
            words.append("")
        if kind:
            words[-1] += character
        before = kind
    return [word for word in words if word]


def kind_of(character: str) -> str:
    """word or sign; letter or mark of an unspaced script; nothing for a space."""
    if character.isspace():
        return ""
    category = unicodedata.category(character)
    if category not in _WORD and character not in "\u200c\u200d":
        return "sign"
    if not unicodedata.name(character, "").startswith(_UNSPACED):
        return "word"
    return "mark" if category.startswith("M") else "letter"
