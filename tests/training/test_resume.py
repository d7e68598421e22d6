"""Stopped and gone on with: the same weights, bit for bit, as if nothing had happened."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from gotd.cli._frame import Terminated
from gotd.errors import GotdError
from gotd.training.stopping import Stopping, last_checkpoint

from .conftest import Train, same

#: Dropout, masks, three epochs of 13 steps: everything that draws at random.
LINE = "--init bert.json --objective mlm --epochs 3 --eval held.jsonl pool.jsonl"


class Killed(BaseException):
    """Stands for SIGKILL: nothing more is done."""


def signal_at(step: int, number: signal.Signals | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next training gets a signal in the middle of a step, or dies without one."""
    before = Stopping.on_step_end

    def on_step_end(self: Stopping, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if state.global_step == step:
            if number is None:
                raise Killed
            signal.raise_signal(number)
        before(self, args, state, control, **rest)

    monkeypatch.setattr(Stopping, "on_step_end", on_step_end)


@pytest.mark.heavy
@pytest.mark.parametrize(("line", "number"), [
    (LINE, signal.SIGTERM),
    pytest.param(LINE + " --accumulate 2", signal.SIGUSR1, marks=pytest.mark.slow),
    pytest.param("--init gpt2.json --objective clm --epochs 3 --lora 2 pool.jsonl", signal.SIGTERM,
                 marks=pytest.mark.slow),
    pytest.param("--init bert.json --objective classify --tokenizer tokens --epochs 3 --dev test.jsonl --patience 9 "
                 "labelled.jsonl", signal.SIGTERM, marks=pytest.mark.slow),
])
def test_a_signal_saves_and_the_same_line_goes_on(train: Train, folder: Path, monkeypatch: pytest.MonkeyPatch,
                                                  line: str, number: signal.Signals) -> None:
    if "--tokenizer" in line:
        train("--init bert.json --objective mlm --steps 1 pool.jsonl -o tokens")
    train(f"{line} -o whole")
    # In an epoch, at its end, and in the last one.
    epoch = json.loads(Path("whole/metrics.json").read_text())["runs"][0]["steps"] // 3
    for step in (epoch // 2, epoch, 2 * epoch + 1):
        with monkeypatch.context() as once:
            signal_at(step, number, once)
            with pytest.raises(Terminated):
                train(f"{line} -o stopped")
        assert last_checkpoint(folder / "stopped/work/seed-0") == folder / f"stopped/work/seed-0/checkpoint-{step}"
        assert not (folder / "stopped/config.json").exists()
    train(f"{line} -o stopped")
    assert same(folder / "whole", folder / "stopped")


@pytest.mark.slow
def test_a_kill_goes_on_from_the_last_whole_checkpoint(train: Train, folder: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    train(f"{LINE} -o whole")
    with monkeypatch.context() as once:
        signal_at(17, None, once)
        with pytest.raises(Killed):
            train(f"{LINE} --save-steps 6 -o killed")
    place = folder / "killed/work/seed-0"
    assert last_checkpoint(place) == place / "checkpoint-12"
    # A kill while a checkpoint was written leaves one that is not whole.
    shutil.copytree(place / "checkpoint-12", place / "checkpoint-15")
    (place / "checkpoint-15/whole").unlink()
    (place / "checkpoint-15/model.safetensors").write_bytes(b"half")
    train(f"{LINE} --save-steps 6 -o killed")
    assert same(folder / "whole", folder / "killed")


@pytest.mark.parametrize("line", [  # both end in the middle of an epoch, the second early, where it gets worse
    "--init gpt2.json --objective clm --steps 15 pool.jsonl",
    "--init gpt2.json --objective clm --learning-rate 10 --dev held.jsonl --dev-steps 3 --patience 2 pool.jsonl",
])
@pytest.mark.slow
def test_a_kill_after_the_last_step_takes_no_other(train: Train, folder: Path, monkeypatch: pytest.MonkeyPatch,
                                                   line: str) -> None:
    def killed(*_: Any) -> None:
        raise Killed

    train(f"{line} -o whole")
    with monkeypatch.context() as once:
        once.setattr("gotd.training.train_seed._save", killed)
        with pytest.raises(Killed):
            train(f"{line} -o killed")
    train(f"{line} -o killed")
    runs = [json.loads((folder / name / "metrics.json").read_text())["runs"][0] for name in ("whole", "killed")]
    assert runs[0]["steps"] == runs[1]["steps"] < 60
    assert same(folder / "whole", folder / "killed")


@pytest.mark.heavy
def test_other_seeds_give_other_weights(train: Train, folder: Path) -> None:
    line = "--init gpt2.json --objective clm --steps 3 pool.jsonl"
    train(f"{line} --seed 0 -o one")
    train(f"{line} --seed 0 -o again")
    train(f"{line} --seed 1 -o other")
    assert same(folder / "one", folder / "again")
    assert not same(folder / "one", folder / "other")


def test_a_finished_run_is_not_done_again(train: Train, folder: Path) -> None:
    line = "--init gpt2.json --objective clm --steps 2 pool.jsonl -o made"
    train(line)
    before = {path: path.stat().st_mtime_ns for path in (folder / "made").iterdir()}
    train(line)
    assert {path: path.stat().st_mtime_ns for path in (folder / "made").iterdir()} == before


def test_the_tokenizer_beside_a_configuration_is_part_of_the_run(train: Train, folder: Path) -> None:
    line = "--init fresh/config.json --objective clm --steps 1 pool.jsonl -o made"
    train("--init gpt2.json --objective clm --steps 1 pool.jsonl -o fresh")
    train(line)
    tokenizer = folder / "fresh/tokenizer_config.json"
    tokenizer.write_text(tokenizer.read_text() + " ")
    with pytest.raises(GotdError, match=r"holds another run .*model"):
        train(line)


@pytest.mark.parametrize("started", [True, False])
def test_another_run_or_other_data_is_refused(train: Train, folder: Path, monkeypatch: pytest.MonkeyPatch,
                                              started: bool) -> None:
    line = "--init gpt2.json --objective clm --steps 4 pool.jsonl -o made"
    if started:
        signal_at(2, signal.SIGTERM, monkeypatch)
        with pytest.raises(Terminated):
            train(line)
    else:
        train(line)
    before = {path: path.read_bytes() for path in (folder / "made").rglob("*") if path.is_file()}
    with pytest.raises(GotdError, match=r"holds another run .*steps=4.* there, .*steps=5"):
        train(line.replace("--steps 4", "--steps 5"))
    with pytest.raises(GotdError, match=r"holds another run .*seeds"):
        train(line + " --seed 3")
    with (folder / "pool.jsonl").open("a") as pool:
        pool.write('{"text": "one more"}\n')
    with pytest.raises(GotdError, match="read other data records"):
        train(line)
    assert {path: path.read_bytes() for path in (folder / "made").rglob("*") if path.is_file()} == before
