"""What a choice should not hold, counted: copies, texts without content, texts of the target."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gotd.chunking import much_longer
from gotd.content import copy_key, with_content
from gotd.methods.ngrams import Classes, find_words, text_blocks
from gotd.overlap import RUN_WORDS, Overlap


@dataclass(frozen=True)
class Hygiene:
    """Counts.

    copies, without_content : of the choice. left_out : by ds-topk, by the reason; None where no seal says
    target_texts : of the target, and of these standing in the choice, at least half of their runs of words
    sharing : chosen documents that share a run of words with a text of the target
    length : what to do about the lengths of its texts, if anything
    """

    documents: int
    copies: int
    without_content: int
    left_out: dict[str, int] | None
    run_words: int = RUN_WORDS
    target_texts: int | None = None
    standing: int | None = None
    sharing: int | None = None
    length: str | None = None


def examine(texts: Sequence[str], left_out: dict[str, int] | None, target: Sequence[str] | None) -> Hygiene:
    """Return the counts of a choice. target : texts of the target, if known"""
    content = with_content(texts)
    copies = len(texts) - len({copy_key(text) for text in texts})
    found = Hygiene(len(texts), copies, int(np.count_nonzero(~content)), left_out)
    if target is None:
        return found
    overlap, classes, first = Overlap(target), Classes(), 0
    seen, sharing = overlap.nothing(), np.zeros(len(texts), dtype=np.bool_)
    for block in text_blocks(texts):
        runs, documents = overlap.seen(find_words(block, classes))
        seen[runs] = True
        sharing[first + documents] = True
        first += len(block)
    return Hygiene(len(texts), copies, int(np.count_nonzero(~content)), left_out, RUN_WORDS, len(target),
                   int(np.count_nonzero(overlap.standing(seen))), int(np.count_nonzero(sharing)),
                   much_longer(_mean_length(texts), _mean_length(target), "characters"))


def _mean_length(texts: Sequence[str]) -> float:
    return float(np.mean([len(text) for text in texts])) if texts else 0.0
