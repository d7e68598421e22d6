"""The hash embedder: laws that any text must obey."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotd.embedders.hashing import HashEmbedder, round_to_half
from gotd.errors import UsageError

TEXTS = ["The cat sat on the mat.", "", "蛋白質の構造", "Drug-protein interactions in vivo", "Привет, мир ☃ 🧬"]


def test_vectors_have_unit_length_and_do_not_depend_on_neighbours() -> None:
    texts = ["The cat sat on the mat.", "", "蛋白質の構造", "x" * 600_000, "Drug-protein interactions in vivo"]
    together = HashEmbedder(256).embed(texts)
    alone = np.concatenate([HashEmbedder(256).embed([text]) for text in texts])
    assert (together == alone).all()
    lengths = np.linalg.norm(together, axis=1)
    assert np.allclose(lengths[[0, 2, 3, 4]], 1, atol=1e-5)
    assert lengths[1] == 0


def test_half_precision_is_single_precision_rounded_once() -> None:
    single, half = HashEmbedder(256).embed(TEXTS), HashEmbedder(256, half=True).embed(TEXTS)
    assert half.dtype == np.float16
    assert half.tobytes() == single.astype(np.float16).tobytes()


def test_halves_are_those_that_numpy_rounds_to() -> None:
    magnitudes = np.arange(0x38800000, 0x3F800001, 7, dtype=np.uint32).view(np.float32)  # 2**-14 to 1
    magnitudes = np.concatenate(([0], np.ldexp(np.arange(1, 1024), -24), magnitudes), dtype=np.float32)
    signed = np.where(np.arange(len(magnitudes)) % 2, -magnitudes, magnitudes)
    halves = np.empty(len(magnitudes), dtype=np.float16)
    round_to_half(magnitudes.copy(), signed, halves)
    assert halves.tobytes() == signed.astype(np.float16).tobytes()


def test_alike_is_nearer_than_unlike() -> None:
    a, b, c = HashEmbedder().embed(["inhibitors of kinase activity", "the kinase inhibitors", "stir the butter slowly"])
    assert a @ b > 0.3 > abs(a @ c)


@pytest.mark.parametrize("dimension", [2, 7, 256, 1024, 5000])
def test_a_vector_is_as_long_as_asked(dimension: int) -> None:
    model = HashEmbedder(dimension)
    vectors = model.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), dimension)
    assert vectors.dtype == np.float32
    assert model.identity["dimension"] == model.dimension == dimension


def test_one_dimension_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 2"):
        HashEmbedder(1)


def test_threads_change_no_byte() -> None:
    many = [f"{text} {number}" for number in range(400) for text in TEXTS]
    assert HashEmbedder(256, threads=1).embed(many).tobytes() == HashEmbedder(256, threads=2).embed(many).tobytes()


@given(texts=st.lists(st.text(max_size=30), max_size=8), dimension=st.integers(2, 64))
def test_any_texts_have_unit_length_or_no_word(texts: list[str], dimension: int) -> None:
    model = HashEmbedder(dimension)
    lengths = np.linalg.norm(model.embed(texts), axis=1)
    assert ((np.abs(lengths - 1) < 1e-5) | (lengths == 0)).all()
    assert model.counts.documents == len(texts)
    assert model.counts.empty >= np.count_nonzero(lengths == 0) - np.count_nonzero(lengths)


@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_no_text_depends_on_another(texts: list[str]) -> None:
    together = HashEmbedder(64).embed(texts)
    assert all((HashEmbedder(64).embed([text])[0] == row).all() for text, row in zip(texts, together, strict=True))


def test_case_and_punctuation_do_not_matter_and_order_does_a_little() -> None:
    a, b, c, d = HashEmbedder().embed(["Dog bites man!", "dog, bites: MAN", "man bites dog", "stir the butter"])
    assert (a == b).all()
    assert 0.5 < a @ c < 0.999
    assert abs(a @ d) < 0.3


def test_a_text_without_words_is_zero_and_counted() -> None:
    model = HashEmbedder(64)
    assert not model.embed(["", " \n", "?! ... --"]).any()
    assert (model.counts.empty, model.counts.tokens) == (3, 0)


def test_no_texts_give_no_rows() -> None:
    assert HashEmbedder(64).embed([]).shape == (0, 64)


def test_all_of_a_long_text_counts() -> None:
    """It is worked on in pieces of 262,144 characters; here words meet their ends."""
    one, other = "butter " * 50_000, "kinase " * 50_000
    long = HashEmbedder().embed([one + other, one, other, one + one])
    assert np.allclose(long[0] @ long[1:].T, np.sqrt(0.5), atol=0.1)
    assert long[1] @ long[3] > 0.99


def test_words_are_counted() -> None:
    model = HashEmbedder(64)
    model.embed(["a cat sat", "蛋白質", ""])
    assert (model.counts.documents, model.counts.tokens, model.counts.empty) == (3, 6, 1)


def test_the_algorithm_is_the_one_that_its_revision_names() -> None:
    """If these vectors change, so must the revision: files made before hold the old ones."""
    model = HashEmbedder(64)
    vectors = (model.embed(TEXTS) * 1000).round().astype(np.int32)
    assert model.identity["revision"] == "2"
    assert hashlib.sha256(vectors.astype("<i4").tobytes()).hexdigest()[:16] == "9d7300439dda9c24"


@pytest.mark.parametrize("seed", ["0", "1"])
def test_another_process_makes_the_same_bytes(seed: str) -> None:
    script = (
        "import sys, hashlib; from gotd.embedders.hashing import HashEmbedder;"
        "texts = sys.stdin.buffer.read().decode().split('|');"
        "print(hashlib.sha256(HashEmbedder(64).embed(texts).tobytes()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-c", script], input="|".join(TEXTS).encode(), env=environment, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == hashlib.sha256(HashEmbedder(64).embed(TEXTS).tobytes()).hexdigest()
