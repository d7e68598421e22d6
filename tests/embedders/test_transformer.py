"""Transformers: the vectors that sentence-transformers makes of the same folder, or those of a formula written out."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers

from gotd.embedders.transformer import TransformerEmbedder
from gotd.errors import GotdError

# transformers before 5 compiles ModernBERT's embeddings on import, which newer versions of torch advise against.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")

Folder = Callable[..., Path]
KINDS = ("Bert", "Roberta", "MPNet", "DistilBert", "ModernBert", "T5", "GPT2", "Llama")
DECODERS = ("GPT2", "Llama")
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
    return TransformerEmbedder(folder, **{"device": "cpu", "precision": "float32", **options})


def peer_vectors(folder: Path, texts: list[str]) -> npt.NDArray[Any]:
    """What sentence-transformers makes of the folder, one text at a time: then it needs no padding token."""
    peer = pytest.importorskip("sentence_transformers").SentenceTransformer(str(folder), device="cpu")
    if peer.tokenizer.pad_token is None:
        peer.tokenizer.pad_token = peer.tokenizer.eos_token
    return np.stack([peer.encode(text, show_progress_bar=False) for text in texts])


def hidden_states(folder: Path, kind: str) -> list[torch.Tensor]:
    """Of each text, cut to 64 tokens, float32 (tokens, d), from transformers itself."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    network = network.get_encoder() if kind == "T5" else network
    ids = [tokenizer(text, truncation=True, max_length=64, return_tensors="pt").input_ids for text in TEXTS]
    with torch.inference_mode():
        return [network(input_ids=each).last_hidden_state[0] for each in ids]


@pytest.mark.parametrize("kind", KINDS)
def test_a_bare_folder_gives_the_mean_over_its_tokens_and_a_decoder_the_weighted_one(tiny: Folder, kind: str) -> None:
    folder = tiny(kind)
    model = embedder(folder, max_tokens=64)
    states = hidden_states(folder, kind)
    weights = [torch.arange(1.0, len(each) + 1) if kind in DECODERS else torch.ones(len(each)) for each in states]
    expected = np.stack([(w @ each / w.sum()).numpy() for w, each in zip(weights, states, strict=True)])
    ours = model.embed(TEXTS)
    assert model.identity["pooling"] == ("weightedmean" if kind in DECODERS else "mean")
    assert ours.dtype == np.float32
    assert cosines(ours, expected).min() >= 0.9999
    assert np.allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_decoder_that_rounds_by_its_later_tokens_is_one(
    tiny: Folder, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    """As experts do, to whom tokens are shared out."""
    whole = transformers.GPT2Model.forward

    def rounded(network: Any, input_ids: torch.Tensor, **inputs: Any) -> Any:
        found = whole(network, input_ids=input_ids, **inputs)
        found.last_hidden_state *= 1 + 1e-6 * float(input_ids.sum())
        return found

    monkeypatch.setattr(transformers.GPT2Model, "forward", rounded)
    assert embedder(tiny("GPT2"), precision=precision).identity["pooling"] == "weightedmean"


@pytest.mark.parametrize("kind", KINDS)
def test_pooling_can_be_asked_for(tiny: Folder, kind: str) -> None:
    folder = tiny(kind)
    model = embedder(folder, max_tokens=64, pooling="mean")
    expected = np.stack([each.mean(dim=0).numpy() for each in hidden_states(folder, kind)])
    assert model.identity["pooling"] == "mean"
    assert np.allclose(model.embed(TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["Bert", "DistilBert"])
def test_the_papers_mean_is_over_padding_too(tiny: Folder, kind: str) -> None:
    """As the paper's code has it: every text padded to the limit, the mean over all places, of no unit length."""
    folder = tiny(kind)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=40, return_tensors="pt")
    with torch.inference_mode():
        expected = network(**inputs).last_hidden_state.mean(dim=1).numpy()
    model = embedder(folder, max_tokens=40, pooling="padded-mean")
    assert np.allclose(model.embed(TEXTS), expected, atol=1e-5)
    assert (model.identity["pooling"], model.identity["normalised"]) == ("padded-mean", False)
    assert model.counts.padding == len(TEXTS) * 40 - model.counts.tokens
    assert not np.allclose(embedder(folder, max_tokens=40).embed(TEXTS), expected, atol=1e-2)


def test_pooling_that_is_asked_for_goes_without_what_the_model_does_after_its_own(
    tiny: Folder, as_sentences: Folder
) -> None:
    folder = as_sentences(tiny("Bert"), "cls", "Normalize")
    bare = tiny("Bert", "bare")
    asked = embedder(folder, pooling="mean", max_tokens=32)
    assert not asked.identity["normalised"]
    assert np.allclose(asked.embed(TEXTS), embedder(bare, max_tokens=32).embed(TEXTS), atol=1e-6)


@pytest.mark.parametrize("kind", ["Bert", "DistilBert", "MPNet", "ModernBert"])
def test_a_bare_folder_gives_sentence_transformers_vectors(tiny: Folder, kind: str) -> None:
    folder = tiny(kind, tokenizer={"model_max_length": 60})
    assert cosines(embedder(folder).embed(TEXTS), peer_vectors(folder, TEXTS)).min() >= 0.9999


@pytest.mark.heavy
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
    exact, half = (embedder(folder, precision=precision) for precision in ("float32", "bfloat16"))
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
    assert model._workers.batch_tokens < 200


def test_memory_for_not_even_one_text_is_an_error_that_says_so(tiny: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    model = embedder(tiny("Bert"))

    def without(**_: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes.")

    monkeypatch.setattr(model._network.module, "forward", without)
    with pytest.raises(GotdError, match=r"out of memory with a single text of 64 tokens; read fewer \(--max-tokens\)"):
        model.embed(TEXTS)


def test_several_devices_give_the_vectors_of_one(tiny: Folder) -> None:
    folder = tiny("Bert")
    texts = [f"a cat sat {'on the mat ' * (number % 9)}{number}" for number in range(300)]
    one = embedder(folder, batch_tokens=256).embed(texts)
    three = embedder(folder, batch_tokens=256, device="cpu,cpu,cpu", threads=2)
    windows = [three.begin(texts[begin : begin + 100]) for begin in range(0, 300, 100)]
    found = [window() for window in windows]
    assert cosines(np.concatenate([window.vectors for window in found]), one).min() > 0.9999
    assert sum(window.counts.documents for window in found) == 300
    assert (three.embed(texts) == one).all()


def test_work_that_nobody_waits_for_is_dropped(tiny: Folder) -> None:
    with embedder(tiny("Bert"), batch_tokens=64) as model:
        for _ in range(20):
            model.begin(TEXTS * 20)
        start = time.monotonic()
    assert time.monotonic() - start < 2
