"""What counts as content: a text with a letter or a digit of any script.

A text of white space, punctuation or symbols alone says nothing; whatever an embedder makes of it, it has no place in
the space that documents are compared in.
"""

import hashlib
import re
from collections.abc import Sequence

import numpy as np

_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_KEY_BYTES = 16
#: No character becomes more than so many when its case is folded.
_LONGEST_FOLD = 3


def has_content(text: str) -> bool:
    """Return True if a letter or digit of any script stands in the text."""
    return text[:1].isalnum() or _LETTER_OR_DIGIT.search(text) is not None


def with_content(texts: Sequence[str]) -> np.ndarray:
    """Return which texts have content. Shapes: n texts -> bool (n,)."""
    return np.fromiter(map(has_content, texts), dtype=np.bool_, count=len(texts))


def folded(text: str) -> str:
    """Return the text with its case folded (Unicode's full folding) and every run of white space as one space.

    Texts whose folded texts are equal are copies of each other.
    """
    return " ".join(text.casefold().split())


def copy_key(text: str) -> bytes:
    """Return 16 bytes that are equal for copies, and practically only for them."""
    return hashlib.blake2b(folded(text).encode(errors="surrogatepass"), digest_size=_KEY_BYTES).digest()


def fewest_chars(text: str) -> int:
    """Return a number of characters that no copy of this text falls short of, the same for all copies."""
    return -(-len(folded(text)) // _LONGEST_FOLD)
