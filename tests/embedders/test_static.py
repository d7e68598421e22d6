"""Static models: the vectors of model2vec's own `encode`, whatever it wrote and however it is asked."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file, save_file

from gotd.content import with_content
from gotd.embedders.loading import load
from gotd.embedders.static import StaticEmbedder, is_static
from gotd.errors import DataError, GotdError, UsageError

model2vec = pytest.importorskip("model2vec")

Folder = Callable[..., Path]
TOKENIZERS = ("wordpiece", "byte_pairs", "unigram")
TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "",
    "a cat sat on the mat",
    " \n\t ",
    "vivo, in vivo; 蛋白質の構造 🧬 Привет",
    "☃",
    "the lazy dog, \nand\tnumbers 0123456789 " * 90,
    "x" * 5000,
    "[SEP] [PAD] <unk> [UNK]",
]


@pytest.fixture
def static(tmp_path: Path, request: pytest.FixtureRequest) -> Folder:
    """Makes the folder of a model2vec model with random vectors."""

    def make(kind: str = "wordpiece", dtype: str = "float32", place: str = "static", **options: Any) -> Path:
        tokenizer = request.getfixturevalue(kind)
        generator = np.random.default_rng(0)
        vectors = generator.normal(size=(options.pop("rows", tokenizer.get_vocab_size()), 16))
        vectors = (vectors * 30 if dtype == "int8" else vectors).astype(dtype)
        model2vec.StaticModel(vectors, tokenizer, **options).save_pretrained(tmp_path / place)
        return tmp_path / place

    return make


def quantised(tokens: int, dtype: str = "float32") -> dict[str, Any]:
    """What model2vec keeps of a quantised vocabulary: a weight for each token, and which of ten vectors it has."""
    generator = np.random.default_rng(1)
    weights = generator.uniform(0.1, 2, size=tokens).astype(dtype)
    return {"rows": 10, "weights": weights, "token_mapping": generator.integers(0, 10, size=tokens)}


def theirs(folder: Path, texts: list[str], **options: Any) -> npt.NDArray[Any]:
    """As model2vec has them, but zero for texts without content, which no embedder of ours gives a place."""
    vectors = np.array(model2vec.StaticModel.from_pretrained(folder).encode(texts, **options))
    vectors[~with_content(texts)] = 0
    return vectors


def ours(folder: Path, texts: list[str], max_tokens: int | None = None) -> npt.NDArray[Any]:
    return StaticEmbedder(folder, max_tokens).embed(texts)


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8"])
@pytest.mark.parametrize("normalize", [False, True], ids=["as summed", "unit length"])
def test_vectors_are_those_of_model2vec(static: Folder, kind: str, dtype: str, normalize: bool) -> None:
    folder = static(kind, dtype, normalize=normalize)
    vectors = ours(folder, TEXTS)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, theirs(folder, TEXTS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_half_precision_vectors_are_summed_in_full(static: Folder, kind: str) -> None:
    """model2vec rounds its results to half precision; ours are nearer to the exact mean."""
    folder = static(kind, "float16")
    vectors = ours(folder, TEXTS)
    assert np.allclose(vectors, theirs(folder, TEXTS).astype(np.float32), rtol=2e-3, atol=1e-4)
    whole = load_file(folder / "model.safetensors")["embeddings"].astype(np.float64)
    tokens = model2vec.StaticModel.from_pretrained(folder).tokenize(TEXTS[:1])[0]
    assert np.allclose(vectors[0], whole[tokens].mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("normalize", [False, True], ids=["as summed", "unit length"])
def test_a_quantised_vocabulary_is_read(
    static: Folder, request: pytest.FixtureRequest, kind: str, dtype: str, normalize: bool
) -> None:
    tokens = request.getfixturevalue(kind).get_vocab_size()
    folder = static(kind, dtype, normalize=normalize, **quantised(tokens))
    assert np.allclose(ours(folder, TEXTS), theirs(folder, TEXTS), rtol=1e-5, atol=1e-6)


def test_what_model2vec_quantises_itself_is_read(static: Folder, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    model = model2vec.StaticModel.from_pretrained(static(), vocabulary_quantization=20, quantize_to="float32")
    model.save_pretrained(tmp_path / "quantised")
    folder = tmp_path / "quantised"
    assert {"weights", "mapping"} <= set(load_file(folder / "model.safetensors"))
    assert np.allclose(ours(folder, TEXTS), theirs(folder, TEXTS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("length", [1, 3, 100, 100_000])
def test_max_tokens_is_max_length(static: Folder, kind: str, length: int) -> None:
    folder = static(kind)
    expected = theirs(folder, TEXTS, max_length=length)
    assert np.allclose(ours(folder, TEXTS, length), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("length", [7, 512, None])
def test_the_model_says_how_much_it_reads(static: Folder, length: int | None) -> None:
    folder = static(max_length=length)
    model = StaticEmbedder(folder)
    assert model.identity["max_tokens"] == length
    assert np.allclose(model.embed(TEXTS), theirs(folder, TEXTS), rtol=1e-5, atol=1e-6)


def test_a_model_that_does_not_say_reads_512_tokens(static: Folder) -> None:
    folder = static()
    (folder / "config.json").write_text("{}")
    assert StaticEmbedder(folder).identity["max_tokens"] == 512
    assert np.allclose(ours(folder, TEXTS), theirs(folder, TEXTS), rtol=1e-5, atol=1e-6)


def test_texts_of_no_known_token_are_zero_and_counted(static: Folder) -> None:
    model = StaticEmbedder(static(normalize=True))
    vectors = model.embed(["", "☃ ☃", "a cat", "  "])
    assert vectors.any(axis=1).tolist() == [False, False, True, False]
    assert (model.counts.documents, model.counts.empty) == (4, 3)


def test_what_a_long_text_loses_is_counted(static: Folder) -> None:
    model = StaticEmbedder(static(), 10)
    model.embed(["cat cat", "a " * 12, "a" + " a" * 9, "a " * 10_000])
    counts = model.counts
    assert (counts.documents, counts.truncated, counts.tokens) == (4, 2, 2 + 10 + 10 + 10)
    assert counts.truncated_tokens >= 2
    assert 19_000 < counts.unread_characters < 20_000


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_neighbours_change_no_byte(static: Folder, kind: str) -> None:
    model = StaticEmbedder(static(kind, normalize=True))
    many = [f"{text} {number}" for number in range(300) for text in TEXTS[:5]]
    together = model.embed(many)
    assert (model.embed(many[::-1])[::-1] == together).all()
    assert all((model.embed([text])[0] == row).all() for text, row in zip(many[:200], together, strict=False))


@pytest.mark.parametrize("threads", [1, 2])
def test_load_recognises_the_folder(static: Folder, threads: int) -> None:
    folder = static(normalize=True)
    model = load([str(folder)], threads=threads)
    assert isinstance(model, StaticEmbedder)
    assert (model.embed(TEXTS) == ours(folder, TEXTS)).all()


def test_a_transformer_is_not_static(minilm: Path, tmp_path: Path) -> None:
    assert not is_static(minilm)
    assert not is_static(tmp_path)


def test_a_tokenizer_with_more_tokens_than_vectors_is_an_error(static: Folder) -> None:
    folder = static()
    tensors = load_file(folder / "model.safetensors")
    save_file({"embeddings": tensors["embeddings"][:-1]}, folder / "model.safetensors")
    with pytest.raises(DataError, match="belong to different models"):
        StaticEmbedder(folder)


def test_vectors_that_are_not_numbers_are_an_error(static: Folder) -> None:
    folder = static()
    tensors = load_file(folder / "model.safetensors")
    tensors["embeddings"][3, 4] = np.nan
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(DataError, match="NaN"):
        StaticEmbedder(folder)


def test_weights_that_are_not_numbers_are_an_error(static: Folder, wordpiece: Any) -> None:
    parts = quantised(wordpiece.get_vocab_size())
    parts["weights"][5] = np.inf
    with pytest.raises(DataError, match="NaN or infinite"):
        StaticEmbedder(static(**parts))


def test_a_mapping_beyond_the_vectors_is_an_error(static: Folder, wordpiece: Any) -> None:
    for beyond in (10, -11):
        parts = quantised(wordpiece.get_vocab_size())
        parts["token_mapping"][5] = beyond
        with pytest.raises(DataError, match="belong to different models"):
            StaticEmbedder(static(**parts))


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn"])
def test_numbers_that_numpy_lacks_are_an_error(static: Folder, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    path = static() / "model.safetensors"
    rows = torch.from_numpy(load_file(path)["embeddings"]).to(getattr(torch, dtype))
    importlib.import_module("safetensors.torch").save_file({"embeddings": rows}, path)
    with pytest.raises(DataError, match="save the model in float32"):
        StaticEmbedder(path.parent)


def test_arrays_of_another_shape_or_dtype_are_an_error(static: Folder, wordpiece: Any) -> None:
    path = static(**quantised(wordpiece.get_vocab_size())) / "model.safetensors"
    tensors = load_file(path)
    for wrong in ({"weights": tensors["weights"][:, None]}, {"mapping": tensors["mapping"].astype(np.float32)},
                  {"embeddings": tensors["embeddings"].ravel()}):
        save_file(tensors | wrong, path)
        with pytest.raises(DataError, match="not those of model2vec"):
            StaticEmbedder(path.parent)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_cut_file_is_named(static: Folder, name: str) -> None:
    folder = static()
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(GotdError, match=rf"{name}"):
        load([str(folder)])


def test_no_tokens_at_all_is_a_usage_error(static: Folder) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        StaticEmbedder(static(), 0)


def test_the_tokenizers_own_padding_and_truncation_are_off(static: Folder) -> None:
    folder = static()
    expected = ours(folder, TEXTS)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["truncation"] = {"max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    tokenizer["padding"] = {
        "strategy": {"Fixed": 20}, "direction": "Right", "pad_to_multiple_of": None,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert (ours(folder, TEXTS) == expected).all()
