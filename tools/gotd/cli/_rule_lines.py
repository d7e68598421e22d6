"""Rules as a person writes them: a name and options of ds-target-stats, read by that command's own parser."""

import shlex

import click
from click.core import ParameterSource

from gotd.cli._rule_options import chosen_rule, values_given
from gotd.cli.target_stats import command as target_stats
from gotd.errors import UsageError
from gotd.probing.rule_choices import RuleLine

#: What is given to the parser besides the line, as it must have it.
_TARGET = "target"
#: What a line may say besides the rule's own options.
_MASS = "target_mass"


def rule_line(line: str) -> RuleLine:
    """Return the rule of a line as `got --no-whiten`. Raises: UsageError for what ds-target-stats would not take."""
    try:
        method, *rest = shlex.split(line)
        context = target_stats.make_context("ds-target-stats", ["--method", method, f"--{_TARGET}", "-", *rest])
        rule = chosen_rule(context, method)
    except click.exceptions.Exit as error:
        raise UsageError(f"--rule {line!r}: a rule and its options, as 'got --no-whiten'") from error
    except (ValueError, click.ClickException) as error:
        what = error.format_message() if isinstance(error, click.ClickException) else "a rule, as 'got --no-whiten'"
        raise UsageError(f"--rule {line!r}: {what}") from error
    options = {name: value for name, value in values_given(context, rule.options_type).items()
               if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    for parameter in target_stats.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and name not in {"method", _TARGET, _MASS, *options}:
            raise UsageError(f"--rule {line!r}: {parameter.opts[0]} does nothing here; a line has a rule and its "
                             "options")
    return RuleLine(method, options, context.params[_MASS])
