"""What counts as content: a text with a letter or a digit of any script.

A text of white space, punctuation or symbols alone says nothing; whatever an embedder makes of it, it has no place in
the space that documents are compared in.
"""

import re
from collections.abc import Sequence

import numpy as np

_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


def has_content(text: str) -> bool:
    """Return True if a letter or digit of any script stands in the text."""
    return _LETTER_OR_DIGIT.search(text) is not None


def with_content(texts: Sequence[str]) -> np.ndarray:
    """Return which texts have content. Shapes: n texts -> bool (n,)."""
    return np.fromiter(map(has_content, texts), dtype=np.bool_, count=len(texts))
