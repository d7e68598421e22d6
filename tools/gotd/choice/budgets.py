"""What a choice may cost: so many records, characters, words or tokens of text."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gotd.content import fewest_chars

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: More characters than nearly every text has for a word or a token, of the scripts that have many: a window of a
#: ranking holds so many times the budget.
_CHARACTERS_PER_WORD, _CHARACTERS_PER_TOKEN = 8, 6


def _one_each(texts: Sequence[str]) -> list[int]:
    return [1] * len(texts)


def _no_more_than_one(_text: str) -> tuple[int, int]:
    return 1, 1


def _characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def _characters_held(text: str) -> tuple[int, int]:
    return len(text), fewest_chars(text)


@dataclass(frozen=True)
class Unit:
    """What is counted against a limit.

    counts   : how many each text has.
    held     : what a text that may be chosen costs while the pool is read, and the least that any copy of it costs.
    held_per_unit : of what `held` counts, about so many make one; 1 where it counts the same.
    identity : of what counts, where it is not this program.
    """

    name: str
    counts: Callable[[Sequence[str]], Sequence[int]]
    held: Callable[[str], tuple[int, int]]
    held_per_unit: int = 1
    identity: str | None = None


RECORDS = Unit("records", _one_each, _no_more_than_one)
CHARACTERS = Unit("characters", _characters, _characters_held)


def words() -> Unit:
    """Return words, as ds-probe counts them."""
    from gotd.methods.ngrams import word_counts

    return Unit("words", lambda texts: [int(count) for count in word_counts(texts)], _characters_held,
                _CHARACTERS_PER_WORD)


def tokens(folder: str) -> Unit:
    """Return tokens of text, without those that a model sees around it. folder : of the tokenizer

    Raises: GotdError where there is none, or only a slow one.
    """
    from gotd.pretrained import load_fast_tokenizer

    backend: Tokenizer = load_fast_tokenizer(Path(folder)).backend_tokenizer
    backend.no_truncation()
    backend.no_padding()

    def counts(texts: Sequence[str]) -> list[int]:
        return [len(each) for each in backend.encode_batch_fast(list(texts), add_special_tokens=False)]

    identity = hashlib.sha256(backend.to_str().encode()).hexdigest()
    return Unit("tokens", counts, _characters_held, _CHARACTERS_PER_TOKEN, identity)
