"""The chain that faults are injected into: its stages, its files, and what they hold when nothing fails."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from workdir import Workdir, records, texts

SHARDS = 3
_BY_NAME = " ".join(f"chunks/{number}.jsonl.zst" for number in range(SHARDS))
_VECTORS = " ".join(f"emb/{number}.npy" for number in range(SHARDS))


class Stage(NamedTuple):
    """One line of shell; reads and makes are what stands in the folder. pipe : several commands at once"""

    line: str
    reads: tuple[str, ...]
    makes: tuple[str, ...]
    pipe: bool = False


def _each(folder: str, suffix: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{number}{suffix}" for number in range(SHARDS))


POOL, CHUNKS, EMB, SCORES = (_each("pool", ".jsonl.zst"), _each("chunks", ".jsonl.zst"), _each("emb", ".npy"),
                             _each("scores", ".npy"))
STAGES = (
    Stage(f"ds-chunk --chars 300 {' '.join(POOL)} -o chunks/", POOL, CHUNKS),
    Stage(f"ds-embed --dimension 256 {_BY_NAME} -o emb/", CHUNKS, EMB),
    Stage("ds-embed --dimension 256 target.jsonl -o t.npy", ("target.jsonl",), ("t.npy",)),
    Stage(f"ds-target-stats --target t.npy {_VECTORS} -o t.npz > summary", ("t.npy", *EMB), ("t.npz",)),
    Stage(f"ds-score --target t.npz {_VECTORS} -o scores/", ("t.npz", *EMB), SCORES),
    Stage(f"ds-topk -k 200 --scores scores/ {_BY_NAME} -o best.jsonl.zst", (*CHUNKS, *SCORES), ("best.jsonl.zst",)),
    Stage(f"ds-chunk --chars 300 {' '.join(POOL)} | ds-embed --dimension 256 | ds-score --target t.npz"
          " | ds-topk -k 200 -o piped.jsonl.zst", (*POOL, "t.npz"), ("piped.jsonl.zst",), pipe=True),
)


def environment(**more: str) -> dict[str, str]:
    """A user's, with two threads and nothing of ours."""
    return Workdir(Path()).environment | {"DS_THREADS": "1", **more}


def start(line: str, folder: Path, more: Mapping[str, str], before: Callable[[], None] | None = None,
          ) -> "subprocess.Popen[bytes]":
    """A line of shell in a process group of its own; what it says goes to `log`, outside the folder."""
    with (folder.parent / "log").open("ab") as log:
        return subprocess.Popen(["bash", "-o", "pipefail", "-c", line], cwd=folder, env=environment(**more),
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                preexec_fn=before)


def ok(line: str, folder: Path) -> None:
    """A line that must succeed."""
    status = start(line, folder, {}).wait(timeout=300)
    assert status == 0, f"{line}: status {status}\n{(folder.parent / 'log').read_text()[-2000:]}"


def make_reference(folder: Path) -> dict[str, float]:
    """The folder as it is when everything has gone well; the seconds that each line took."""
    (folder / "pool").mkdir(parents=True)
    for number in range(SHARDS):
        (folder / f"pool/{number}.jsonl").write_bytes(records(texts(1500, seed=number)))
    (folder / "target.jsonl").write_bytes(records(texts(60, seed=9)[::3]))
    ok("zstd -q --rm pool/*.jsonl", folder)
    seconds = {}
    for stage in STAGES:
        begin = time.monotonic()
        ok(stage.line, folder)
        seconds[stage.line] = time.monotonic() - begin
    (folder / "summary").unlink()
    return seconds


def copy_until(reference: Path, folder: Path, stage: int) -> None:
    """The folder as it is before that stage."""
    for name in ("target.jsonl", *POOL, *(name for each in STAGES[:stage] for name in each.makes)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(reference / name, folder / name)


def wrong_files(reference: Path, folder: Path) -> list[str]:
    """Files under a final name that are not what they should be."""
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.name != "summary"
             and not path.name.endswith(".tmp")]
    return [str(name) for name in names
            if not (reference / name).is_file() or (reference / name).read_bytes() != (folder / name).read_bytes()]


def temporary_files(folder: Path) -> list[str]:
    """What is neither input nor output."""
    return [path.name for path in folder.rglob(".*.tmp")]


def missing(folder: Path, stage: Stage) -> list[str]:
    """Outputs of a stage that are not there."""
    return [name for name in stage.makes if not os.path.lexists(folder / name)]
