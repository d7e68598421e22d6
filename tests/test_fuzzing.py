"""Files made wrong at random, for every command: see fuzzing/__main__.py. `python -m fuzzing --help` runs more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOME, ALL = 20, 10_000


def fuzz(count: int, seed: int, timeout: float) -> str:
    """What the fuzzing says; it must find nothing."""
    done = subprocess.run([sys.executable, "-m", "fuzzing", "--count", str(count), "--seed", str(seed)],
                          env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)}, capture_output=True, text=True,
                          check=False, timeout=timeout)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_files_made_wrong_are_refused_or_read_right() -> None:
    said = fuzz(SOME, 1, 900)
    assert said.count(f": {SOME} inputs, 0 broken promises") == 7, said


@pytest.mark.slow
def test_ten_thousand_for_each_command() -> None:
    fuzz(ALL, 0, 14_400)
