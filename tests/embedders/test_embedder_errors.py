"""What cannot be an embedder: one line that names the model and the way out, and no code of others ever run."""

import builtins
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gotd.embedders.loading import load
from gotd.errors import GotdError, UsageError

Folder = Callable[..., Path]


def fails(*models: str | Path, **options: Any) -> str:
    """The message of the error that loading gives, which is one line."""
    with pytest.raises(GotdError) as caught:
        load([str(model) for model in models], **{"device": "cpu", **options})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    message = fails(tmp_path / "nowhere")
    assert message.startswith(f"{tmp_path / 'nowhere'}: no such folder on this machine; give a model's folder")


def test_a_missing_relative_folder_says_where_it_was_looked_for() -> None:
    assert f"no such folder in {Path.cwd()}" in fails("./nowhere")


def test_a_file_is_not_a_model(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    assert "a file; a model is a folder" in fails(tmp_path / "model.bin")


def test_an_empty_folder_is_not_a_model(tmp_path: Path) -> None:
    assert "no config.json: not a model's folder" in fails(tmp_path)


def test_no_name_is_not_a_model() -> None:
    assert "a model without a name" in fails("")


@pytest.mark.parametrize("name", ["owner/no-such-model", "no-such-model"])
def test_a_hub_name_without_a_network_is_named(name: str) -> None:
    message = fails(name)
    assert message.startswith(f"{name}: no such folder in {Path.cwd()}, and not to be had from the Hugging Face hub")
    assert message.endswith("give the path of a folder, or fetch the model where there is a network")


def test_a_hub_name_without_the_hubs_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(monkeypatch, "huggingface_hub")
    assert fails("owner/model").endswith("pip install 'gotd[models]'")


@pytest.mark.parametrize("device", ["toaster", "cuda:99", "cpu:x", "meta", "hpu"])
def test_an_unknown_device_is_named(tiny: Folder, device: str) -> None:
    message = fails(tiny("Bert"), device=device)
    assert message.startswith(f"{device}: no such device here")
    assert message.endswith("use cpu")


def forbid(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """As where the package is not installed."""
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(f"No module named {package!r}")
        return real(name, *arguments, **options)

    for name in [name for name in sys.modules if name.startswith("gotd.embedders.transformer")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)


def test_a_transformer_without_transformers_says_what_to_install(
    tiny: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny("Bert")
    forbid(monkeypatch, "transformers")
    message = fails(folder)
    assert message.startswith(f"{folder}: needs transformers; ")
    assert message.endswith("pip install 'gotd[models]'")


def test_a_transformer_without_torch_says_what_to_install(tiny: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny("Bert")
    forbid(monkeypatch, "torch")
    assert fails(folder) == f"{folder}: No module named 'torch'; pip install 'gotd[models]'"


@pytest.mark.parametrize("package", ["tokenizers", "safetensors"])
def test_a_static_model_without_its_packages_says_what_to_install(
    tmp_path: Path, wordpiece: Any, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    import numpy as np

    vectors = np.zeros((wordpiece.get_vocab_size(), 4), dtype=np.float32)
    pytest.importorskip("model2vec").StaticModel(vectors, wordpiece).save_pretrained(tmp_path)
    forbid(monkeypatch, package)
    message = fails(tmp_path)
    assert package in message
    assert message.endswith("pip install 'gotd[models]'")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.ckpt"])
def test_pickled_weights_are_never_read(tiny: Folder, name: str) -> None:
    folder = tiny("Bert")
    (folder / "model.safetensors").rename(folder / name)
    assert f"weights only as {name}, which is a pickle" in fails(folder)
    assert fails(folder).endswith("save the model again as safetensors")


def test_code_in_the_folder_is_never_run(tiny: Folder) -> None:
    folder = tiny("Bert")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    message = fails(folder)
    assert "code from its folder, which is never run" in message
    assert "trust_remote_code" not in message
    assert not (folder / "ran").exists()


def test_missing_weights_are_named(tiny: Folder) -> None:
    folder = tiny("Bert")
    (folder / "model.safetensors").unlink()
    assert fails(folder) == f"{folder}: no weights (*.safetensors)"


def test_a_missing_tokenizer_is_named(tiny: Folder) -> None:
    folder = tiny("Bert")
    (folder / "tokenizer.json").unlink()
    assert f"{folder}: no tokenizer" in fails(folder)


def test_weights_that_lack_a_layer_are_named(tiny: Folder) -> None:
    folder = tiny("Bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    assert "its weights lack encoder.layer.2." in fails(folder)


@pytest.mark.parametrize(
    "change", [{"hidden_size": 64}, {"hidden_size": "many"}, {"model_type": "no-such-type"}, {"model_type": None}]
)
def test_a_configuration_that_does_not_fit_names_the_folder(tiny: Folder, change: dict[str, Any]) -> None:
    folder = tiny("Bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    assert fails(folder).startswith(f"{folder}: transformers cannot load it as a text model: ")


@pytest.mark.parametrize("content", ["", "[]", "{", "null"])
def test_a_configuration_that_is_none_is_named(tiny: Folder, content: str) -> None:
    folder = tiny("Bert")
    (folder / "config.json").write_text(content)
    assert f"{folder / 'config.json'}: not " in fails(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_cut_file_names_the_folder(tiny: Folder, name: str) -> None:
    folder = tiny("Bert")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    assert fails(folder).startswith(str(folder))


def test_a_pointer_instead_of_weights_names_the_file(tiny: Folder) -> None:
    folder = tiny("Bert")
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    assert fails(folder).startswith(f"{folder / 'model.safetensors'}: not a safetensors file")


def with_network(folder: Path, kind: str, **settings: Any) -> Path:
    """The folder with an untrained network of another kind in it."""
    import transformers

    config = getattr(transformers, f"{kind}Config")(**settings)
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    return folder


def test_a_network_for_pictures_is_an_error(tiny: Folder) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
    message = fails(with_network(tiny("Bert"), "ViT", **sizes, image_size=16, patch_size=8))
    assert message.endswith("ViTModel reads something else than the tokens of a text; give a text encoder or a decoder")


def test_a_network_that_takes_no_token_ids_is_an_error(tiny: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    monkeypatch.setattr(transformers.BertModel, "forward", lambda _self, pixels: pixels)
    assert "not a network from a text's tokens to hidden states of each" in fails(tiny("Bert"))


def test_a_network_without_a_mask_is_an_error(tiny: Folder) -> None:
    sizes = {"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 64}
    assert "padding changes its vectors" in fails(with_network(tiny("Bert"), "FNet", **sizes))


def test_a_tokenizer_that_keeps_the_ends_of_texts_is_an_error(tiny: Folder) -> None:
    message = fails(tiny("Bert", tokenizer={"truncation_side": "left"}))
    assert "tokenizer_config.json: keeps the ends of long texts (truncation_side)" in message


def test_a_tokenizer_of_another_model_is_an_error(tiny: Folder) -> None:
    assert "its network 9; the files belong to different models" in fails(tiny("Bert", vocab_size=9))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dimension": 64}, "can only be chosen for hash"),
        ({"threads": 0}, "0 threads: at least 1"),
        ({"max_tokens": 65}, "reads at most 64"),
        ({"max_tokens": 2}, "at least 3"),
        ({"precision": "float8"}, "not a precision"),
        ({"pooling": "median"}, "not a way of pooling"),
    ],
)
def test_options_that_cannot_work_are_usage_errors(tiny: Folder, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load([str(tiny("Bert"))], device="cpu", **options)


def test_no_model_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no model"):
        load([])
