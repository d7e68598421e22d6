"""Texts of strangers, as a page may show them: what would not be seen, or would turn the page around, as escapes."""

import unicodedata

#: White space that lays a text out.
_KEPT = frozenset("\n\t")
#: Control characters, formats (of direction, of joining), surrogates, private use, and what is not assigned.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
#: Formats that belong to a script, or to an emoji: joiners, and the soft hyphen.
_OF_SCRIPTS = frozenset("\u200c\u200d\u00ad")
_SEPARATORS = frozenset("\u2028\u2029")


def visible(text: str) -> str:
    r"""Return a text in which every character can be seen: U+202E becomes \u202e, a zero byte \x00.

    Carriage returns before a newline go, as in any browser.
    """
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if _is_seen(letter) else _escape(letter) for letter in text)


def _is_seen(letter: str) -> bool:
    if letter in _KEPT or letter in _OF_SCRIPTS:
        return True
    return letter not in _SEPARATORS and unicodedata.category(letter) not in _HIDDEN


def _escape(letter: str) -> str:
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
