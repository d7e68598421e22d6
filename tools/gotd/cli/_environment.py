"""DS_* variables: what the environment says to a command, and what of it is meant for others.

A flag beats a variable and that beats a default. A variable speaks to all commands of a chain: one that a command
cannot use, because it has no such option, or another one of that name, is passed over there.
"""

import importlib
import os
from collections.abc import Iterator
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from gotd.errors import UsageError

Value = TypeVar("Value")

#: Options that a variable must not set: DS_HELP would have every command print its help.
_OF_THE_COMMAND_LINE = ("help", "version")

#: Modules of the commands of a chain: each has a `command`.
_OF_A_CHAIN = ("chunk", "embed", "target_stats", "score", "topk", "probe", "report", "train")
#: Modules of all commands.
COMMANDS = (*_OF_A_CHAIN, "pipeline")


class Lines(click.types.StringParamType):
    """Text; of an option that may be given again, a variable holds one value a line: names hold white space."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """The values in a variable."""
        return [line for line in rv.split("\n") if line]


def name_variables(command: click.Command) -> None:
    """Let every option of a command be set by a variable: DS_ and the longest of its names."""
    for option in _options(command):
        option.envvar = "DS_" + max(option.opts, key=len).lstrip("-").replace("-", "_").upper()
        if option.multiple:
            option.type = Lines()


def pass_over(command: click.Command) -> None:
    """Let options ignore variables whose values are those of another command's option of the same name.

    Raises: UsageError for a value that no command takes.
    """
    for option in _options(command):
        if option.envvar in os.environ and (fault := _fault(command, option)):
            if not any(_fault(*other) is None for other in _others(command, option)):
                raise UsageError(f"{option.envvar}={os.environ[str(option.envvar)]} in the environment: {fault}")
            option.envvar = None


def _options(command: click.Command) -> list[click.Option]:
    return [option for option in command.params
            if isinstance(option, click.Option) and option.name not in _OF_THE_COMMAND_LINE]


def _fault(command: click.Command, option: click.Option) -> str | None:
    """What is wrong with the value of an option's variable; None where it can be used."""
    context = click.Context(command)
    try:
        option.type_cast_value(context, option.value_from_envvar(context))
    except click.BadParameter as error:
        return error.message
    return None


def _others(command: click.Command, option: click.Option) -> Iterator[tuple[click.Command, click.Option]]:
    """Options of the other commands that the same variable sets."""
    for name in _OF_A_CHAIN:
        other = importlib.import_module(f"gotd.cli.{name}").command
        if other.name != command.name:
            name_variables(other)
            yield from ((other, each) for each in _options(other) if each.envvar == option.envvar)


def is_from_environment(name: str) -> bool:
    """Whether a variable, and not the command line, set an option of the command that runs."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.ENVIRONMENT


def unless_idle(name: str, value: Value, does_something: bool) -> Value | None:
    """Return the value of an option; None where it does nothing beside the others and only a variable set it."""
    return value if does_something or not is_from_environment(name) else None


def one_of(**values: Any) -> list[Any]:
    """Return values of options of which one may be given: beside one on the command line, those of variables are None.

    values : by the names of their options
    """
    on_line = [name for name, value in values.items() if value is not None and not is_from_environment(name)]
    return [None if on_line and is_from_environment(name) else value for name, value in values.items()]
