"""The table of a pre-trained model's study: means over seeds, differences of the same texts, and only whole cells."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import module

pytestmark = [pytest.mark.usefixtures("study_modules"), pytest.mark.xdist_group("experiments")]


def line(rule: str, task: str, loss: float, seed: int = 0, chunks: int = 60) -> dict[str, Any]:
    return {"task": task, "rule": rule, "chunks": chunks, "seed": seed, "model": "m", "held_out": 3,
            "nats_per_token": loss, "nats_per_token_by_text": loss + 0.5, "base_nats_per_token": 5.0,
            "base_nats_per_token_by_text": 5.5}


def test_the_least_loss_is_marked_where_all_rules_were_tried() -> None:
    tables = module("pretrained_table")
    lines = [line("got", "a", 4.0), line("got", "a", 4.2, seed=1), line("random", "a", 4.05), line("random", "b", 4.3)]
    found = tables.of_training(lines, None)
    rows = tables.table(found, "", "got").splitlines()
    assert rows[-2:] == ["| a | 60 | 5.0000 | 4.1000 | 4.0500* |", "| b | 60 | 5.0000 | - | 4.3000 |"]
    assert tables.table(found, "_by_text", "got").splitlines()[-2] == "| a | 60 | 5.5000 | 4.6000 | 4.5500* |"
    assert list(tables.complete(found)["random"]) == [("a", 60)]


def test_a_difference_is_of_the_texts_that_both_were_judged_by(tmp_path: Path) -> None:
    tables, data = module("pretrained_table"), module("data")
    study, folder = data.Study(tmp_path), tmp_path / "pretrained/m"
    texts = ["a cat sat there", "oil prices fell", "protein binds to dna", "we went home", "the moon is far", "yes"]
    data.write(study.held_out("a"), [json.dumps({"text": text}).encode() for text in texts])
    (folder / "tokens").mkdir(parents=True)
    np.savez(folder / "tokens/held-out-a.npz", lengths=np.array([10, 99, 20, 99, 30, 99]))
    for rule, nats in (("got", [40.0, 80.0, 120.0]), ("random", [41.0, 82.0, 123.0])):
        (folder / "costs/a").mkdir(parents=True, exist_ok=True)
        np.save(folder / f"costs/a/{rule}@60-train-0.npy", nats)
    found = tables.of_training([line("got", "a", 4.0), line("random", "a", 4.1)], module("costs").InWork(study))
    # Every second text: a tenth of a nat more for each of their 60 tokens, whichever of them are drawn.
    assert "| 4.1000 (+0.1000, +0.1000 to +0.1000) |" in tables.table(found, "", "got")
