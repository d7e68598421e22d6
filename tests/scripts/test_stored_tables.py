"""The tables that the studies' page shows are those that one command makes of the stored lines."""

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import STUDY

RESULTS = STUDY / "results"
#: A command, the lines that it reads, and where its table stands.
WHOLE = [("classification_table", "classification-tiny", "classification-tiny"),
         ("classification_table", "classification-mini", "classification-mini"),
         ("classification_table", "classification-mini-20000", "classification-mini-20000"),
         ("chunk_length_table", "chunk-length-tiny", "chunk-length-tiny"),
         ("zero_shot_table", "zero-shot-SmolLM2-135M", "zero-shot-SmolLM2-135M"),
         ("detoxification_table", "detoxification-SmolLM2-135M", "detoxification-SmolLM2-135M"),
         ("confirmed", "confirm-tiny-probe", "confirm-tiny"),
         ("confirmed", "defaults-confirm-tiny-probe", "defaults-confirm-tiny"),
         ("confirmed", "domain-tiny-train", "domain-tiny-targets"),
         ("confirmed", "averages-tiny-probe", "domain-tiny-targets")]


def made_of(command: str, lines: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, STUDY / f"{command}.py", lines], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("command", "lines", "table"), WHOLE)
def test_a_stored_table_is_made_of_its_lines(command: str, lines: str, table: str) -> None:
    made = made_of(command, RESULTS / f"{lines}.jsonl")
    assert made.returncode == 0, made.stderr
    assert made.stdout in (RESULTS / f"{table}.md").read_text(encoding="utf-8")
    assert made.stdout.count("\n|") > 2


def test_lines_that_are_cut_are_named(tmp_path: Path) -> None:
    (tmp_path / "cut.jsonl").write_bytes(b'{"rule": "no')
    made = made_of("times", tmp_path / "cut.jsonl")
    assert (made.returncode, made.stdout, made.stderr.count("\n")) == (1, "", 1)
    assert made.stderr.startswith("times.py: error: ") and "cut.jsonl:1: is no whole line of JSON" in made.stderr
