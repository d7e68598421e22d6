"""gotd.topk and gotd.select: the best records of a pool."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from gotd.api.embedding import embed
from gotd.api.inputs import Documents, Item, TextSource, read_documents, record_text
from gotd.api.target import Target, fit
from gotd.choice.candidates import Candidate
from gotd.choice.choose import Rules, choose
from gotd.choice.near_copies import NearCopies
from gotd.errors import DataError, UsageError
from gotd.methods import rule_names, rule_type
from gotd.methods.base import TextRule
from gotd.overlap import RUN_WORDS, Sharing


@dataclass(frozen=True)
class Choice:
    """The best records, best first.

    records  : as they were given: strings, or mappings with all their fields.
    indices  : int64 (k,), their places in the pool.
    scores   : float32 (k,), higher is better.
    left_out : records of the last one's score or a higher one that were not chosen, by the reason.
    target   : what the scores were made with, where it was fitted for this choice.
    """

    records: list[Item]
    indices: np.ndarray
    scores: np.ndarray
    left_out: dict[str, int]
    target: Target | None = None

    def __len__(self) -> int:
        return len(self.records)


def topk(records: TextSource, scores: Sequence[float] | np.ndarray, k: int | None = None, *,
         fraction: float | None = None, budget_chars: int | None = None, keep_copies: bool = False,
         distinct: float | None = None, exclude: TextSource | None = None, exclude_words: int = RUN_WORDS,
         text_key: str | None = None, text_template: str | None = None,
         message_template: str | None = None) -> Choice:
    """Return the best records, as ds-topk does; ties go to the earlier one.

    Args:
        records: as of gotd.embed. scores: one for each.
        text_key, text_template, message_template: as of gotd.embed.
        k, fraction, budget_chars: one of them: so many records, this share of them, or the best whose texts have
            together at most so many characters.
        keep_copies: choose also what says the same as a better record, but for case and white space.
        distinct: leave out near copies of better records, from this Jaccard similarity of runs of 5 words on.
        exclude: leave out what shares a run of `exclude_words` words with these texts.

    Raises:
        UsageError: not one of k, fraction and budget_chars.
        DataError: scores that are not one for each record, or not finite.
    """
    text = record_text(text_key, text_template, message_template)
    found = read_documents(records, text, "records")
    others = None if exclude is None else read_documents(exclude, text, "exclude").texts
    return _best(found, scores, _limit(k, fraction, budget_chars, len(found.texts)),
                 _rules(budget_chars is not None, keep_copies, others, exclude_words, distinct))


def select(pool: TextSource, target: TextSource, k: int, *, model: str | Sequence[str] = "hash", method: str = "got",
           text_key: str | None = None, text_template: str | None = None,
           message_template: str | None = None, exclude: TextSource | None = None, keep_copies: bool = False,
           distinct: float | None = None, threads: int | None = None, device: str = "auto",
           **options: object) -> Choice:
    """Return the k records of a pool that best prepare a model for a target: embed, fit, score and choose.

    For pools that fit in memory; as `ds-embed`, `ds-target-stats`, `ds-score` and `ds-topk` one after the other.

    Args:
        pool, target: texts or records, as of gotd.embed.
        text_key, text_template, message_template: how records become texts, as of ds-embed.
        model, method, options: as of gotd.embed and gotd.fit.
        exclude, keep_copies, distinct: as of gotd.topk.
    """
    text = record_text(text_key, text_template, message_template)
    found, aim = read_documents(pool, text, "pool"), read_documents(target, text, "target")
    if method in rule_names() and issubclass(rule_type(method), TextRule):
        fitted = fit(aim.texts, found.texts, method=method, threads=threads, **options)  # type: ignore[arg-type]
        scores = fitted.score(found.texts, threads=threads)
    else:
        vectors, of_target = (embed(each.texts, model, threads=threads, device=device) for each in (found, aim))
        fitted = fit(of_target, vectors, method=method, threads=threads, device=device, **options)  # type: ignore[arg-type]
        scores = fitted.score(vectors, threads=threads, device=device)
    others = None if exclude is None else read_documents(exclude, text, "exclude").texts
    choice = _best(found, scores, _limit(k, None, None, 0), _rules(False, keep_copies, others, RUN_WORDS, distinct))
    return replace(choice, records=[found.items[place] for place in choice.indices.tolist()], target=fitted)


def _rules(by_chars: bool, keep_copies: bool, others: list[str] | None, words: int, distinct: float | None) -> Rules:
    return Rules(0, by_chars, keep_copies, None if others is None else Sharing(others, words),
                 None if distinct is None else NearCopies(distinct))


def _limit(k: int | None, fraction: float | None, budget_chars: int | None, rows: int) -> int:
    given = [each for each in (k, fraction, budget_chars) if each is not None]
    if len(given) != 1 or not given[0] > 0 or (fraction is not None and fraction > 1.0):
        raise UsageError("give one of k (at least 1), fraction (up to 1) and budget_chars (at least 1)")
    if fraction is not None:
        return math.ceil(Fraction(str(fraction)) * rows)
    return int(given[0])


def _best(found: Documents, scores: Sequence[float] | np.ndarray, limit: int, rules: Rules) -> Choice:
    numbers = np.asarray(scores, dtype=np.float32)
    if numbers.shape != (len(found.texts),):
        raise DataError("scores", f"{numbers.shape} for {len(found.texts)} records", "give one for each record")
    if not np.isfinite(numbers).all():
        place = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise DataError(f"scores[{place}]", "NaN or infinite", "score that record again")
    choice = choose(_Pool(found.texts, numbers), rules._replace(limit=limit))
    places = np.array([-record.later for record in choice.records], dtype=np.int64)
    return Choice([found.items[place] for place in places.tolist()], places, numbers[places], choice.left_out)


class _Pool:
    """Texts with scores, as a choice reads them; a record's line is its number."""

    def __init__(self, texts: list[str], scores: np.ndarray) -> None:
        self._texts, self._scores = texts, scores

    def thresholds(self, _wanted: int) -> Iterator[None]:
        """All are read at once."""
        yield None

    def batches(self, _least: np.float32 | None = None) -> Iterator[list[Candidate]]:
        """Yield all of them."""
        yield [Candidate(score, row, b"%d" % row, text)
               for row, (score, text) in enumerate(zip(self._scores, self._texts, strict=True))]

    def text(self, line: bytes) -> str:
        """Return the text of a record."""
        return self._texts[int(line)]
