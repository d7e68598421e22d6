"""Write the man pages of all commands, from what --help is made of, beside this file: python tools/man/make.py."""

import importlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from gotd import __version__
from gotd.cli._environment import COMMANDS
from gotd.cli._options import SectionedCommand

FOLDER = Path(__file__).parent
_WHOLE_LINES = "\b\n"
_FLAG = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")

_ENVIRONMENT = """Every option can be set by a variable, DS_ and its long name: DS_TEXT_KEY=body is --text-key body. The
command line beats it. An option that may be given again takes a value from each line of its variable. DS_DEBUG=1 shows
the traceback of an error."""
_STATUS = (("0", "Done."), ("1", "The data are at fault, a fit did not converge, or the machine failed."),
           ("2", "The command line is at fault."), ("130", "Interrupted by Ctrl-C."),
           ("141", "The reader of the output went away."), ("143", "Ended by SIGTERM or SIGHUP."))


def pages() -> dict[str, str]:
    """Return the page of each command by its file's name."""
    commands = [importlib.import_module(f"gotd.cli.{name}").command for name in COMMANDS]
    names = [str(command.name) for command in commands]
    return {f"{command.name}.1": "\n".join(_page(command, names)) + "\n" for command in commands}


def _page(command: click.Command, names: Iterable[str]) -> Iterator[str]:
    name, context = str(command.name), click.Context(command, info_name=command.name)
    first, *others = _paragraphs(command)
    yield f'.TH {_plain(name.upper())} 1 "" "gotd {__version__}" "gotd"'
    yield from (".nh", ".ad l")
    yield from (".SH NAME", f"{_plain(name)} \\- {_plain(first[0].lower() + first[1:].rstrip('.'))}")
    yield from (".SH SYNOPSIS", f".B {_plain(name)}", _plain(" ".join(command.collect_usage_pieces(context))))
    examples = [each for each in others if each.startswith("Examples:")]
    yield from (".SH DESCRIPTION", *_text([each for each in others if each not in examples] or [first]))
    if isinstance(command, click.Group):
        yield ".SH COMMANDS"
        for each in command.commands.values():
            inner = click.Context(each, info_name=each.name, parent=context)
            yield from (f".SS {_plain(' '.join([str(each.name), *each.collect_usage_pieces(inner)]))}",
                        *_text(_paragraphs(each)))
    yield from (".SH OPTIONS", *_options(command, context))
    for each in examples:
        yield from (".SH EXAMPLES", ".nf", *map(_plain, each.split("\n")[1:]), ".fi")
    if not isinstance(command, click.Group):
        yield from (".SH ENVIRONMENT", _plain(" ".join(_ENVIRONMENT.split())))
    yield ".SH EXIT STATUS"
    for status, meaning in _STATUS:
        yield from (".TP", f".B {status}", _plain(meaning))
    yield from (".SH SEE ALSO", ",\n".join(f".BR {_plain(each)} (1)" for each in names if each != name)
                .replace(" (1),\n", ' "(1), "\n'))


def _paragraphs(command: click.Command) -> list[str]:
    """Return the paragraphs of the help; one that is to keep its lines has newlines."""
    found = []
    for each in re.split(r"\n\s*\n", (command.help or "").strip()):
        whole = each.strip(" ").startswith(_WHOLE_LINES)
        lines = [line.strip() for line in each.replace(_WHOLE_LINES, "").strip("\n").split("\n")]
        found.append(("\n" if whole else " ").join(lines))
    return found


def _text(paragraphs: Iterable[str]) -> Iterator[str]:
    for each in paragraphs:
        yield ".PP"
        yield from (".nf", *map(_plain, each.split("\n")), ".fi") if "\n" in each else (_plain(each),)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    sections = (command.options_by_section(context) if isinstance(command, SectionedCommand) else
                {"Options": [each for each in command.get_params(context) if isinstance(each, click.Option)]})
    for number, (heading, options) in enumerate(sections.items()):
        if number:
            yield f".SS {_plain(heading)}"
        for option in options:
            names, meaning = option.get_help_record(context) or ("", "")
            yield from (".TP", _names(names), _plain(" ".join(meaning.split())))


def _names(names: str) -> str:
    """Return an option's names in bold and what stands for its value in italics."""
    words = []
    for word in re.split(r"(, | / | )", names):
        font = "B" if _FLAG.fullmatch(word) else "I"
        words.append(word if not word.strip(", /") else f"\\f{font}{_plain(word)}\\fR")
    return "".join(words)


def _plain(text: str) -> str:
    """Return text as roff prints it: hyphens that can be copied, nothing taken for a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    for file, page in pages().items():
        (FOLDER / file).write_text(page, encoding="utf-8")
