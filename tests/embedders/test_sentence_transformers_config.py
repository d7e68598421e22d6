"""Folders of sentence-transformers: every option is followed, or refused by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import save_file

from gotd.embedders.protocol import Vectors
from gotd.embedders.sentence_transformers_config import read_sentence_config
from gotd.embedders.transformer import TransformerEmbedder
from gotd.errors import DataError, GotdError

Folder = Callable[..., Path]
POOLINGS = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
TEXTS = ["vivo", "The quick brown fox jumps over the lazy dog.", "ПРИВЕТ ΟΔΟΣ [SEP] Fox", "a cat sat on the mat " * 20]


@pytest.fixture
def sentences(tiny: Folder, as_sentences: Folder) -> Folder:
    """A tiny BERT under sentence-transformers' files."""

    def make(*modules: str, place: str = "model", tokenizer: dict[str, Any] | None = None, **options: Any) -> Path:
        return as_sentences(tiny("Bert", place, tokenizer=tokenizer), *(modules or ("mean",)), **options)

    return make


def ours(folder: Path) -> Vectors:
    return TransformerEmbedder(folder, device="cpu", precision="float32").embed(TEXTS)


def theirs(folder: Path) -> npt.NDArray[Any]:
    peer = pytest.importorskip("sentence_transformers").SentenceTransformer(str(folder), device="cpu")
    return np.asarray(peer.encode(TEXTS, show_progress_bar=False))


def add_dense(folder: Path, place: str, **settings: Any) -> None:
    """Weights and settings of a dense layer from 32 to 8."""
    torch.manual_seed(1)
    weights = {"linear.weight": torch.randn(8, 32), "linear.bias": torch.randn(8)}
    save_file(weights, folder / place / "model.safetensors")
    known = {"in_features": 32, "out_features": 8, "bias": True}
    (folder / place / "config.json").write_text(json.dumps({**known, **settings}))


@pytest.mark.heavy
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("modules", [(), ("Normalize",)], ids=["as pooled", "unit length"])
def test_every_pooling_is_that_of_sentence_transformers(
    sentences: Folder, pooling: str, modules: tuple[str, ...]
) -> None:
    folder = sentences(pooling, *modules)
    assert np.allclose(ours(folder), theirs(folder), atol=1e-5)


def test_several_poolings_stand_side_by_side(sentences: Folder) -> None:
    folder = sentences("cls")
    flags = {"word_embedding_dimension": 32, "pooling_mode_max_tokens": True, "pooling_mode_cls_token": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(flags))
    assert ours(folder).shape == (len(TEXTS), 64)
    assert np.allclose(ours(folder), theirs(folder), atol=1e-5)


def test_what_sentence_transformers_saves_today_is_read(tiny: Folder, tmp_path: Path) -> None:
    peer = pytest.importorskip("sentence_transformers")
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    parts = [Transformer(str(tiny("Bert")), max_seq_length=20), Pooling(32, ("weightedmean", "max")), Normalize()]
    model = peer.SentenceTransformer(modules=parts, device="cpu", prompts={"x": "a cat: "}, default_prompt_name="x")
    model.save(str(tmp_path / "saved"))
    expected = np.asarray(model.encode(TEXTS, show_progress_bar=False))
    assert np.allclose(ours(tmp_path / "saved"), expected, atol=1e-5)


@pytest.mark.parametrize("limit", [7, 32, 50, None])
def test_max_seq_length_overrules_the_tokenizer(sentences: Folder, limit: int | None) -> None:
    folder = sentences(transformer={"max_seq_length": limit}, tokenizer={"model_max_length": 40})
    assert np.allclose(ours(folder), theirs(folder), atol=1e-5)
    assert TransformerEmbedder(folder, device="cpu", precision="float32").identity["max_tokens"] == (limit or 40)


def test_no_more_is_read_than_there_are_positions(sentences: Folder) -> None:
    folder = sentences(transformer={"max_seq_length": 1000})
    assert TransformerEmbedder(folder, device="cpu", precision="float32").identity["max_tokens"] == 64


def test_the_default_prompt_stands_before_every_text(sentences: Folder) -> None:
    whole = {"prompts": {"query": "fox: ", "document": "dog: "}, "default_prompt_name": "document"}
    folder = sentences(whole=whole)
    assert np.allclose(ours(folder), theirs(folder), atol=1e-5)
    assert not np.allclose(ours(folder), ours(sentences(place="without")), atol=1e-3)


def test_prompts_that_are_not_the_default_are_left_out(sentences: Folder) -> None:
    folder = sentences(whole={"prompts": {"query": "fox: "}, "default_prompt_name": None})
    assert np.allclose(ours(folder), ours(sentences(place="without")), atol=1e-6)


def test_an_empty_text_is_empty_behind_a_prompt_too(sentences: Folder) -> None:
    folder = sentences(whole={"prompts": {"query": "fox: "}, "default_prompt_name": "query"})
    model = TransformerEmbedder(folder, device="cpu", precision="float32")
    assert not model.embed(["", " "]).any()
    assert model.counts.empty == 2


def test_folding_leaves_special_tokens_alone(sentences: Folder) -> None:
    folder = sentences(transformer={"do_lower_case": True})
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["normalizer"] = None
    path.write_text(json.dumps(tokenizer))
    assert np.allclose(ours(folder), theirs(folder), atol=1e-5)


def test_a_truncated_dimension_is_kept(sentences: Folder) -> None:
    folder = sentences("mean", "Normalize", whole={"truncate_dim": 10})
    model = TransformerEmbedder(folder, device="cpu", precision="float32")
    assert (model.dimension, model.identity["normalised"]) == (10, False)
    assert np.allclose(model.embed(TEXTS), theirs(folder), atol=1e-5)


@pytest.mark.parametrize("activation", ["Tanh", "ReLU", "GELU"])
def test_a_dense_layer_is_applied(sentences: Folder, activation: str) -> None:
    folder = sentences("mean", "Dense", "Normalize")
    add_dense(folder, "2_Dense", activation_function=f"torch.nn.modules.activation.{activation}")
    assert ours(folder).shape == (len(TEXTS), 8)
    assert np.allclose(ours(folder), theirs(folder), atol=1e-5)


@pytest.mark.parametrize("kind", ["LSTM", "CNN", "WordWeights", "LayerNorm", "CLIPModel"])
def test_a_module_that_is_not_known_is_named(sentences: Folder, kind: str) -> None:
    with pytest.raises(DataError, match=rf"modules\.json: modules Transformer, Pooling, {kind}; gotd knows"):
        read_sentence_config(sentences("mean", kind))


def test_a_static_embedding_of_sentence_transformers_is_named(tmp_path: Path) -> None:
    modules = [{"idx": 0, "path": "", "type": "sentence_transformers.models.StaticEmbedding"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(DataError, match="StaticEmbedding"):
        read_sentence_config(tmp_path)


def test_code_of_the_folder_is_named_and_never_run(sentences: Folder) -> None:
    folder = sentences()
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["type"] = "custom_code.MyTransformer"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "custom_code.py").write_text("raise SystemExit('this ran')")
    with pytest.raises(DataError, match=r"custom_code\.MyTransformer.*never run"):
        read_sentence_config(folder)


@pytest.mark.parametrize("place", ["../other", "/other", "a/../../other"])
def test_a_module_outside_the_folder_is_refused(sentences: Folder, place: str) -> None:
    folder = sentences()
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = place
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(DataError, match=r"modules\.json: a module in .*, outside the folder"):
        read_sentence_config(folder)


def test_a_pickled_dense_layer_is_refused(sentences: Folder) -> None:
    folder = sentences("mean", "Dense")
    (folder / "2_Dense" / "config.json").write_text("{}")
    (folder / "2_Dense" / "pytorch_model.bin").write_text("pickle")
    with pytest.raises(GotdError, match=r"2_Dense.*pytorch_model\.bin.*pickle.*safetensors"):
        TransformerEmbedder(folder, device="cpu", precision="float32")


def test_a_dense_layer_that_is_cut_or_does_not_fit_is_an_error(sentences: Folder) -> None:
    folder = sentences("mean", "Dense")
    add_dense(folder, "2_Dense")
    path = folder / "2_Dense" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(GotdError, match=r"2_Dense: no dense layer in model\.safetensors"):
        ours(folder)
    save_file({"linear.weight": torch.zeros(8, 33)}, path)
    with pytest.raises(GotdError, match="a token does not get through in float32"):
        ours(folder)


def test_a_decoder_that_sentence_transformers_would_pool_is_refused(tiny: Folder, as_sentences: Folder) -> None:
    from transformers import BartConfig, BartModel

    folder = as_sentences(tiny("Bert"), "mean")
    layers = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 4, "decoder_attention_heads": 4}
    sizes = {"d_model": 32, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 64}
    BartModel(BartConfig(vocab_size=300, **layers, **sizes)).save_pretrained(folder)
    with pytest.raises(GotdError, match=r"pools the decoder of bart, .* choose a --pooling for the encoder"):
        ours(folder)
    assert TransformerEmbedder(folder, device="cpu", pooling="mean").identity["pooling"] == "mean"


def test_an_activation_outside_torch_is_refused(sentences: Folder) -> None:
    folder = sentences("mean", "Dense")
    add_dense(folder, "2_Dense", activation_function="my.module.Act")
    with pytest.raises(DataError, match=r"activation my\.module\.Act"):
        TransformerEmbedder(folder, device="cpu", precision="float32")


@pytest.mark.parametrize(
    ("transformer", "named"),
    [
        ({"transformer_task": "fill-mask"}, "fill-mask"),
        ({"module_output_name": "all_layer_embeddings"}, "all_layer_embeddings"),
        ({"processing_kwargs": {"text": {"max_length": 3}}}, "processing_kwargs"),
        ({"config_args": {"is_causal": False}}, "config_args with is_causal"),
        ({"tokenizer_args": {"add_eos_token": True}}, "tokenizer_args with add_eos_token"),
    ],
)
def test_a_setting_that_would_change_the_vectors_is_named(
    sentences: Folder, transformer: dict[str, Any], named: str
) -> None:
    with pytest.raises(DataError, match=named):
        read_sentence_config(sentences(transformer=transformer))


def test_arguments_that_leave_the_vectors_alone_are_accepted(sentences: Folder) -> None:
    arguments = {"model_args": {"torch_dtype": "float32"}, "tokenizer_args": {"padding_side": "left"}}
    assert read_sentence_config(sentences(transformer=arguments)).max_tokens == 32


def test_the_length_that_the_tokenizer_is_given_comes_first(sentences: Folder) -> None:
    folder = sentences(transformer={"tokenizer_args": {"model_max_length": 9}})
    assert np.allclose(ours(folder), theirs(folder), atol=1e-5)
    assert read_sentence_config(folder).max_tokens == 9


def test_an_unknown_pooling_is_named(sentences: Folder) -> None:
    folder = sentences()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "median"}')
    with pytest.raises(DataError, match="pooling median; known are cls"):
        read_sentence_config(folder)


def test_a_default_prompt_that_is_missing_is_an_error(sentences: Folder) -> None:
    with pytest.raises(DataError, match="default prompt 'query' is not among"):
        read_sentence_config(sentences(whole={"default_prompt_name": "query", "prompts": {}}))


def test_pooling_without_the_prompt_is_refused_only_where_there_is_one(sentences: Folder) -> None:
    folder = sentences(place="with", whole={"prompts": {"query": "fox: "}, "default_prompt_name": "query"})
    without = sentences(place="without")
    for each in (folder, without):
        (each / "1_Pooling" / "config.json").write_text('{"pooling_mode": "mean", "include_prompt": false}')
    assert read_sentence_config(without).pooling == ("mean",)
    with pytest.raises(DataError, match="without the tokens of the prompt"):
        read_sentence_config(folder)
