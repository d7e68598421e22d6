"""Documents of a choice that a person reads: the best, some at random, those at the threshold, with their reasons."""

from collections.abc import Mapping, Sequence

import numpy as np

from gotd.report.coverage import Reason
from gotd.report.figures import Example, Why
from gotd.report.reading import Choice
from gotd.report.served import TextsOfPoints

BEST, RANDOM, THRESHOLD = "best", "random", "threshold"
#: Characters of a text, and of a target text, that are shown.
SHOWN_CHARACTERS, SHOWN_OF_TARGET = 800, 300


def ranking(choice: Choice) -> np.ndarray:
    """Return the numbers of the documents, best first: by score, else as they stand. Shapes: -> int64 (k,)."""
    if choice.scores is None:
        return np.arange(len(choice.texts))
    return np.argsort(-choice.scores, kind="stable")


def pick(choice: Choice, each: int, seed: int) -> list[tuple[str, int]]:
    """Return ranks, from 0, of the documents that are shown, and as what: none twice."""
    count = len(choice.texts)
    best = list(range(min(each, count)))
    last = list(range(max(len(best), count - each), count)) if choice.scores is not None else []
    between = np.arange(len(best), count - len(last))
    drawn = np.sort(np.random.default_rng(seed).permutation(between)[:each]).tolist()
    return [*((BEST, rank) for rank in best), *((RANDOM, rank) for rank in drawn),
            *((THRESHOLD, rank) for rank in last)]


def examples(choice: Choice, picked: Sequence[tuple[str, int]], order: np.ndarray, fields: Sequence[str],
             why: Mapping[int, list[Why]]) -> list[Example]:
    """Return the documents with all that is shown of them. why : by the numbers of documents"""
    found = []
    for kind, rank in picked:
        document = int(order[rank])
        record, text = choice.records[document], choice.texts[document]
        shown = {name: str(record[name])[:SHOWN_OF_TARGET] for name in fields if name in record}
        own_id = None if record.get("id") is None else str(record["id"])[:SHOWN_OF_TARGET]
        score = None if choice.scores is None else float(choice.scores[document])
        found.append(Example(kind, rank + 1, own_id, score, text[:SHOWN_CHARACTERS], len(text), shown,
                             why.get(document, [])))
    return found


def in_words(why: Mapping[int, list[Reason]], texts: Sequence[str], points: TextsOfPoints) -> dict[int, list[Why]]:
    """Return the reasons with the texts of their points."""
    found: dict[int, list[Why]] = {}
    for document, reasons in why.items():
        found[document] = []
        for reason in reasons:
            text = texts[int(points.nearest[reason.point])]
            found[document].append(Why(reason.share, reason.cost, text[:SHOWN_OF_TARGET], len(text),
                                       max(1, int(points.members[reason.point]))))
    return found
