"""Token ids of many texts, each distinct word tokenised once.

Tokenising is nearly all the work of a static embedding, and natural text repeats its words. Where a tokenizer treats
what stands between spaces on its own, as BERT's do, remembering words gives the same ids several times faster.
"""

import json
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: Words remembered; when there are so many, they are forgotten and gathered anew.
_MAX_WORDS = 1 << 19
#: A longer word is hardly met twice.
_MAX_WORD_CHARACTERS = 64


class WordTokens:
    """Token ids of texts, without special tokens and without truncation.

    tokenizer : its padding and truncation are switched off
    """

    def __init__(self, tokenizer: "Tokenizer") -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._by_word = _splits_at_spaces(tokenizer)
        self._known: dict[str, list[int]] = {}

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text."""
        if not self._by_word:
            return self._tokenise(texts)
        # Only what a BERT normaliser also takes for space. Doubled spaces leave empty words, which have no tokens.
        split = [text.replace("\n", " ").replace("\t", " ").replace("\r", " ").split(" ") for text in texts]
        known = self._learn(set().union(*split))
        return [list(chain.from_iterable(map(known.__getitem__, words))) for words in split]

    def _learn(self, words: set[str]) -> dict[str, list[int]]:
        """Ids of at least these words."""
        new = list(words.difference(self._known))
        if len(self._known) + len(new) > _MAX_WORDS:
            self._known = {}
            new = list(words)
        ids = dict(zip(new, self._tokenise(new), strict=True))
        long = {word: tokens for word, tokens in ids.items() if len(word) > _MAX_WORD_CHARACTERS}
        if not long:
            self._known |= ids
            return self._known
        self._known |= {word: tokens for word, tokens in ids.items() if word not in long}
        return self._known | long

    def _tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def _splits_at_spaces(tokenizer: "Tokenizer") -> bool:
    """Whether a text's tokens are those of its space-separated words in a row: known of BERT's pipeline alone."""
    pipeline = json.loads(tokenizer.to_str())
    normalizer = pipeline["normalizer"] or {"type": None}
    pre_tokenizer = pipeline["pre_tokenizer"] or {"type": None}
    return (
        normalizer["type"] in (None, "BertNormalizer", "Lowercase")
        and pre_tokenizer["type"] == "BertPreTokenizer"
        and pipeline["model"]["type"] == "WordPiece"
        and not any(set(" \t\r\n") & set(token["content"]) for token in pipeline["added_tokens"])
    )
