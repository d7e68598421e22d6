"""run.json and metrics.json: the bytes are a format, and what is written is read."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gotd.errors import GotdError
from gotd.training.run_record import RECORD, Identity, Metrics, RunRecord, SeedResult, Spread

IDENTITY = Identity("ab", False, None, {"objective": "clm"}, 0, "float32", [0, 1], "text", "label", 0, 3, data="cd")
RESULT = SeedResult(0, 7, 1.5, 900, 64, 64, {"loss": 2.0}, {"loss": 1.0})


def test_a_record_of_a_run_that_has_begun(tmp_path: Path) -> None:
    RunRecord(False, IDENTITY.as_json()).write(tmp_path)
    assert (tmp_path / RECORD).read_text() == json.dumps({"complete": False, "identity": {
        "model": "ab", "init": False, "tokenizer": None, "recipe": {"objective": "clm"}, "lora": 0,
        "precision": "float32", "seeds": [0, 1], "text_key": "text", "label_key": "label", "dev_steps": 0,
        "patience": 3, "data": "cd"}}, indent=2) + "\n"
    assert RunRecord.read(tmp_path) == RunRecord(False, IDENTITY.as_json())


def test_a_record_of_a_run_that_is_complete(tmp_path: Path) -> None:
    whole = RunRecord(True, {"model": "ab"}, {"name": "got-d-clm"}, {"device": "cpu"}, {"data": {}}, ["a"],
                      {"gotd": "1"}, {"objective": "clm"})
    whole.write(tmp_path)
    assert list(json.loads((tmp_path / RECORD).read_text())) == [
        "complete", "identity", "recipe", "machine", "data", "labels", "versions", "metrics"]
    assert RunRecord.read(tmp_path) == whole
    assert RunRecord.read(tmp_path / "absent") is None


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"complete": true}', '{"identity": {}}'])
def test_a_file_of_that_name_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / RECORD).write_text(content)
    with pytest.raises(GotdError, match="not a run record"):
        RunRecord.read(tmp_path)


def test_metrics_and_what_came_of_a_seed(tmp_path: Path) -> None:
    RESULT.write(tmp_path / "done.json")
    assert list(json.loads((tmp_path / "done.json").read_text())) == [
        "seed", "steps", "last_training_loss", "tokens_per_second", "parameters", "trained_parameters", "before",
        "after"]
    assert SeedResult.read(tmp_path / "done.json") == RESULT
    metrics = Metrics("clm", [0, 1], {"after": {"loss": Spread(1.0, None, [1.0])}}, [RESULT])
    assert json.dumps(metrics.as_json()).startswith(
        '{"objective": "clm", "seeds": [0, 1], "eval": {"after": {"loss": {"mean": 1.0, "spread": null, "each": [1.0]}}'
        '}, "runs": [{"seed": 0, "steps": 7')


def test_other_records_are_another_identity() -> None:
    assert replace(IDENTITY, data="ef") != IDENTITY
