"""Selection rules: what `ds-target-stats` fits and `ds-score` applies.

A rule is a class in a file of its own (base.py says what it has) and a line in RULES, or, in a package of its own, an
entry point of the group `gotd.rules`:

    [project.entry-points."gotd.rules"]
    furthest = "my_package.furthest:Furthest"
"""

import importlib
from collections.abc import Mapping
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from gotd.errors import GotdError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from gotd.methods.base import TextRule, VectorRule

GROUP = "gotd.rules"
#: Modules and classes of our own rules, by the names of the rules.
RULES: Mapping[str, str] = {
    "got": "gotd.methods.got:Got",
    "mean": "gotd.methods.mean:Mean",
    "nearest": "gotd.methods.nearest:Nearest",
    "round-robin": "gotd.methods.round_robin:RoundRobin",
    "best-match": "gotd.methods.best_match:BestMatch",
    "classifier": "gotd.methods.classifier:Classifier",
    "dsir": "gotd.methods.dsir:Dsir",
    "cross-entropy": "gotd.methods.cross_entropy:CrossEntropy",
    "random": "gotd.methods.random_scores:Random",
}


@cache
def of_packages() -> "Mapping[str, tuple[EntryPoint, ...]]":
    """Return the entry points of installed packages, by the names of their rules."""
    from importlib.metadata import entry_points

    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {name: tuple(same) for name, same in groupby(points, key=lambda point: point.name)}


def rule_names() -> list[str]:
    """Return the names of all rules, our own first."""
    return [*RULES, *(name for name in of_packages() if name not in RULES)]


def require_one_rule(name: str) -> None:
    """Raise GotdError where packages have a rule of a name that is taken."""
    points = of_packages().get(name, ())
    owners = [*(["gotd"] if name in RULES else []), *(_place(point)[1] for point in points)]
    if len(owners) > 1:
        raise GotdError(f"rule {name!r}: there is one in each of {', '.join(owners)}; remove all but one")


def rule_type(name: str) -> "type[VectorRule | TextRule]":
    """Return the rule of that name. Raises: GotdError for one that is not installed, or cannot be loaded."""
    from gotd.methods.base import TextRule, VectorRule

    if name not in RULES and name not in of_packages():
        raise GotdError(f"made by method {name!r}, which this gotd does not know")
    place, owner = (RULES[name], "gotd") if name in RULES else _place(of_packages()[name][0])
    module, _, attribute = place.partition(":")
    try:
        rule = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise GotdError(f"rule {name!r} of {owner}: {place} cannot be loaded ({error}); mend or remove the package") \
            from error
    if not (isinstance(rule, type) and issubclass(rule, VectorRule | TextRule) and rule.name == name):
        raise GotdError(f"rule {name!r} of {owner}: {place} is no rule of that name; its class is a VectorRule or "
                        f"TextRule, and its name {name!r}")
    return rule


def _place(point: "EntryPoint") -> tuple[str, str]:
    """Return module and class of a rule, and the name of the package."""
    return point.value, point.dist.name if point.dist else "a package"
