"""Progress on a terminal: one command of a pipe draws it, of as many rows as its inputs say."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np

from gotd.cli._dry_run import expected_rows
from workdir import records, texts

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
