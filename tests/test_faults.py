"""Faults at random in the real chain: see faults/__main__.py. `python -m faults --help` runs more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def inject(count: int, seed: int, timeout: float) -> None:
    """That many runs, each with a fault; none may break a promise."""
    done = subprocess.run([sys.executable, "-m", "faults", "--count", str(count), "--seed", str(seed), "--verbose"],
                          env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)}, capture_output=True, text=True,
                          check=False, timeout=timeout)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert f"{count} runs with faults, 0 broken promises" in done.stdout


@pytest.mark.slow
def test_one_fault_of_each_kind() -> None:
    inject(6, 1, 900)


@pytest.mark.slow
def test_two_hundred_faults() -> None:
    inject(200, 0, 7200)
