"""Token ids for a transformer: cut to what it reads, counted, in work bounded by what it reads and not by the text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from gotd.errors import UsageError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

#: How much of a long text is tokenised at first; English has four or five characters to a token.
_CHARACTERS_PER_TOKEN = 6
_GROWTH = 4
#: Where characters give hardly any tokens (a word without end, spaces alone) a text is read so far and no further: to
#: this many times what is tokenised at first, or this many characters if that is more.
_MOST_TIMES, _MOST_CHARACTERS = 16, 1 << 17
#: Tokens beside the cut that the cut may have changed: a divided word has at most 100 in BERT's tokenizers, for which a
#: longer one is unknown.
_MARGIN_TOKENS = 128


class Tokens(NamedTuple):
    """A text as its model reads it.

    ids, types : token ids and segment ids, special tokens included, int32 (tokens,)
    content : how many of them are the text's own
    left_out : tokens after them that the model does not read
    unread : characters after those, not even tokenised
    """

    ids: npt.NDArray[np.int32]
    types: npt.NDArray[np.int32]
    content: int
    left_out: int
    unread: int


class TextTokenizer:
    """Texts to tokens.

    tokenizer : its padding and truncation are set here
    max_tokens : special tokens included
    prompt : stands before every text
    lower_case : texts are folded first, as sentence-transformers does it: by the tokenizer, special tokens as they are
    """

    def __init__(self, tokenizer: "Tokenizer", max_tokens: int, prompt: str = "", lower_case: bool = False) -> None:
        special = tokenizer.num_special_tokens_to_add(is_pair=False)
        if lower_case:
            _lower_case(tokenizer)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._prompt_tokens = _content(tokenizer.encode(prompt))
        taken = special + self._prompt_tokens
        if max_tokens <= taken:
            whose = f"special or the prompt's ({prompt!r})" if self._prompt_tokens else "special"
            raise UsageError(f"{max_tokens} tokens of a text: {taken} of them are {whose}; at least {taken + 1}")
        tokenizer.enable_truncation(max_tokens)
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._prompt = prompt

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens that the whole text would give, up to the model's limit.

        Of a long text a beginning is tokenised, and a longer one where it gave too few tokens, but never more than
        `_MOST_CHARACTERS` or so. A cut changes only tokens beside it: it is made at white space where there is some,
        and tokens near it are not used.
        """
        found: dict[int, Tokens] = {}
        waiting = list(range(len(texts)))
        limit = (self._max_tokens + _MARGIN_TOKENS) * _CHARACTERS_PER_TOKEN
        most = max(_MOST_TIMES * limit, _MOST_CHARACTERS)
        while waiting:
            cuts = [_cut(texts[index], limit) for index in waiting]
            encodings = self._tokenizer.encode_batch_fast([self._prompt + cut for cut in cuts])
            for index, cut, encoding in zip(waiting, cuts, encodings, strict=True):
                left_out = sum(map(_content, encoding.overflowing))
                unread = len(texts[index]) - len(cut)
                if not unread or left_out > _MARGIN_TOKENS or limit == most:
                    content = self._own_tokens(encoding, cut)
                    found[index] = Tokens(_array(encoding.ids), _array(encoding.type_ids), content, left_out, unread)
            waiting = [index for index in waiting if index not in found]
            limit = min(limit * _GROWTH, most)
        return [found[index] for index in range(len(texts))]

    def _own_tokens(self, encoding: "Encoding", text: str) -> int:
        """How many are the text's own.

        Where prompt and text meet, tokens of both may be one: of a text that seems to have none its own are counted.
        """
        own = _content(encoding) - self._prompt_tokens
        if own > 0 or not self._prompt:
            return own
        return _content(self._tokenizer.encode(text, add_special_tokens=False))


def _cut(text: str, limit: int) -> str:
    """At most `limit` characters, ending before white space where the second half has some."""
    if len(text) <= limit:
        return text
    end = max(text.rfind(space, limit // 2, limit) for space in " \n\t")
    return text[: end if end > 0 else limit]


def _lower_case(tokenizer: "Tokenizer") -> None:
    """Folding before whatever else the tokenizer does to a text; twice does no harm."""
    from tokenizers import normalizers

    known = [] if tokenizer.normalizer is None else [tokenizer.normalizer]
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *known])


def _content(encoding: "Encoding") -> int:
    """How many tokens are not special."""
    return int(encoding.special_tokens_mask.count(0))


def _array(ids: list[int]) -> npt.NDArray[np.int32]:
    return np.array(ids, dtype=np.int32)
