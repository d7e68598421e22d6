"""Transformers: the vectors that sentence-transformers makes of the same folder, or those of a formula written out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers

from gotd.embedders.transformer import TransformerEmbedder

# transformers before 5 compiles ModernBERT's embeddings on import, which newer versions of torch advise against.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")

Folder = Callable[..., Path]
KINDS = ("Bert", "Roberta", "MPNet", "DistilBert", "ModernBert", "T5", "GPT2", "Llama")
TEXTS = [
    "vivo",
    "The quick brown fox jumps over the lazy dog, in numbers 0123456789.",
    "a cat sat on the mat",
    "Привет, мир",
    "蛋白質の構造",
    "  spaces in front, and a [SEP] inside",
    "the lazy dog jumps over the quick brown cat " * 40,
]


def cosines(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Of each row with its counterpart."""
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.asarray((left * right).sum(axis=1) / lengths)


def embedder(folder: Path, **options: Any) -> TransformerEmbedder:
    return TransformerEmbedder(folder, device="cpu", **options)


def peer_vectors(folder: Path, texts: list[str]) -> npt.NDArray[Any]:
    """What sentence-transformers makes of the folder, one text at a time: then it needs no padding token."""
    peer = pytest.importorskip("sentence_transformers").SentenceTransformer(str(folder), device="cpu")
    if peer.tokenizer.pad_token is None:
        peer.tokenizer.pad_token = peer.tokenizer.eos_token
    return np.stack([peer.encode(text, show_progress_bar=False) for text in texts])


@pytest.mark.parametrize("kind", KINDS)
def test_a_bare_folder_gives_the_mean_over_its_tokens(tiny: Folder, kind: str) -> None:
    folder = tiny(kind)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    network = network.get_encoder() if kind == "T5" else network
    ids = [tokenizer(text, truncation=True, max_length=64, return_tensors="pt").input_ids for text in TEXTS]
    with torch.inference_mode():
        expected = np.stack([network(input_ids=each).last_hidden_state[0].mean(dim=0).numpy() for each in ids])
    ours = embedder(folder, max_tokens=64).embed(TEXTS)
    assert ours.dtype == np.float32
    assert cosines(ours, expected).min() >= 0.9999
    assert np.allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["Bert", "DistilBert", "MPNet", "ModernBert", "GPT2"])
def test_a_bare_folder_gives_sentence_transformers_vectors(tiny: Folder, kind: str) -> None:
    folder = tiny(kind, tokenizer={"model_max_length": 60})
    assert cosines(embedder(folder).embed(TEXTS), peer_vectors(folder, TEXTS)).min() >= 0.9999


@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_and_batches_leave_a_vector_as_it_is(tiny: Folder, kind: str) -> None:
    folder = tiny(kind)
    alone = np.concatenate([embedder(folder).embed([text]) for text in TEXTS])
    together = embedder(folder).embed(TEXTS)
    two_at_a_time = embedder(folder, batch_tokens=128).embed(TEXTS[::-1])[::-1]
    assert cosines(alone, together).min() >= 0.9999
    assert cosines(alone, two_at_a_time).min() >= 0.9999


def test_rows_stand_in_the_order_of_their_texts(tiny: Folder) -> None:
    order = np.random.default_rng(0).permutation(len(TEXTS))
    model = embedder(tiny("Bert"), batch_tokens=64)
    assert np.allclose(model.embed([TEXTS[row] for row in order]), model.embed(TEXTS)[order], atol=1e-6)


def test_texts_without_tokens_are_zero_and_counted(tiny: Folder) -> None:
    model = embedder(tiny("Bert"))
    vectors = model.embed(["", "a cat", " \n\t "])
    assert vectors.any(axis=1).tolist() == [False, True, False]
    assert (model.counts.documents, model.counts.empty) == (3, 2)


def test_no_texts_give_no_rows(tiny: Folder) -> None:
    assert embedder(tiny("Bert")).embed([]).shape == (0, 32)


def test_what_a_long_text_loses_is_counted(tiny: Folder) -> None:
    model = embedder(tiny("Bert"))
    model.embed(["cat " * 100, "cat", "cat " * 62])
    counts = model.counts
    assert (counts.truncated, counts.truncated_tokens, counts.unread_characters) == (1, 38, 0)
    assert counts.tokens == 64 + 3 + 64


def test_words_after_the_limit_do_not_matter(tiny: Folder) -> None:
    model = embedder(tiny("Bert"))
    ours = model.embed(["cat " * 62 + "dog " * 100, "cat " * 62, "cat " * 62 + "fox " * 100_000])
    assert np.allclose(ours[0], ours, atol=1e-6)
    assert model.counts.unread_characters > 300_000


def test_max_tokens_shortens_what_is_read(tiny: Folder) -> None:
    model = embedder(tiny("Bert"), max_tokens=8)
    ours = model.embed(["cat " * 6 + "dog", "cat " * 6])
    assert np.allclose(ours[0], ours[1], atol=1e-6)
    assert model.identity["max_tokens"] == 8


@pytest.mark.filterwarnings("ignore:.pad_token_id. should be positive:UserWarning")  # transformers before 5 says so
def test_another_padding_token_changes_nothing(tiny: Folder) -> None:
    """Llama configurations write -1 for none."""
    with_one, without = tiny("Llama", "with", pad_token_id=0), tiny("Llama", "without", pad_token_id=-1)
    assert np.allclose(embedder(with_one).embed(TEXTS), embedder(without).embed(TEXTS), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_segments_are_given_only_to_networks_that_know_them(tiny: Folder, kind: str) -> None:
    names = ["input_ids", "token_type_ids", "attention_mask"]
    folder = tiny(kind, tokenizer={"model_input_names": names, "model_max_length": 60})
    assert np.isfinite(embedder(folder).embed(TEXTS)).all()


@pytest.mark.parametrize("kind", ["ModernBert", "Llama"])
def test_half_precision_keeps_distant_positions_apart(tiny: Folder, kind: str) -> None:
    """The frequencies of rotary positions must not be rounded with the weights."""
    folder = tiny(kind, max_position_embeddings=4096, initializer_range=0.2, hidden_size=64)
    long = ["the lazy dog jumps over the quick brown cat " * 150]
    exact, half = (embedder(folder, dtype=dtype) for dtype in ("float32", "bfloat16"))
    ids = torch.arange(1500)[None] % 100 + 5
    first, second = (model._network.module(input_ids=ids).last_hidden_state[0].float() for model in (exact, half))
    assert torch.cosine_similarity(first, second, dim=-1).min() > 0.98
    assert cosines(exact.embed(long), half.embed(long)).min() > 0.999
    assert {parameter.dtype for parameter in half._network.module.parameters()} == {torch.bfloat16}


def test_no_batch_holds_more_tokens_than_asked(tiny: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    model = embedder(tiny("Bert"), batch_tokens=100)
    run, sizes = model._network.module.forward, []

    def measured(**inputs: Any) -> Any:
        sizes.append(inputs["input_ids"].numel())
        return run(**inputs)

    monkeypatch.setattr(model._network.module, "forward", measured)
    model.embed(["cat", "a cat " * 20, "a cat sat", "dog", "dog " * 9, "a cat " * 5])
    assert len(sizes) > 1
    assert max(sizes) <= 100


def test_memory_that_runs_out_makes_batches_smaller(tiny: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    model = embedder(tiny("Bert"))
    expected = model.embed(TEXTS)
    network = model._network.module
    whole = network.forward

    def scarce(**inputs: Any) -> Any:
        if len(inputs["input_ids"]) > 2:
            raise torch.OutOfMemoryError("not enough memory")
        return whole(**inputs)

    monkeypatch.setattr(network, "forward", scarce)
    assert np.allclose(model.embed(TEXTS), expected, atol=1e-6)
