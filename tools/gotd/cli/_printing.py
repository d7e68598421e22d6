"""What commands print, in UTF-8 whatever the locale says: names that no encoding holds are escaped, never a failure."""

import codecs
import json
import os
import sys

import orjson

from gotd.errors import GotdError
from gotd.streams.locations import escaped, escaped_names
from gotd.streams.sinks import StdoutClosed
from gotd.types import JSON


def escape_what_streams_cannot_hold() -> None:
    """Let standard output and error write what their encoding lacks as an escape: PYTHONIOENCODING may be ascii."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def print_text(text: str) -> None:
    """Print text as the command's data on standard output, where there is one."""
    if sys.stdout is None:
        return
    try:
        print(escaped(text), flush=True)
    except BrokenPipeError as error:
        raise StdoutClosed from error
    except OSError as error:
        raise GotdError(f"<stdout>: {error.strerror}") from error


def json_bytes(value: JSON) -> bytes:
    """Return a value as JSON, indented, with a newline at its end."""
    return orjson.dumps(escaped_names(value), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def print_json(value: JSON) -> None:
    """Print a value as JSON, indented; in ASCII where standard output is no UTF-8."""
    text = json_bytes(value).decode().rstrip()
    if sys.stdout is not None and codecs.lookup(sys.stdout.encoding).name != "utf-8":
        text = "".join(letter if letter.isascii() else json.dumps(letter)[1:-1] for letter in text)
    print_text(text)


def print_message(line: str) -> None:
    """Print a line on stderr. Where it cannot be written nobody can be told, and that is no reason to fail."""
    try:
        print(escaped(line), file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
