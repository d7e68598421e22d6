"""The options of selection rules on a command line: each as a dataclass of a rule writes it (methods/options.py)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from functools import cache
from types import NoneType
from typing import Literal, NamedTuple, get_args, get_origin, get_type_hints

import click
from click.core import ParameterSource

from gotd.cli._options import Callback, FiniteRange, on_command_line
from gotd.errors import GotdError, UsageError
from gotd.methods import require_one_rule, rule_names, rule_type
from gotd.methods.base import TextRule, VectorRule
from gotd.methods.options import Option, Options, flag


class _Field(NamedTuple):
    """A field of a dataclass of options. kind : of its values, None apart; is_optional : it may be None"""

    option: Option
    kind: object
    is_optional: bool
    default: object


def _fields(options: type[Options]) -> Mapping[str, _Field]:
    hints, found = get_type_hints(options), {}
    defaults = {each.name: each.default for each in fields(options)}
    for name, option in options.on_command_line().items():
        kinds = [hints[name]] if get_origin(hints[name]) is Literal else get_args(hints[name]) or [hints[name]]
        kind = next(each for each in kinds if each is not NoneType)
        found[name] = _Field(option, kind, NoneType in kinds, defaults[name])
    return found


@cache
def _all_fields() -> Mapping[str, _Field]:
    """Options of all rules that can be loaded; one that several have as the first has it."""
    every: dict[str, _Field] = {}
    for name in rule_names():
        try:
            own = _fields(rule_type(name).options_type)
        except GotdError:
            continue  # said where it is chosen
        every |= {option: each for option, each in own.items() if option not in every}
    return every


class _OfRules(click.Option):
    """An option that rules have."""


def of_rules(command: Callback) -> Callback:
    """Add the options of all rules but for those that the command has by itself."""
    own = {each.name for each in getattr(command, "__click_params__", ())}
    for name, each in reversed(list(_all_fields().items())):
        if name not in own:
            command = _click_option(name, each)(command)
    return command


def _click_option(name: str, each: _Field) -> Callable[[Callback], Callback]:
    option, written = each.option, flag(name)
    if each.kind is bool:
        pair = f"{written}/--no-{written[2:]}" if each.is_optional else written
        return click.option(pair, name, cls=_OfRules, is_flag=True, default=each.default, help=option.text)
    return click.option(written, name, cls=_OfRules, type=_type(each), default=each.default,
                        show_default=each.default is not None, metavar=option.metavar, help=option.text)


def _type(each: _Field) -> click.Choice[str] | click.IntRange | FiniteRange | type[str]:
    least, most = each.option.least, each.option.most
    if get_origin(each.kind) is Literal:
        return click.Choice(get_args(each.kind))
    if each.kind is int:
        return click.IntRange(None if least is None else int(least), None if most is None else int(most))
    if each.kind is float:
        return FiniteRange(least, most, min_open=each.option.above)
    return str


def chosen_rule(context: click.Context, name: str) -> "type[VectorRule | TextRule]":
    """Return the rule of that name. Raises: GotdError where it cannot be used, or has another's option of its own."""
    require_one_rule(name)
    rule, every = rule_type(name), _all_fields()
    own = {each.name for each in context.command.params if not isinstance(each, _OfRules)}
    for option, each in _fields(rule.options_type).items():
        if option in own or every[option] != each:
            raise GotdError(f"rule {name!r}: {flag(option)} is another option here; its package has to name it "
                            "otherwise")
    return rule


def values_given(context: click.Context, options: type[Options]) -> dict[str, object]:
    """Return the values of options that the command line or the environment give."""
    return {name: context.params[name] for name in _fields(options)
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT}


def require_heard(context: click.Context, method: str, options: Options, inputs: Collection[str]) -> None:
    """Raise UsageError for an option on the command line that does nothing. inputs : what is heard besides options"""
    heard, idle = {*inputs, *_fields(type(options))}, options.idle()
    for parameter in context.command.params:
        name = parameter.name or ""
        if on_command_line(context, name) and (name not in heard or name in idle):
            why = idle.get(name, "")
            raise UsageError(f"{parameter.opts[0]} does nothing with --method {method}{why}; leave it out")
