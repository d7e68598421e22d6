"""The study of how long pieces should be: the same text in shorter pieces, and as many words of every choice."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from workdir import texts

from .conftest import module

pytestmark = [pytest.mark.usefixtures("study_modules"), pytest.mark.xdist_group("experiments")]

RULES = "random\ndsir:min_words=1\n"


def jsonl(path: Path, some: list[str]) -> None:
    module("data").write(path, [json.dumps({"id": str(i), "text": text}).encode() for i, text in enumerate(some)])


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A study of 100 long texts that has one target."""
    folder = tmp_path / "work" / "tiny"
    for name, count, seed, words in (("pool", 100, 1, 160), ("source", 100, 2, 160), ("targets/agnews", 40, 3, 12),
                                     ("held-out/agnews", 40, 4, 12)):
        jsonl(folder / f"{name}.jsonl.zst", texts(count, seed=seed, words=words))
    return tmp_path / "work"


def test_shorter_pieces_are_the_same_text(work: Path) -> None:
    study, data = module("chunk_length"), module("data")
    whole = data.Study(work / "tiny")
    assert study.cut(whole, work, 1000) is whole
    shorter = study.cut(whole, work, 200)
    assert study.cut(whole, work, 200) == shorter
    found = data.texts(shorter.pool)
    assert max(map(len, found)) <= 200 and len(found) > 3 * 100
    assert " ".join(found).split() == " ".join(data.texts(whole.pool)).split()
    for one, other in ((whole.source, shorter.source), (whole.target("agnews"), shorter.target("agnews")),
                       (whole.held_out("agnews"), shorter.held_out("agnews"))):
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.slow
def test_every_length_has_as_many_words_and_nothing_is_made_twice(
        work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    study = module("chunk_length")
    (work / "rules.txt").write_text(RULES)
    monkeypatch.setattr(study, "lay_out", lambda _data, folder, scale: module("data").Study(folder / scale))
    line = ["chunk_length.py", "data", work, "--rules", work / "rules.txt", "--chars", "200", "1000", "--tasks",
            "agnews", "--budgets", "5", "10"]
    monkeypatch.setattr(sys, "argv", [str(word) for word in line])
    for _ in range(2):
        study.main()
        found: list[dict[str, Any]] = module("results").lines_of(work / "tiny/chunk_length.jsonl")
        assert len(found) == len({(each["chars"], each["rule"], each["chunks"]) for each in found}) == 2 * 2 * 2
        assert len({(each["chunks"], each["words"]) for each in found}) == 2
    assert {each["chars"] for each in found if each["pool_rows"] == 100} == {1000}
    of_random = [each for each in found if each["rule"] == "random"]
    printed = capsys.readouterr().out
    for title, name in (("word", "nats_per_word"), ("text", "nats_per_word_by_text")):
        rows = printed.split(f"By the {title}, nats a word:")[-1].split("\n\n")[1].splitlines()
        row = next(row for row in rows if "`random`" in row).replace("*", "").split("|")
        means = [sum(each[name] for each in of_random if each["chars"] == chars) / 2 for chars in (200, 1000)]
        assert [cell.strip() for cell in row[4:6]] == [f"{mean:.3f}" for mean in means]
