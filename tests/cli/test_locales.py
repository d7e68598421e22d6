"""Locales that are not UTF-8: arguments, names of files, text and output are, whatever they say."""

import json
import subprocess
from pathlib import Path

import pytest

from workdir import Workdir

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LABELS = ["été", "日本"]
CONFIG = {"model_type": "bert", "vocab_size": 300, "max_position_embeddings": 32, "hidden_size": 16,
          "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def latin1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a locale in ISO 8859-1, which this machine may have to make first."""
    folder = tmp_path_factory.mktemp("locales")
    try:
        subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(folder / "en_US")], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no localedef, or not the sources of its locales: apt-get install locales")
    return {"LOCPATH": str(folder), "LC_ALL": "en_US"}


@pytest.fixture(params=["ascii", "latin1"])
def locale(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of a locale."""
    return ASCII if request.param == "ascii" else request.getfixturevalue("latin1")


def test_the_locale_is_none_of_utf8(work: Workdir, locale: dict[str, str]) -> None:
    """Else these tests could not fail."""
    said = work.ok('python -c "import sys; print(sys.getfilesystemencoding())"', **locale).out.decode().strip()
    assert said in ("ascii", "iso8859-1")


@pytest.mark.heavy
def test_arguments_names_and_text(work: Workdir, locale: dict[str, str]) -> None:
    work.write("dé.jsonl", '{"texté": "alpha"}\n{"texté": "bêta"}\n'.encode())
    line = "ds-chunk -q --text-key texté dé.jsonl"
    work.ok(f"{line} -o plain.jsonl && {line} > plain.zst")
    work.ok(f"{line} -o größe.jsonl && {line} > other.zst", **locale)
    assert work.read("größe.jsonl") == work.read("plain.jsonl")
    assert work.read("other.zst") == work.read("plain.zst")
    assert json.loads(work.read("plain.jsonl"))["texté"] == "alpha\n\nbêta"
    work.fails("ds-chunk -q fehlt-größe.jsonl", "fehlt-größe.jsonl: No such file", **locale)


@pytest.mark.slow
def test_a_classifiers_labels_and_folders(work: Workdir, latin1: dict[str, str]) -> None:
    from gotd.training.tokenizers import train_tokenizer

    train_tokenizer(["alpha beta gamma"], 300, True, 32).save_pretrained(work.path / "modèle")
    work.write("modèle/config.json", json.dumps(CONFIG).encode())
    work.write("labelled.jsonl", "".join(json.dumps({"text": "alpha beta", "étiquette": label}) + "\n"
                                         for label in LABELS).encode())
    line = ("ds-train -q --threads 1 --init modèle --objective classify --label-key étiquette --steps 1 --batch 2 "
            "--length 16 labelled.jsonl -o")
    work.ok(f"{line} classé/", **latin1)
    work.ok(f"{line} ascii/", **ASCII)
    for folder in ("classé", "ascii"):
        assert json.loads(work.read(f"{folder}/config.json"))["id2label"] == dict(zip("01", LABELS, strict=True))
        assert json.loads(work.read(f"{folder}/run.json"))["labels"] == LABELS
        assert (work.path / folder / "tokenizer.json").is_file()
    again = work.ok(f"{line.replace(' -q', '')} classé/", **ASCII)
    assert "classé: complete already" in again.err


def test_a_locale_of_utf8_begins_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from gotd.cli import _frame

    begun: list[list[str]] = []
    monkeypatch.setattr(_frame.os, "execv", lambda _, line: begun.append(line))
    _frame._begin_in_utf8()
    assert not begun
    monkeypatch.setattr(_frame.sys, "getfilesystemencoding", lambda: "iso8859-1")
    _frame._begin_in_utf8()
    assert begun[0][1:3] == ["-X", "utf8"]
    assert Path(begun[0][0]).is_file()
