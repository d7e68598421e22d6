"""The options of ds-target-stats that make a step of finite size."""

from typing import Any

import click

from gotd.cli import _options as options
from gotd.errors import UsageError
from gotd.methods.registry import Rule


def require_step(context: click.Context, rule: Rule, given: dict[str, Any]) -> None:
    """Clear a --share that the environment gives where it does nothing.

    Raises: UsageError where the command line gives what does not make a step.
    """
    if given["share"] is None:
        return
    if "share" not in rule.options or not any(options.on_command_line(context, name) for name in ("share", "choose")):
        given["share"] = None
        return
    if context.get_parameter_source("choose") == click.core.ParameterSource.DEFAULT:
        raise UsageError("--share is of what will be chosen; give --choose K with it")
    if given["epsilon"] == 0.0:
        raise UsageError("--share needs an --epsilon above 0: at 0 scores of what is just chosen and just not are "
                         "equal; 0.01 is near exact")


def pool_use(rule: Rule, summary: dict[str, Any]) -> str:
    """Return what the pool beside a --source is for."""
    if "share" in summary:
        return "is what is chosen from"
    return "gives the space" if "whiten" in rule.options and summary["center"] else "is not read"
