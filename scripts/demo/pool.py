"""The demo's text: docstrings of the standard library and of the packages that gotd itself needs.

    python pool.py DIR

Writes DIR/pool/0.jsonl and 1.jsonl, DIR/target.jsonl and DIR/held-out.jsonl. Every fresh install has this text and
nobody has to fetch it; source files are parsed, never imported. A record is {"id", "text", "source"}: the docstring of
one module, class or function, and the package it documents.

Target and held-out texts are a half of the docstrings of one package, TARGET, chosen by file; the other half stays in
the pool. A good choice finds it there.
"""

import ast
import hashlib
import inspect
import json
import random
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TARGET = "networkx"
SHARDS = 2
#: Shorter docstrings say too little to be placed.
_SHORTEST = 200
#: Of a larger family no more files are read when there are so many texts: it would drown the others.
_MOST_PER_SOURCE = 500
_SKIPPED_FOLDERS = {"tests", "test", "testing", "idlelib", "lib2to3", "site-packages", "_vendor", "__pycache__", "gotd"}


class Text(NamedTuple):
    """A docstring: where it stands, what it says, whose it is."""

    id: str
    text: str
    source: str
    file: str


def docstrings(path: Path, name: str, source: str) -> Iterator[Text]:
    """The docstrings of one file that are long enough."""
    try:
        with warnings.catch_warnings(action="ignore"):  # old code has escapes that newer Pythons frown on
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # templates and files for other Pythons
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = inspect.cleandoc(ast.get_docstring(node, clean=False) or "")
            if len(text) >= _SHORTEST:
                yield Text(f"{name}:{getattr(node, 'lineno', 1)}", text, source, name)


def sources() -> Iterator[tuple[str, Path]]:
    """(name, folder or file) of the standard library and of every installed package."""
    library = Path(sysconfig.get_path("stdlib"))
    yield "stdlib", library
    for site in {Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("platlib"))}:
        for path in sorted(site.iterdir()):
            if (path / "__init__.py").is_file() and path.name not in _SKIPPED_FOLDERS:
                yield path.name, path


def texts() -> list[Text]:
    """All texts once, in an order that does not depend on the machine."""
    found: dict[str, Text] = {}
    for source, root in sources():
        of_source: list[Text] = []
        for path in sorted(root.rglob("*.py"), key=lambda path: _key(path.relative_to(root).as_posix())):
            inside = path.relative_to(root)
            if len(of_source) < _MOST_PER_SOURCE and not _SKIPPED_FOLDERS.intersection(inside.parts):
                of_source += docstrings(path, f"{source}/{inside.as_posix()}", source)
        for text in of_source[:_MOST_PER_SOURCE]:
            found.setdefault(text.text, text)
    return sorted(found.values(), key=lambda text: text.id)


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def write(path: Path, chosen: list[Text]) -> None:
    """Records, one a line."""
    lines = (json.dumps({"id": t.id, "text": t.text, "source": t.source}, ensure_ascii=False) for t in chosen)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def main(folder: Path) -> None:
    """Write pool, target and held-out texts."""
    (folder / "pool").mkdir(parents=True, exist_ok=True)
    everything = texts()
    of_target = [text for text in everything if text.source == TARGET and int(_key(text.file), 16) % 2]
    if not of_target:
        sys.exit(f"pool.py: error: no docstrings of {TARGET} in this Python; pip install {TARGET}")
    not_in_pool = set(of_target)
    pool = [text for text in everything if text not in not_in_pool]
    # Families stay in runs, so that the short texts ds-chunk joins are of one family; the runs are dealt out by file.
    shards: list[list[Text]] = [[] for _ in range(SHARDS)]
    for text in pool:
        shards[int(_key(text.file), 16) // 2 % SHARDS].append(text)
    random.Random(0).shuffle(of_target)
    target, held_out = of_target[::2], of_target[1::2]
    write(folder / "target.jsonl", target)
    write(folder / "held-out.jsonl", held_out)
    for number, shard in enumerate(shards):
        write(folder / f"pool/{number}.jsonl", shard)
    made = (f"pool of {len(pool):,} texts in {SHARDS} files, target of {len(target):,} texts from {TARGET}, "
            f"{len(held_out):,} held out")
    print(made, file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
