"""No output replaces what it is made from."""

import os
from collections.abc import Iterable
from pathlib import Path

from gotd.errors import UsageError
from gotd.streams.locations import STANDARD, is_url


def require_apart(outputs: Iterable[str], inputs: Iterable[str]) -> None:
    """Raises: UsageError where an output is one of the inputs, under whatever name."""
    read = {_identity(name) for name in inputs if is_url(name) or Path(name).is_file()}
    for output in outputs:
        if output != STANDARD and _identity(output) in read:
            raise UsageError(f"{output} is an input as well: it would be replaced; choose another output")


def _identity(name: str) -> str:
    return name if is_url(name) else os.path.realpath(name)
