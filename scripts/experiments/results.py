"""What studies leave behind: files that are whole or not there, and JSON lines that are gone on with."""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from deadline import Deadline

from gotd.errors import DataError

#: The rule of a run of the model as it is.
NO_WARM_UP = "none"


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write a file that then appears whole, however many processes make the same one at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def lines_of(results: Path) -> list[dict[str, Any]]:
    """What a results file holds already. Raises: DataError where a line is not whole"""
    if not results.exists():
        return []
    found = []
    for number, line in enumerate(results.read_bytes().splitlines(), 1):
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise DataError(f"{results}:{number}", "is no whole line of JSON, as a full disk or a kill leaves it",
                            "take the line out; its run is made again") from error
    return found


def stored(results: Path) -> list[dict[str, Any]]:
    """The lines of a results file that is to have some. Raises: DataError where it is not there, or has none"""
    if not results.is_file():
        raise DataError(str(results), "no such file", "name the lines of a study, as those in results/")
    if not (lines := lines_of(results)):
        raise DataError(str(results), "has no lines", "run its study first")
    return lines


def comparable(results: Path, script: str, field: str = "") -> list[dict[str, Any]]:
    """The lines of a results file, of which a table compares each with the model as it is.

    script : what made them; field : what each must hold
    Raises: DataError where one has it not, as older ones, or none is of the model as it is, or as stored
    """
    lines = stored(results)
    for number, line in enumerate(lines, 1):
        if field and field not in line:
            raise DataError(f"{results}:{number}", f"has no {field}, as lines of before 0.2.0",
                            f"take the line out and run {script} again")
    if not any(line["rule"] == NO_WARM_UP for line in lines):
        raise DataError(str(results), "has no run of the model as it is", f"run {script} to its end first")
    return lines


def add_all(results: Path, runs: Iterable[dict[str, Any]], shown: Callable[[dict[str, Any]], str],
            deadline: Deadline) -> None:
    """A line for each run as soon as it is there, until it is time to stop."""
    with results.open("a", encoding="utf-8") as out:
        for run in runs:
            out.write(json.dumps(run) + "\n")
            out.flush()
            print(shown(run), flush=True)
            if deadline.is_near():
                deadline.leave()
