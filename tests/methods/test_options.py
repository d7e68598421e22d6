"""Options of rules: what a command line is told, bounds, and what does nothing beside other options."""

import dataclasses
from typing import get_type_hints

import pytest

from gotd.errors import UsageError
from gotd.methods import RULES, rule_type
from gotd.methods.dsir import DsirOptions
from gotd.methods.got import GotOptions
from gotd.methods.options import Option, TransportOptions
from gotd.methods.round_robin import RoundRobinOptions

SOLVER = {"tol", "max_iterations"}


@pytest.mark.parametrize(("least", "most", "above", "allowed", "refused"), [
    (0, None, False, [0, 0.5, 1e30], [-1e-9, float("nan"), float("inf")]),
    (0, 1, True, [1e-9, 1], [0, 1.001, -1]), (None, None, False, [-5, 5], [float("inf")]),
    (1, None, False, [1, 2**70], [0]),
])  # fmt: skip
def test_bounds(least: float | None, most: float | None, above: bool, allowed: list[float],
                refused: list[float]) -> None:
    option = Option("a number", least=least, most=most, above=above)
    assert all(option.allows(value) for value in allowed)
    assert not any(option.allows(value) for value in refused)


@pytest.mark.parametrize(("options", "idle"), [
    (GotOptions(), set()), (GotOptions(epsilon=0.0), SOLVER | {"passes", "allow_unconverged"}),
    (GotOptions(epsilon=1e-9), set()), (TransportOptions(epsilon=0.0), SOLVER),
    (RoundRobinOptions(), {"seed", "pool_sample"}), (RoundRobinOptions(whiten=True), set()),
    (DsirOptions(), {"seed"}), (DsirOptions(gumbel=True), set()),
])  # fmt: skip
def test_what_does_nothing_beside_others(options: GotOptions, idle: set[str]) -> None:
    assert options.idle().keys() == idle


def test_each_option_is_one_and_the_same_wherever_it_is() -> None:
    """No rule has an option of another's name with other words, bounds or another default."""
    every: dict[str, object] = {}
    for name in RULES:
        kind = rule_type(name).options_type
        hints = get_type_hints(kind, include_extras=True)
        defaults = {each.name: each.default for each in dataclasses.fields(kind)}
        for option, mark in kind.on_command_line().items():
            whole = (hints[option], mark, defaults[option])
            assert every.setdefault(option, whole) == whole, f"{option} of {name}"
    assert {"epsilon", "seed", "rounds", "gumbel", "center"} <= every.keys()
    assert "ridge" not in every  # for Python alone


def test_numbers_out_of_bounds_are_refused_from_python_too() -> None:
    with pytest.raises(UsageError, match="--pool-sample 0: wanted a number from 1"):
        GotOptions(pool_sample=0)
    with pytest.raises(UsageError, match="--seed"):
        GotOptions(seed=2**64)
    assert GotOptions(seed=2**64 - 1).seed == 2**64 - 1
