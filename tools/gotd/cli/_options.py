"""Options that several commands share, each written once, what they stand for, and how they stand in the help."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, TypeAlias, cast, get_type_hints

import click
from click.core import ParameterSource

from gotd import __version__
from gotd.cli._environment import is_from_environment, one_of
from gotd.cli._printing import print_message
from gotd.cli._shard import shard_of
from gotd.errors import UsageError
from gotd.runtime import thread_count as thread_count
from gotd.streams.locations import STANDARD, VECTOR_FIELD, some_names
from gotd.streams.record_text import MESSAGE_TEMPLATE, TEXT_FIELD, RecordText, unescaped
from gotd.streams.sources import expanded

#: What click calls with the values of options by their names.
Callback: TypeAlias = Callable[..., None]

_STDOUT_NAMES = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def listed(context: click.Context, _option: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """Put the files of a folder, and the objects under s3://BUCKET/FOLDER/, in its place.

    Raises: UsageError for an input without a name.
    """
    if context.resilient_parsing:  # a shell completes the line
        return names
    if "" in names:
        raise UsageError("an input without a name: is a variable unset?")
    others: list[str] = []
    found = expanded(names, others)
    if others:
        context.call_on_close(lambda: _say_what_is_left(context, others))
    return tuple(found)


def _say_what_is_left(context: click.Context, others: list[str]) -> None:
    """Only when the command ends is it known whether it is to be quiet."""
    if not context.params.get("quiet"):
        print_message(f"{context.info_name}: not read, as their names end like no records: {len(others):,} files, "
                      f"{some_names(others)}")


def _written(_context: click.Context, _option: click.Parameter, name: str) -> str:
    """Where to write; standard output under any of its names is written as it is open, not replaced."""
    if not name:
        raise UsageError("-o: an output without a name: is a variable unset?")
    return STANDARD if name in _STDOUT_NAMES else name


def readable(_context: click.Context, option: click.Parameter, key: str | None) -> str | None:
    """The same name of a field, if any. Raises: UsageError for one that no JSON can hold."""
    try:
        (key or "").encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{option.opts[0]}: not UTF-8") from error
    return key


def readable_each(context: click.Context, option: click.Parameter, keys: tuple[str, ...]) -> tuple[str, ...]:
    """The same names of fields. Raises: UsageError for one that no JSON can hold."""
    for key in keys:
        readable(context, option, key)
    return keys


def _template(_context: click.Context, _option: click.Parameter, template: str | None) -> str | None:
    """The template with its escapes as what they stand for."""
    return None if template is None else unescaped(readable(_context, _option, template) or "")


def on_command_line(context: click.Context, name: str) -> bool:
    """Whether an option was given to this very command.

    One that does nothing is refused then. The environment speaks to all commands of a chain: what it says is passed
    over where it does nothing.
    """
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _one_device(_context: click.Context, _option: click.Parameter, name: str) -> str:
    """The device; of several, which the environment names for ds-embed, whichever there is."""
    return "auto" if "," in name and is_from_environment("device") else name


class FiniteRange(click.FloatRange):
    """A range of numbers without infinity, and without nan, which no bound keeps out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """As click does, which then fails with what the value should be."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return found


inputs = click.argument("files", nargs=-1, metavar="[FILE]...", callback=listed)
quiet = click.option("-q", "--quiet", is_flag=True, help="No progress and no closing line.")
skip_invalid = click.option("--skip-invalid", type=click.IntRange(0), default=0, metavar="N", show_default=True,
                            help="Pass over up to N bad records, counted.")
long = click.option("--long", "long_window", is_flag=True, help="Allow zstd windows up to 2 GiB (memory too).")
output = click.option("-o", "--output", default=STANDARD, metavar="FILE|DIR/", callback=_written,
                      help="Where to write; default stdout. Records are zstd there, which zstdcat reads, or --plain.")
plain = click.option("--plain", is_flag=True,
                     help="Write records to stdout as JSON Lines, neither compressed nor sealed, for jq or a terminal.")
threads = click.option("--threads", type=click.IntRange(1), default=None, metavar="N",
                       help="Default: SLURM_CPUS_PER_TASK, else the CPUs this process may use.")
device = click.option("--device", default="auto", show_default=True, metavar="NAME", callback=_one_device,
                      help="cpu, cuda, cuda:1, ...; auto: a GPU where there is one.")
shard = click.option("--shard", default=None, metavar="I/N|slurm", callback=shard_of,
                     help="Take every N-th input from the I-th (from 0). slurm: I and N of this task of an array.")
dry_run = click.option("--dry-run", is_flag=True,
                       help="Write nothing: print inputs, outputs, and time, bytes and memory measured on a sample.")


def gathered(kind: type) -> Callable[[Callback], Callback]:
    """Add the options of a dataclass to a command, which gets one of it as its last argument without a name.

    kind : each of its fields has what adds the option of that name in its annotation, as
        seed: Annotated[int, click.option("--seed", type=click.IntRange(0), default=0)]
    """
    hints = get_type_hints(kind, include_extras=True)

    def decorate(command: Callback) -> Callback:
        @wraps(command)
        def with_dataclass(*arguments: object, **values: object) -> None:
            chosen = kind(**{name: values.pop(name) for name in hints})
            command(*arguments, chosen, **values)

        return _with([hint.__metadata__[0] for hint in hints.values()], with_dataclass)

    return decorate


_text_options = (
    click.option("--text-key", default=None, show_default=TEXT_FIELD, metavar="NAME", callback=readable,
                 help="Field that holds the text, or a list of messages; data.text: text in data."),
    click.option("--text-template", default=None, metavar="TEXT", callback=_template,
                 help="Make the text of several fields: '{title}\\n\\n{data.body}'; {title?} where it may be missing."),
    click.option("--message-template", default=None, metavar="TEXT", callback=_template,
                 help="What a message becomes; default '{role}: {content}\\n\\n'."),
)
_target_text_options = (
    click.option("--target-text-key", default=None, metavar="NAME", callback=readable,
                 help="Of the target's records; default as the others'."),
    click.option("--target-text-template", default=None, metavar="TEXT", callback=_template,
                 help="Of the target's records; default as the others'."),
)

vector_key = click.option("--vector-key", default=None, metavar="NAME", callback=readable,
                          help=f"Field of records, or column, that holds vectors as lists; default {VECTOR_FIELD}.")


def text(command: Callback) -> Callback:
    """Add the options of how a record's text is made: the command gets `text`, a RecordText."""

    @wraps(command)
    def with_text(*arguments: object, text_key: str | None, text_template: str | None, message_template: str | None,
                  **others: object) -> None:
        default = RecordText(message_template=message_template or MESSAGE_TEMPLATE)
        others["text"] = made = _made(default, text_key=text_key, text_template=text_template)
        if "target_text_key" in others:
            names = ("target_text_key", "target_text_template")
            of_target = {name: cast("str | None", others.pop(name)) for name in names}
            others["target_text"] = _made(made, **of_target)
        command(*arguments, **others)

    return _with(_text_options, with_text)


def _made(default: RecordText, **values: str | None) -> RecordText:
    """Return what a key and a template ask for. values : by the names of their options"""
    (key, template), names = one_of(**values), ["--" + name.replace("_", "-") for name in values]
    if key is not None and template is not None:
        raise UsageError(f"{' and '.join(names)}: give one")
    return replace(default, key=key or TEXT_FIELD, template=template) if key or template is not None else default


def target_text(command: Callback) -> Callback:
    """Add the same options of the target's records, where `text` is above: the command gets `target_text`, too."""
    return _with(_target_text_options, command)


def _with(options: Sequence[Callable[[Callback], Callback]], command: Callback) -> Callback:
    for option in reversed(options):
        command = option(command)
    return command


def help_and_version(command: Callback) -> Callback:
    """-h beside --help, and --version: one line, the command's name and the version."""
    version = click.version_option(__version__, message="%(prog)s %(version)s",
                                   help="Print the command's name and its version, and exit.")
    return version(click.help_option("-h", "--help")(command))


def common(command: Callback) -> Callback:
    """What every command has: -q, --help and --version."""
    return quiet(help_and_version(command))


class SectionedCommand(click.Command):
    """A command whose options stand under headings.

    sections : names of options by heading, in the order of the help; the one without names has all that are in no other
    """

    def __init__(self, *arguments: Any, sections: Mapping[str, Sequence[str]], **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.sections = sections

    def options_by_section(self, context: click.Context) -> dict[str, list[click.Option]]:
        """Return the options under each heading that has any."""
        options = {each.name: each for each in self.get_params(context) if isinstance(each, click.Option)}
        named = {name for names in self.sections.values() for name in names}
        rest = [name for name in options if name not in named]
        found = {heading: [options[name] for name in names or rest if name in options]
                 for heading, names in self.sections.items()}
        return {heading: each for heading, each in found.items() if each}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        for heading, options in self.options_by_section(ctx).items():
            records = [record for option in options if (record := option.get_help_record(ctx)) is not None]
            with formatter.section(heading):
                formatter.write_dl(records)
