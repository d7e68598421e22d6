"""Help in sections: the options that users need first, and the rest after them under headings."""

from collections.abc import Mapping, Sequence
from typing import Any

import click


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
