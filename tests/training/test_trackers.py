"""Losses go where --report-to says, and nowhere else."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from gotd.errors import GotdError

from .conftest import Train

LINE = "--init gpt2.json --objective clm --steps 4 pool.jsonl"


@pytest.mark.parametrize(("tracker", "package"), [("tensorboard", "tensorboard"), ("wandb", "wandb"),
                                                  ("trackio", "trackio")])
def test_a_missing_package_is_named_before_anything_is_done(train: Train, folder: Path,
                                                            monkeypatch: pytest.MonkeyPatch, tracker: str,
                                                            package: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(GotdError, match=f"--report-to {tracker}: it is not installed here; pip install {package}"):
        train(f"{LINE} --report-to {tracker} -o made")
    assert not (folder / "made").exists()


def test_nobody_is_told_unless_named(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr("transformers.trainer.get_reporting_integration_callbacks", lambda to: told.append(to) or [])
    train(f"{LINE} -o made")
    assert told
    assert set(map(str, told)) <= {"none", "['none']", "[]"}


def test_tensorboard_has_a_run_for_each_seed_that_outlives_the_work(train: Train, folder: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(f"{LINE} --seeds 2 --eval held.jsonl --report-to tensorboard -o made")
    assert not (folder / "made/work").exists()
    for seed in (0, 1):
        events = EventAccumulator(str(folder / f"made/tensorboard/seed-{seed}"))
        events.Reload()
        assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3, 4]
