"""The tables that the studies' page shows are those that one command makes of the stored lines."""

import subprocess
import sys

import pytest

from .conftest import STUDY

RESULTS = STUDY / "results"
#: A study and its results whose table is whole; of the others' only intervals over texts need more than the lines.
WHOLE = [("classification", "tiny"), ("classification", "mini"), ("classification", "mini-20000"),
         ("chunk_length", "tiny"), ("zero_shot", "SmolLM2-135M"), ("detoxification", "SmolLM2-135M")]


@pytest.mark.parametrize(("study", "scale"), WHOLE)
def test_a_stored_table_is_made_of_its_lines(study: str, scale: str) -> None:
    results = RESULTS / f"{study.replace('_', '-')}-{scale}.jsonl"
    made = subprocess.run([sys.executable, STUDY / f"{study}_table.py", results], capture_output=True, text=True,
                          check=True)
    assert made.stdout == results.with_suffix(".md").read_text(encoding="utf-8")
