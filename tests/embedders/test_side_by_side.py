"""Several models: each one's unit vector in its place, each with the same say."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from gotd.embedders.hashing import HashEmbedder
from gotd.embedders.loading import load
from gotd.embedders.protocol import JSON, Counts, Embedded, Embedder, Vectors
from gotd.embedders.side_by_side import SideBySide

Folder = Callable[..., Path]
TEXTS = ["The quick brown fox", "", "a cat sat on the mat", "☃☃", "?!"]


def unit(vectors: Vectors) -> Vectors:
    """Rows of unit length or zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, np.where(lengths > 0, lengths, 1), dtype=np.float32)


class Given(Embedder):
    """An embedder of vectors made beforehand."""

    def __init__(self, vectors: list[list[float]]) -> None:
        super().__init__()
        self._vectors = np.array(vectors, dtype=np.float32)
        self.dimension = self._vectors.shape[1]
        self.identity: dict[str, JSON] = {"name": "given"}

    def _begin(self, texts: Sequence[str]) -> Callable[[], Embedded]:
        return lambda: Embedded(self._vectors[: len(texts)], Counts(truncated=1))


def test_parts_are_the_models_unit_vectors_in_order(tiny: Folder) -> None:
    folder = str(tiny("Bert"))
    both = load(["hash", folder], device="cpu", dimension=64, precision="float32").embed(TEXTS)
    alone = [load(["hash"], dimension=64).embed(TEXTS), load([folder], device="cpu", precision="float32").embed(TEXTS)]
    parts = np.split(both, [64], axis=1)
    for part, whole in zip(parts, alone, strict=True):
        assert np.allclose(unit(part), unit(whole), atol=1e-5)
    assert [round(float(np.linalg.norm(part[0])) ** 2, 4) for part in parts] == [0.5, 0.5]
    assert np.linalg.norm(both, axis=1).round(4).tolist() == [1, 0, 1, 0, 0]


def test_the_inner_product_is_the_mean_of_the_cosines() -> None:
    first, second = HashEmbedder(64), HashEmbedder(100)
    texts = ["a cat sat on the mat", "the cat sat here"]
    cosines = [vectors[0] @ vectors[1] for vectors in (first.embed(texts), second.embed(texts))]
    both = SideBySide([first, second]).embed(texts)
    assert both[0] @ both[1] == pytest.approx(np.mean(cosines), abs=1e-6)


def test_vectors_of_any_length_have_the_same_say() -> None:
    both = SideBySide([Given([[300, 0], [0, 4]]), Given([[0, 0.001], [-7, 0]])]).embed(["a", "b"])
    half = np.sqrt(0.5)
    assert np.allclose(both, [[half, 0, 0, half], [0, half, -half, 0]], atol=1e-6)


def test_where_one_model_finds_nothing_the_others_have_all() -> None:
    both = SideBySide([Given([[0, 0], [0, 0]]), Given([[0, 5], [0, 0]])])
    assert np.allclose(both.embed(["a", "b"]), [[0, 0, 0, 1], [0, 0, 0, 0]])
    assert both.counts.empty == 1


def test_counts_are_those_of_texts_and_of_all_models() -> None:
    both = SideBySide([Given([[1.0]]), Given([[1.0]])])
    both.embed(["a"])
    assert (both.counts.documents, both.counts.truncated) == (1, 2)


def test_the_dimension_is_the_sum_and_the_identity_holds_all(tiny: Folder) -> None:
    folder = str(tiny("Bert"))
    both = load(["hash", folder], device="cpu", dimension=64)
    assert both.dimension == both.embed(TEXTS).shape[1] == 64 + 32
    alone = [load(["hash"], dimension=64).identity, load([folder], device="cpu").identity]
    assert both.identity == {"name": "side by side", "models": alone, "normalised": True, "dimension": 96}


def test_no_texts_give_no_rows() -> None:
    assert SideBySide([HashEmbedder(8), HashEmbedder(9)]).embed([]).shape == (0, 17)


def test_the_same_model_twice_is_two_parts() -> None:
    assert load(["hash", "hash"], dimension=8).dimension == 16
