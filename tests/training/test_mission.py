"""What it is all for: a light pass on got's choice helps the target, more than as many random documents do."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from workdir import Workdir, records, texts

from .conftest import Train, metrics

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_the_choice_lowers_the_loss_and_random_documents_less(train: Train, folder: Path) -> None:
    work = Workdir(folder)
    everything = texts(400, words=30)
    work.write("pool.jsonl", records(everything))
    work.write("target.jsonl", records(texts(60, seed=3, words=30)[2::5]))
    work.write("held.jsonl", records(texts(60, seed=4, words=30)[2::5]))
    work.write("base.jsonl", records(texts(400, seed=5, words=30)))
    work.write("random.jsonl", records(random.Random(0).sample(everything, 60)))
    work.environment["DS_THREADS"] = "1"
    work.ok("ds-embed --dimension 64 pool.jsonl -o pool.npy; ds-embed --dimension 64 target.jsonl -o target.npy")
    work.ok("ds-target-stats --target target.npy pool.npy -o target.npz && ds-score --target target.npz pool.npy "
            "-o scores.npy && ds-topk -k 60 --scores scores.npy pool.jsonl -o chosen.jsonl.zst")
    train("--init gpt2.json --objective clm --epochs 4 base.jsonl -o base")
    for name in ("chosen.jsonl.zst", "random.jsonl"):
        train(f"--model base --objective clm --epochs 2 --eval held.jsonl {name} -o {name.split('.')[0]}")
    chosen, at_random = metrics(folder / "chosen"), metrics(folder / "random")
    assert chosen["before"]["loss"] == at_random["before"]["loss"]
    assert chosen["after"]["loss"]["mean"] < chosen["before"]["loss"]["mean"] - 0.1
    assert chosen["after"]["loss"]["mean"] < at_random["after"]["loss"]["mean"] - 0.1


@pytest.mark.slow
def test_the_demo_shows_it_on_real_text(tmp_path: Path) -> None:
    work = Workdir(tmp_path)
    done = work.ok(f"sh {ROOT}/scripts/demo/train.sh {tmp_path}/demo", K="300", BASE="2000")
    assert b"after the chosen ones" in done.out


def test_the_comparison_can_fail(folder: Path) -> None:
    for name, loss in (("chosen", 3.0), ("random", 2.0)):
        (folder / name).mkdir()
        text = f'{{"eval": {{"before": {{"loss": {{"mean": 4.0}}}}, "after": {{"loss": {{"mean": {loss}}}}}}}}}'
        (folder / name / "metrics.json").write_text(text)
    line = [sys.executable, str(ROOT / "scripts/demo/compare.py")]
    assert subprocess.run([*line, "chosen", "random"], check=False, capture_output=True).returncode == 1
    assert subprocess.run([*line, "random", "chosen"], check=False, capture_output=True).returncode == 0
