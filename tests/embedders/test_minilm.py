"""A real model, its weights and its configuration as published: the vectors that sentence-transformers makes."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from gotd.embedders.loading import load
from gotd.embedders.protocol import Embedder, Vectors

Ours: TypeAlias = tuple[Embedder, Vectors]
TEXTS = [
    "cat",
    "The quick brown fox jumps over the lazy dog.",
    "Kinase inhibitors bind the ATP pocket of their target protein. " * 80,
    "Молекула связывает белок",
    "蛋白質の構造は機能を決める。",
    "مرحبا بالعالم",
    "  spaces,\ttabs\nand lines  ",
    "🧬 and combining e\u0301, \U0001d518\U0001d52b",
    "ACGT" * 3000,
    "stir the butter slowly, then add sugar",
]


@pytest.fixture(scope="module")
def ours(minilm: Path) -> Ours:
    model = load([str(minilm)], device="cpu", threads=2)
    return model, model.embed(TEXTS)


def test_vectors_are_those_of_sentence_transformers(minilm: Path) -> None:
    peer = pytest.importorskip("sentence_transformers").SentenceTransformer(str(minilm), device="cpu")
    vectors = load([str(minilm)], device="cpu", threads=2, precision="float32").embed(TEXTS)
    theirs = peer.encode(TEXTS, show_progress_bar=False)
    assert vectors.dtype == np.float32
    assert (vectors * theirs).sum(axis=1).min() >= 0.9999
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_long_texts_are_cut_and_counted(minilm: Path) -> None:
    model = load([str(minilm)], device="cpu", threads=2)
    model.embed([TEXTS[0], TEXTS[2], "cat " * 300])
    assert model.identity["max_tokens"] == 256
    assert (model.counts.documents, model.counts.truncated, model.counts.empty) == (3, 2, 0)
    assert model.counts.truncated_tokens > 300 - 254


def test_a_vector_does_not_depend_on_its_neighbours_or_its_place(ours: Ours) -> None:
    model, together = ours
    alone = np.concatenate([model.embed([text]) for text in TEXTS])
    backwards = model.embed(TEXTS[::-1])[::-1]
    assert (together * alone).sum(axis=1).min() >= 0.9999
    assert (together * backwards).sum(axis=1).min() >= 0.9999


def test_an_empty_text_is_zero(ours: Ours) -> None:
    vectors = ours[0].embed(["", "not empty"])
    assert vectors.any(axis=1).tolist() == [False, True]


def test_half_precision_gives_nearly_the_same(minilm: Path) -> None:
    half = load([str(minilm)], device="cpu", threads=2, precision="bfloat16", max_tokens=64)
    exact = load([str(minilm)], device="cpu", threads=2, precision="float32", max_tokens=64)
    assert (exact.embed(TEXTS) * half.embed(TEXTS)).sum(axis=1).min() > 0.999
