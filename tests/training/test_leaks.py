"""Training text that shares runs of words with what judges the model is counted and told."""

import json
import random
import shlex
from pathlib import Path

import pytest

from gotd.cli.train import command
from gotd.streams.record_text import RecordText
from gotd.streams.records import Skipping
from gotd.training.leaks import Leaks
from gotd.training.reading import Reading, uncounted
from workdir import WORDS, records, texts

LINE = "--threads 1 --length 32 --batch 8 --init gpt2.json --objective clm --steps 1"


def runs(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return {tuple(words[start : start + 13]) for start in range(len(words) - 12)}


def test_each_training_text_that_shares_a_run_counts_once(tmp_path: Path) -> None:
    draw = random.Random(0)
    held = [" ".join(draw.choices(WORDS, k=40)) for _ in range(30)]
    pool = [" ".join(draw.choices(WORDS, k=60)) for _ in range(80)]
    for number in range(25):  # a run of 11 to 15 words of a held-out text, in capitals, somewhere in a training text
        words, start = held[number].split(), draw.randrange(20)
        other = pool[number * 3].split()
        other[7:7] = words[start : start + 11 + number % 5]
        pool[number * 3] = " ".join(other).upper()
    (tmp_path / "held.jsonl").write_bytes(records(held))
    reading = Reading(RecordText(), "label", Skipping(), False, uncounted)
    leaks = Leaks({"eval": [str(tmp_path / "held.jsonl")], "dev": [str(tmp_path / "held.jsonl")]}, reading)
    leaks.watch(pool[:50])
    leaks.watch(pool[50:])
    known = set().union(*map(runs, held))
    truth = sum(bool(runs(text) & known) for text in pool)
    assert 10 <= truth < 25
    assert leaks.shared == {"eval": truth, "dev": truth}


def said(line: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The warnings of a run."""
    command.main(shlex.split(f"{LINE} {line}"), "ds-train", standalone_mode=False)
    return [text for text in capsys.readouterr().err.splitlines() if "warning: " in text]


def test_leaks_are_told_with_their_number_and_stand_in_the_record(folder: Path,
                                                                  capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "leaky.jsonl").write_bytes(records(texts(50, words=30) + texts(12, seed=1, words=30)[:7]))
    about = "training texts share a run of 13 words with"
    then = "whose figures then say little of other text; ds-topk --exclude leaves such texts out"
    assert said("leaky.jsonl --eval held.jsonl --dev pool.jsonl -o made", capsys) == [
        f"ds-train: warning: 50 of 57 {about} --dev, {then}", f"ds-train: warning: 7 of 57 {about} --eval, {then}"]
    assert json.loads((folder / "made/run.json").read_text())["data"]["shared_with"] == {"dev": 50, "eval": 7}
    assert said("pool.jsonl --eval held.jsonl -o clean", capsys) == []
    assert json.loads((folder / "clean/run.json").read_text())["data"]["shared_with"] == {"eval": 0}
