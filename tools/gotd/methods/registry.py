"""The selection rules by name. A rule's module is imported when it is used.

A module of a rule that reads vectors has

    fit(target, weights, parts, source_is_pool, settings, workers, device, ranked) -> Fitted
    Scorer(arrays, summary, workers, device)                               a RowScorer

where `ranked` is what will be scored, given where it is not the source and gives the space (space.py),

and that of a rule that reads texts

    fit(target, source, settings, threads) -> Fitted                       texts in batches, both
    Scorer(arrays, summary, threads)                                       a TextScorer
"""

import importlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from gotd.errors import GotdError

Kind = Literal["vectors", "texts"]


class Rule(NamedTuple):
    """A selection rule.

    module  : under gotd.methods.
    reads   : what it is fitted to and what it scores.
    options : the options of ds-target-stats that it listens to, besides those every rule has.
    rereads : it may read the source more than once, whatever --passes says.
    whitens : it whitens vectors unless told otherwise.
    looks   : it needs no more of the source than a look at each file, whether it holds vectors that fit the target.
    """

    module: str
    reads: Kind
    options: frozenset[str]
    rereads: bool = False
    whitens: bool = False
    looks: bool = False


_SAMPLE = frozenset({"seed", "pool_sample"})
_SPACE = frozenset({"metric", "center", "whiten", "device"})
_SOURCE = frozenset({"source", "mix", "weights"})
_TARGET = frozenset({"target_mass", "target_texts"})
_SOLVER = frozenset({"epsilon", "passes", "tol", "max_iterations", "max_target", "choose", "share",
                     "allow_unconverged"})
_TEXTS = frozenset({"text_key", "skip_invalid", "long_window"})

RULES: Mapping[str, Rule] = {
    "got": Rule("got", "vectors", _SAMPLE | _SPACE | _SOURCE | _TARGET | _SOLVER, whitens=True),
    "mean": Rule("mean", "vectors", _SAMPLE | _SPACE | _SOURCE | _TARGET),
    "nearest": Rule("nearest", "vectors", _SAMPLE | _SPACE | _SOURCE),
    "round-robin": Rule("round_robin", "vectors", _SPACE | {"rounds", "pool_sample", "seed"}, rereads=True),
    "classifier": Rule("classifier", "vectors", _SAMPLE | {"center"} | _SOURCE | _TARGET),
    "dsir": Rule("dsir", "texts", _TEXTS | {"source", "gumbel", "min_words", "seed"}),
    "random": Rule("random_scores", "vectors", frozenset({"seed"}), looks=True),
}


def rule(name: str) -> Rule:
    """The rule of that name. Raises: GotdError for one that this gotd does not know."""
    if name not in RULES:
        raise GotdError(f"made by method {name!r}, which this gotd does not know")
    return RULES[name]


def module(found: Rule) -> Any:
    """Its module, imported."""
    return importlib.import_module(f"gotd.methods.{found.module}")
