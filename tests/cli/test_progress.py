"""Progress on a terminal: one command of a pipe draws it, of as many rows as its inputs say."""

import importlib
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gotd.cli._frame import Run
from gotd.cli._row_counts import expected_rows
from workdir import Workdir, records, texts

TAKES = """import sys
from gotd.cli._progress import _takes_the_terminal as takes
print(takes(), flush=True)
sys.stdin.read()"""


def test_one_of_the_commands_on_a_terminal_draws() -> None:
    ours, theirs = pty.openpty()
    line = [sys.executable, "-c", TAKES]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"True\n"
        assert subprocess.run(line, input=b"", stdout=subprocess.PIPE, stderr=theirs,
                              check=True).stdout == b"False\n"
        first.communicate()
    assert subprocess.run(line, input=b"", stdout=subprocess.PIPE, stderr=theirs, check=True).stdout == b"True\n"
    os.close(ours)
    os.close(theirs)


def test_rows_are_known_from_headers_and_first_bytes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((70, 3), dtype="f4"))
    (tmp_path / "b.jsonl").write_bytes(records(texts(30)))
    (tmp_path / "long.jsonl").write_bytes(records(texts(5000)))
    names = [str(tmp_path / name) for name in ("a.npy", "b.jsonl")]
    assert expected_rows(names) == 100
    assert abs((expected_rows([str(tmp_path / "long.jsonl")]) or 0) - 5000) < 250
    for other in ("-", str(tmp_path / "gone.npy"), "s3://bucket/a.npy"):
        assert expected_rows([*names, other]) is None


@pytest.mark.parametrize("line", [
    "ds-chunk pool.jsonl target.jsonl -o chunks/", "ds-embed pool.jsonl -o again.npy",
    "ds-score --target target.npz pool.npy target.npy -o scores/", "ds-topk -k 5 scored.jsonl.zst -o best.jsonl",
    "ds-topk -k 5 --scores scores.npy pool.jsonl -o best.jsonl",
    "ds-probe --target target.jsonl --source pool.jsonl best20.jsonl",
    "ds-probe --target target.jsonl --source pool.jsonl --pool scored.jsonl.zst --curve best20.jsonl",
    "ds-report --choice best20.jsonl --scores scores.npy pool.jsonl -o report.json",
])
def test_as_many_rows_are_shown_as_were_expected(chain: Workdir, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chain.ok("ds-topk -q -k 20 scored.jsonl.zst -o best20.jsonl")
    runs: list[tuple[Run, int | None]] = []
    monkeypatch.setattr(Run, "expect", lambda run, total: runs.append((run, total())))
    monkeypatch.chdir(chain.path)
    tool, *words = line.split()
    importlib.import_module(f"gotd.cli.{tool.removeprefix('ds-')}").command.main(words, tool, standalone_mode=False)
    (run, expected), = runs
    assert expected == run.rows > 0


@pytest.mark.heavy
def test_iterations_are_shown_on_a_terminal_and_nowhere_else(chain: Workdir) -> None:
    ours, theirs = pty.openpty()
    line = "ds-target-stats --target target.npy pool.npy -o t.npz".split()
    subprocess.run(line, cwd=chain.path, env=chain.environment, stdout=subprocess.PIPE, stderr=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 1 << 16)
    os.close(ours)
    assert re.search(rb"\r\x1b\[Kds-target-stats: iteration [0-9]+: marginal error [0-9.e+-]+, wanted 1\.0e-04", shown)
    assert "iteration" not in chain.ok(" ".join(line)).err
