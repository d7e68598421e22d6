"""Completion in a shell, by click's own machinery: what a metavar calls a file or a folder completes as one."""

import os
import re

import click
from click.shell_completion import CompletionItem, get_completion_class, shell_complete

from gotd.cli._environment import COMMANDS, Lines
from gotd.errors import UsageError

SHELLS = ("bash", "zsh", "fish")
#: Words of metavars that stand for a file, which may be in a folder, and for a folder alone.
_FILES = re.compile(r"\b(FILE|DIR|CONFIG|POOL|CHOICE|SETTINGS)\b")
_FOLDERS = re.compile(r"\b(FOLDER|OUT)\b")
#: Scripts of zsh ask for its completion system, which a bare shell has not started.
_BEFORE = {"zsh": "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }\n"}


class _Path(Lines):
    """Text that completes as a file's or a folder's name."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def shell_complete(self, ctx: click.Context, param: click.Parameter,  # noqa: ARG002 - click calls it
                       incomplete: str) -> list[CompletionItem[str]]:
        """Leave it to the shell, which knows how to quote names."""
        return [CompletionItem(incomplete, type=self._kind)]


def asked_for(tool: str) -> str | None:
    """Return what a shell asks of a command in place of its work, as "bash_source"; None where nothing is asked."""
    return os.environ.get(_variable(tool))


def complete(command: click.Command, tool: str, instruction: str) -> int:
    """Print a shell's script, or what may stand where its cursor is; return the exit status.

    Raises: UsageError for what no shell asks.
    """
    _name_files(command)
    try:
        status = shell_complete(command, {}, tool, _variable(tool), instruction)
    except (KeyError, ValueError, IndexError) as error:
        raise UsageError(f"{_variable(tool)}={instruction}: the shell says nothing of its line ({error}); to set "
                         f"completion up: ds-pipeline completion --help") from error
    if status:
        wanted = ", ".join(f"{shell}_source" for shell in SHELLS)
        raise UsageError(f"{_variable(tool)}={instruction}: wanted one of {wanted}")
    return status


def scripts(shell: str, command: click.Command) -> str:
    """Return a shell's scripts for all commands. command : any, as scripts ask each for its own words"""
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"{shell}: wanted one of {', '.join(SHELLS)}")
    tools = [f"ds-{name.replace('_', '-')}" for name in COMMANDS]
    return _BEFORE.get(shell, "") + "".join(kind(command, {}, tool, _variable(tool)).source() for tool in tools)


def _variable(tool: str) -> str:
    return f"_{tool}_COMPLETE".replace("-", "_").upper()


def _name_files(command: click.Command) -> None:
    """Let options and arguments complete as what their metavars call them."""
    for each in command.params:
        words = each.metavar or ""
        if isinstance(each.type, click.types.StringParamType) and not isinstance(each.type, _Path):
            if _FILES.search(words):
                each.type = _Path("file")
            elif _FOLDERS.search(words):
                each.type = _Path("dir")
    if isinstance(command, click.Group):
        for other in command.commands.values():
            _name_files(other)
