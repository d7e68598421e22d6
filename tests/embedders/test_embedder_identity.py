"""Identities: equal where the vectors are, different where they are not, and nothing of the place."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gotd.embedders.loading import load

Folder = Callable[..., Path]
KEYS = {"name", "revision", "pooling", "max_tokens", "normalised", "dimension"}


def identity(*models: str | Path, **options: Any) -> dict[str, Any]:
    return load([str(model) for model in models], device="cpu", **options).identity


@pytest.fixture
def static(tmp_path: Path, wordpiece: Any) -> Folder:
    def make(place: str, seed: int = 0, **options: Any) -> Path:
        vectors = np.random.default_rng(seed).normal(size=(wordpiece.get_vocab_size(), 8)).astype(np.float32)
        pytest.importorskip("model2vec").StaticModel(vectors, wordpiece, **options).save_pretrained(tmp_path / place)
        return tmp_path / place

    return make


def test_every_kind_says_the_same_things(static: Folder, tiny: Folder) -> None:
    for model in ("hash", static("static"), tiny("Bert")):
        assert set(identity(model)) == KEYS


def test_identities_travel_as_small_json(static: Folder, tiny: Folder) -> None:
    found = identity("hash", static("static"), tiny("Bert"))
    assert len(json.dumps(found)) < 8 << 10
    assert json.loads(json.dumps(found)) == found


def test_a_copy_elsewhere_is_the_same_model(static: Folder, tiny: Folder, tmp_path: Path) -> None:
    for folder in (static("static"), tiny("Bert")):
        copy = shutil.copytree(folder, tmp_path / "elsewhere" / folder.name)
        assert identity(copy) == identity(folder)
        assert str(tmp_path) not in json.dumps(identity(copy))


def test_a_model_is_the_same_in_another_process_order_and_with_more_threads(tiny: Folder) -> None:
    folder = tiny("Bert")
    assert identity(folder, threads=2, batch_tokens=7) == identity(folder)


def test_other_weights_are_another_model(static: Folder, tiny: Folder) -> None:
    assert identity(static("a", seed=0)) != identity(static("b", seed=1))
    assert identity(tiny("Bert", "c", seed=0)) != identity(tiny("Bert", "d", seed=1))


def test_the_same_weights_made_again_are_the_same_model(static: Folder, tiny: Folder) -> None:
    assert identity(static("a")) == identity(static("b"))
    assert identity(tiny("Bert", "c")) == identity(tiny("Bert", "d"))


def test_other_lengths_are_another_model(static: Folder, tiny: Folder) -> None:
    for folder in (static("static"), tiny("Bert")):
        assert identity(folder, max_tokens=9)["max_tokens"] == 9
        assert identity(folder, max_tokens=9) != identity(folder)
    assert identity("hash", dimension=8) != identity("hash", dimension=9)


def test_another_pooling_or_scaling_is_another_model(tiny: Folder, as_sentences: Folder) -> None:
    mean = identity(as_sentences(tiny("Bert", "mean"), "mean"))
    cls = identity(as_sentences(tiny("Bert", "cls"), "cls"))
    unit = identity(as_sentences(tiny("Bert", "unit"), "mean", "Normalize"))
    assert (mean["pooling"], cls["pooling"]) == ("mean", "cls")
    assert (mean["normalised"], unit["normalised"]) == (False, True)
    assert len({each["revision"] for each in (mean, cls, unit)}) == 3


def test_another_prompt_is_another_model(tiny: Folder, as_sentences: Folder) -> None:
    one, other = (
        as_sentences(tiny("Bert", prompt), "mean", whole={"prompts": {"x": prompt}, "default_prompt_name": "x"})
        for prompt in ("cat", "dog")
    )
    assert identity(one) != identity(other)


def test_another_tokenizer_is_another_model(tiny: Folder) -> None:
    folder = tiny("Bert")
    before = identity(folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"]["lowercase"] = False
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert identity(folder) != before


def test_what_is_loaded_is_part_of_it_at_any_depth(tiny: Folder, as_sentences: Folder, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    as_sentences(folder, "mean")
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = "networks/onnx"
    (folder / "modules.json").write_text(json.dumps(modules))
    found = []
    for seed in range(2):
        shutil.copytree(tiny("Bert", str(seed), seed=seed), folder / "networks/onnx", dirs_exist_ok=True)
        found.append(identity(folder))
    assert found[0] != found[1]


@pytest.mark.parametrize("name", ["README.md", "onnx/config.json", "openvino/tokenizer.json", "pytorch_model.bin"])
def test_what_vectors_do_not_depend_on_is_not_part_of_it(tiny: Folder, name: str) -> None:
    folder = tiny("Bert")
    before = identity(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("{}")
    assert identity(folder) == before


def test_real_weights_have_this_identity(minilm: Path) -> None:
    found = identity(minilm)
    del found["revision"]
    assert found == {"name": "bert", "pooling": "mean", "max_tokens": 256, "normalised": True, "dimension": 384}
