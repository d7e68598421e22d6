"""Rankings of the pool by every rule, fitted by gotd.fit in this process, each kept in a file.

A rule is written RULE[:OPTION=VALUE]..., as got:vectors=hash+static:source=general:epsilon=0.05

    vectors   names of embedders (folders under WORK/SCALE/vectors), side by side with +
    source    pool, or general (what the base model was trained on)
    center    0 or 1; here 1 for all vectors, not for those of hash alone
    whiten    0 or 1; by default what ds-target-stats takes
    ridge     of whitening, in mean variances of a direction; 2s is 2 s with s = sqrt(d / n), for n rows of d numbers;
              by default what ot/whitening.py takes
    epsilon   of got; 2s is 2 / (1 + s); by default what ds-target-stats takes
    rounds    of got: each chooses a part of the budget, which joins the source, with mass `mass` in the end
    distinct  cosine above which a text is taken for a copy of a better one, and left out
    seed      of random
    target_mass  text, words or sqrt-words: the mass of each text of the target
    rows      0, or how many rows of the pool there are: drawn at random, those of a smaller number among them
    draw      which ones: the seed of that
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from data import Study, texts
from results import whole

import gotd
from gotd.methods import rule_type
from gotd.methods.base import TextRule
from gotd.methods.ngrams import Classes, find_words, text_blocks
from gotd.streams.arrays import ArrayReader
from gotd.streams.sources import open_input

_CPU = torch.device("cpu")
#: Rows of the source solved on.
_SAMPLE = 32768
#: A ranking is at least this much longer than the budget, for chunks shorter than the mean.
_SLACK = 1.6
DEFAULTS: Mapping[str, str] = {"vectors": "hash", "source": "pool", "center": "1", "whiten": "", "ridge": "",
                               "epsilon": "", "rounds": "1", "mass": "0.3", "distinct": "1", "seed": "0",
                               "min_words": "100", "target_mass": "text", "rows": "0", "draw": "0"}
#: The power of a text's words that is its mass.
_POWERS = {"text": 0.0, "sqrt-words": 0.5, "words": 1.0}


class Rule(NamedTuple):
    """A rule as it is written, taken apart."""

    written: str
    name: str
    options: Mapping[str, str]

    @classmethod
    def parse(cls, written: str) -> "Rule":
        """Raises: SystemExit for an option that no rule has."""
        name, *given = written.split(":")
        options = dict(item.split("=", 1) for item in given)
        if unknown := sorted(options.keys() - DEFAULTS.keys()):
            raise SystemExit(f"rules: error: {written}: no option {unknown[0]}; there are {', '.join(DEFAULTS)}")
        return cls(written, name, {**DEFAULTS, **options})

    def __getitem__(self, option: str) -> str:
        return self.options[option]


def ranked(study: Study, task: str, rule: Rule, chunks: int) -> np.ndarray:
    """Rows of the pool, best first, enough for a budget of so many chunks. Shapes: -> int64 (k,)."""
    file = ranking_file(study, task, rule, chunks)
    if not file.exists():
        order = _distinct(study, rule, _rank(study, task, rule, chunks), int(_SLACK * chunks))
        with whole(file) as draft:
            np.save(draft, order.astype(np.int32))
    return np.load(file).astype(np.int64)


def ranking_file(study: Study, task: str, rule: Rule, chunks: int) -> Path:
    """Where the ranking is kept, for all budgets unless it depends on them."""
    is_sized = int(rule["rounds"]) > 1 or float(rule["distinct"]) < 1.0 or rule.name == "round-robin"
    sized = f"@{chunks}" if is_sized else ""
    key = hashlib.sha256(f"{rule.written}{sized}".encode()).hexdigest()[:16]
    return study.folder / "rankings" / task / f"{rule.name}-{key}.npy"


def pool_rows(study: Study, rule: Rule) -> np.ndarray:
    """Rows of the pool that the rule may choose from, in the pool's order. Shapes: -> int64 (n,)."""
    total, wanted = len(vectors(study, rule["vectors"], "pool")), int(rule["rows"])
    if wanted > total:
        raise SystemExit(f"rules: error: {rule.written}: the pool has {total} rows")
    if wanted in (0, total):
        return np.arange(total)
    # Not the first rows of the pool: each draw has others.
    return np.sort(np.random.default_rng([int(rule["draw"]), total]).permutation(total)[:wanted])


def _rank(study: Study, task: str, rule: Rule, chunks: int) -> np.ndarray:
    """All rows that there are, best first. Shapes: -> int64 (n,)."""
    rows = pool_rows(study, rule)
    return np.asarray(rows[_rank_of(study, task, rule, rows, chunks)])


def _rank_of(study: Study, task: str, rule: Rule, rows: np.ndarray, chunks: int) -> np.ndarray:
    """As _rank, but places among these rows."""
    if rule.name == "random":
        return np.random.default_rng([int(rule["seed"])]).permutation(len(rows))
    if issubclass(rule_type(rule.name), TextRule):
        return _by(_text_scores(study, task, rule, rows))
    scores = RowScores(study, task, rule, int(_SLACK * chunks), rows)
    rounds, order = int(rule["rounds"]), np.empty(0, dtype=np.int64)
    for number in range(1, rounds + 1):
        found = scores.given(order, float(rule["mass"]) * len(order) / chunks)
        found[order] = -np.inf
        # The last round ranks all the rest: the slack is its own, so that the budget itself has all rounds in it.
        end = chunks * number // rounds if number < rounds else len(found)
        order = np.concatenate([order, _by(found)[: end - len(order)]])
    return order


def _by(scores: np.ndarray) -> np.ndarray:
    return np.argsort(-scores, kind="stable")


class RowScores:
    """Scores of the pool by a rule that reads vectors."""

    def __init__(self, study: Study, task: str, rule: Rule, wanted: int, rows: np.ndarray | None = None) -> None:
        self._rule, self._wanted = rule, wanted
        self._masses = target_masses(study, task, rule)
        every, self._target = vectors(study, rule["vectors"], "pool"), vectors(study, rule["vectors"], task)
        self._pool = every if rows is None or len(rows) == len(every) else every[rows]
        self._source = self._pool if rule["source"] == "pool" else vectors(study, rule["vectors"], "source")

    def given(self, chosen: np.ndarray, mass: float) -> np.ndarray:
        """With `mass` of the source on the rows that were chosen before. Shapes: int64 (k,) -> float64 (n,).

        On as many threads as torch has here; it has as many afterwards, for the training that may follow.
        """
        of_pool = self._rule["source"] == "pool"
        mix = [(self._pool[np.sort(chosen)], mass)] if mass > 0.0 else []
        fitted = _fitted(self._rule, self._target, self._pool, source=None if of_pool else self._source, mix=mix,
                         target_mass=self._masses, threads=torch.get_num_threads(), device="cpu", **self._options())
        scores = fitted.score(self._pool, threads=torch.get_num_threads(), device="cpu")
        return scores.astype(np.float64)

    def _options(self) -> dict[str, object]:
        """The rule's options as they are written; what is not written is left to their defaults."""
        rule, rows = self._rule, len(self._target)
        s = float(np.sqrt(self._target.shape[1] / len(self._pool)))
        options: dict[str, object] = {"center": rule["center"] == "1", "pool_sample": _SAMPLE}
        if rule["whiten"]:
            options["whiten"] = rule["whiten"] == "1"
        if rule["epsilon"]:
            options["epsilon"] = _number(rule["epsilon"], lambda s: 1.0 / (1.0 + s), s)
        if rule["ridge"]:
            options["ridge"] = _number(rule["ridge"], lambda s: s, s)
        if rule.name == "round-robin":
            options["rounds"] = -(-self._wanted // rows)
        return options


def _fitted(rule: Rule, *inputs: Any, **options: Any) -> gotd.Target:
    """The rule as gotd.fit makes it. Raises: SystemExit where it cannot be made."""
    try:
        return gotd.fit(*inputs, method=rule.name, **options)
    except gotd.GotdError as error:
        raise SystemExit(f"rules: error: {rule.written}: {error}") from error


def target_masses(study: Study, task: str, rule: Rule) -> np.ndarray:
    """The mass of each text of the target. Shapes: -> float64 (n,)."""
    if rule["target_mass"] not in _POWERS:
        raise SystemExit(f"rules: error: {rule.written}: target_mass is one of {', '.join(_POWERS)}")
    if not (power := _POWERS[rule["target_mass"]]):
        return np.ones(len(vectors(study, rule["vectors"], task)))
    classes = Classes()
    lengths = [np.diff(find_words(block, classes).offsets) for block in text_blocks(texts(study.target(task)))]
    return np.asarray(np.concatenate(lengths) ** power)


def _number(written: str, scaled: Callable[[float], float], s: float) -> float:
    """A number as it stands, or one followed by s, times what is scaled by s."""
    return float(written[:-1]) * scaled(s) if written.endswith("s") else float(written)


def _text_scores(study: Study, task: str, rule: Rule, rows: np.ndarray) -> np.ndarray:
    every = texts(study.pool)
    pool = [every[row] for row in rows]
    source = None if rule["source"] == "pool" else texts(study.source)
    of_dsir = {"min_words": int(rule["min_words"])} if rule.name == "dsir" else {}
    fitted = _fitted(rule, texts(study.target(task)), pool, source=source, threads=2, **of_dsir)
    return fitted.score(pool, threads=2).astype(np.float64)


@lru_cache(maxsize=6)
def vectors(study: Study, names: str, which: str) -> np.ndarray:
    """Vectors of the pool, the source or a target; several embedders' side by side. Shapes: -> float16 (n, d)."""
    folder = study.folder / "vectors"
    places = [folder / name / (f"{which}.npy" if which in ("pool", "source") else f"targets/{which}.npy")
              for name in names.split("+")]
    parts = [_unit(_read(place)) for place in places]
    return parts[0] if len(parts) == 1 else np.hstack([part * np.float16(len(parts) ** -0.5) for part in parts])


def _read(path: Path) -> np.ndarray:
    with open_input(str(path)) as source:
        return np.concatenate(list(ArrayReader(source, "vectors").blocks()))


def _unit(rows: np.ndarray) -> np.ndarray:
    out = np.empty(rows.shape, dtype=np.float16)
    for start in range(0, len(rows), 8192):
        block = rows[start : start + 8192].astype(np.float32)
        out[start : start + 8192] = block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12)
    return out


def _distinct(study: Study, rule: Rule, order: np.ndarray, wanted: int) -> np.ndarray:
    """The order without texts that are nearly a better one's copy."""
    limit: Any = float(rule["distinct"])
    if limit >= 1.0:
        return order
    rows = vectors(study, "hash", "pool")[order[: 2 * wanted]].astype(np.float32)
    kept = np.zeros(len(rows), dtype=bool)
    for start in range(0, len(rows), 512):
        block = rows[start : start + 512]
        near = np.zeros(len(block), dtype=bool) if not kept.any() else (block @ rows[kept].T).max(axis=1) > limit
        within = np.tril(block @ block.T > limit, -1)
        for i in range(len(block)):
            kept[start + i] = not near[i] and not (within[i] & kept[start : start + len(block)]).any()
    return np.concatenate([order[: len(rows)][kept], order[len(rows) :]])
