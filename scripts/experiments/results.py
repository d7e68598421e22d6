"""What studies leave behind: files that are whole or not there, and JSON lines that are gone on with."""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from deadline import Deadline


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
    """What a results file holds already."""
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()] if results.exists() else []


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
