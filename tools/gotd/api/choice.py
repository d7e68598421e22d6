"""gotd.topk and gotd.select: the best records of a pool."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypedDict, Unpack, cast

import numpy as np

from gotd.api.embedding import embed
from gotd.api.inputs import Documents, Item, TextSource, read_documents, record_text
from gotd.api.target import Target, fit
from gotd.choice.candidates import Candidate
from gotd.choice.choose import choose
from gotd.choice.noise import Spread
from gotd.choice.options import ChoiceOptions
from gotd.choice.quotas import kind_of
from gotd.errors import DataError, UsageError
from gotd.methods import rule_names, rule_type
from gotd.methods.base import TextRule
from gotd.overlap import RUN_WORDS, Sharing

Scores: TypeAlias = Sequence[float] | np.ndarray


class Amounts(TypedDict, total=False):
    """Options of a choice beside k, as of ds-topk and with its defaults (see gotd.choice.options)."""

    fraction: float | None
    budget_chars: int | None
    budget_words: int | None
    budget_tokens: int | None
    tokenizer: str | None
    keep_copies: bool
    distinct: float | None
    per: str | None
    at_most: float | None
    shares: Mapping[str, object] | None
    allow_fewer: bool
    temperature: float
    seed: int


@dataclass(frozen=True)
class Choice:
    """The best records, best first.

    records  : as they were given: strings, or mappings with all their fields.
    indices  : int64 (k,), their places in the pool.
    scores   : float32 (k,), higher is better.
    left_out : records of the last one's score or a higher one that were not chosen, by the reason.
    target   : what the scores were made with, where it was fitted for this choice.
    kinds    : records of each kind, where kinds have quotas.
    targets  : for each record the name of the scores that it was chosen by, where there are several.
    """

    records: list[Item]
    indices: np.ndarray
    scores: np.ndarray
    left_out: dict[str, int]
    target: Target | None = None
    kinds: dict[str, int] = field(default_factory=dict)
    targets: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.records)


def topk(records: TextSource, scores: Scores | Mapping[str, Scores], k: int | None = None, *,
         exclude: TextSource | None = None, exclude_words: int = RUN_WORDS,
         split: Sequence[float] | Mapping[str, float] | None = None, text_key: str | None = None,
         text_template: str | None = None, message_template: str | None = None, **options: Unpack[Amounts]) -> Choice:
    """Return the best records, as ds-topk does; ties go to the earlier one.

    Args:
        records: as of gotd.embed.
        scores: one for each record; for several targets, which share the choice, a mapping from their names.
        k: so many records; or, in its place, one of fraction, budget_chars, budget_words, budget_tokens (with
            tokenizer, a folder): this share of them, or the best whose texts have together at most so many.
        exclude: leave out what shares a run of `exclude_words` words with these texts.
        split: shares of several targets; equal ones by default.
        text_key, text_template, message_template: as of gotd.embed.
        options: as of ds-topk, with its defaults: keep_copies; distinct; per, a field, with at_most or shares, a
            mapping from kinds, and allow_fewer; temperature and seed.

    Raises:
        UsageError: not one amount, or options that contradict each other.
        DataError: scores that are not one for each record, or not finite.
        GotdError: quotas that cannot be filled.
    """
    text = record_text(text_key, text_template, message_template)
    named: Mapping[str, Scores] = scores if isinstance(scores, Mapping) else {"scores": scores}
    how = ChoiceOptions(k=k, split=_split(split, list(named)), **options)
    found = read_documents(records, text, "records")
    others = None if exclude is None else Sharing(read_documents(exclude, text, "exclude").texts, exclude_words)
    return _best(found, named, how, others)


def _best(found: Documents, named: Mapping[str, Scores], how: ChoiceOptions, others: Sharing | None) -> Choice:
    pool = _Pool(found, [_checked(each, len(found.texts)) for each in named.values()], how.per)
    choice = choose(pool, how.rules(lambda: len(found.texts), len(named), others))
    places = np.array([record.row for record in choice.records], dtype=np.int64)
    names = list(named)
    return Choice([found.items[place] for place in places.tolist()], places,
                  np.array([record.score for record in choice.records], dtype=np.float32), choice.left_out,
                  kinds=choice.kinds,
                  targets=[names[record.target] for record in choice.records] if len(names) > 1 else [])


def select(pool: TextSource, target: TextSource, k: int | None = None, *, model: str | Sequence[str] = "hash",
           method: str = "got", text_key: str | None = None, text_template: str | None = None,
           message_template: str | None = None, exclude: TextSource | None = None, threads: int | None = None,
           device: str = "auto", **options: Any) -> Choice:
    """Return the records of a pool that best prepare a model for a target: embed, fit, score and choose.

    For pools that fit in memory; as `ds-embed`, `ds-target-stats`, `ds-score` and `ds-topk` one after the other.

    Args:
        pool, target: texts or records, as of gotd.embed.
        text_key, text_template, message_template: how records become texts, as of ds-embed.
        model, method: as of gotd.embed and gotd.fit.
        k, exclude: as of gotd.topk.
        options: of the rule, as of gotd.fit, and of the choice, as of gotd.topk. seed is of both.
    """
    names = [name for name in Amounts.__annotations__ if name in options and name != "seed"]
    amounts = cast("Amounts", {name: options.pop(name) for name in names})
    if amounts.get("temperature") and "seed" in options:
        amounts["seed"] = options["seed"]
        if method in rule_names() and not hasattr(rule_type(method).options_type, "seed"):
            del options["seed"]
    how, text = ChoiceOptions(k=k, **amounts), record_text(text_key, text_template, message_template)
    found, aim = read_documents(pool, text, "pool"), read_documents(target, text, "target")
    if method in rule_names() and issubclass(rule_type(method), TextRule):
        fitted = fit(aim.texts, found.texts, method=method, threads=threads, **options)
        scores = fitted.score(found.texts, threads=threads)
    else:
        vectors, of_target = (embed(each.texts, model, threads=threads, device=device) for each in (found, aim))
        fitted = fit(of_target, vectors, method=method, threads=threads, device=device, **options)
        scores = fitted.score(vectors, threads=threads, device=device)
    others = None if exclude is None else Sharing(read_documents(exclude, text, "exclude").texts)
    return replace(_best(found, {"scores": scores}, how, others), target=fitted)


def _split(given: Sequence[float] | Mapping[str, float] | None, names: Sequence[str]) -> list[float]:
    """Return the shares of the targets, in their order; none for equal ones."""
    if not isinstance(given, Mapping):
        return list(given or ())
    if set(given) != set(names):
        raise UsageError(f"split: shares of {', '.join(given)}; the targets are {', '.join(names)}")
    return [given[name] for name in names]


def _checked(scores: Scores, rows: int) -> np.ndarray:
    """Return scores as float32 (rows,)."""
    numbers = np.asarray(scores, dtype=np.float32)
    if numbers.shape != (rows,):
        raise DataError("scores", f"{numbers.shape} for {rows} records", "give one for each record")
    if not np.isfinite(numbers).all():
        place = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise DataError(f"scores[{place}]", "NaN or infinite", "score that record again")
    return numbers


class _Pool:
    """Texts with scores for each target, as a choice reads them; a record's line is its number."""

    def __init__(self, found: Documents, scores: list[np.ndarray], kind_key: str | None) -> None:
        self._found, self._scores = found, scores
        self._kinds = [""] * len(found.texts)
        if kind_key is not None:
            self._kinds = [self._kind(place, item, kind_key) for place, item in enumerate(found.items)]

    @staticmethod
    def _kind(place: int, item: Item, key: str) -> str:
        try:
            return kind_of(item if isinstance(item, Mapping) else {}, key)
        except ValueError as error:
            raise DataError(f"records[{place}]", str(error), "name another field with per=") from error

    def thresholds(self, _wanted: int) -> Iterator[None]:
        """All are read at once."""
        yield None

    def deviations(self) -> list[float]:
        """Return the standard deviations of the scores for each target."""
        spreads = [Spread() for _ in self._scores]
        for spread, scores in zip(spreads, self._scores, strict=True):
            spread.add(scores)
        return [spread.deviation for spread in spreads]

    def batches(self, _least: np.float32 | None = None) -> Iterator[list[Candidate]]:
        """Yield all of them."""
        yield [Candidate(scores, row, b"%d" % row, text, kind) for row, (scores, text, kind)
               in enumerate(zip(zip(*self._scores, strict=True), self._found.texts, self._kinds, strict=True))]

    def text(self, line: bytes) -> str:
        """Return the text of a record."""
        return self._found.texts[int(line)]
