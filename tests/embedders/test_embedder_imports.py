"""What is imported when: asking for help must not wait for torch."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HEAVY = {"torch", "transformers", "tokenizers", "safetensors", "huggingface_hub", "scipy", "sklearn", "ot", "pandas"}


def imported_after(statements: str) -> str:
    """Which of the heavy packages a new process has imported after these statements."""
    script = f"import sys\n{statements}\nprint(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_knowing_the_embedders_imports_nothing_heavy() -> None:
    assert imported_after("import gotd.embedders.loading") == "[]"


def test_hash_needs_numpy_alone() -> None:
    load = "from gotd.embedders.loading import load"
    assert imported_after(f"{load}\nload(['hash', 'hash']).embed(['a cat'])") == "[]"


def test_a_static_model_needs_no_torch(tmp_path: Path, wordpiece: Any) -> None:
    import numpy as np

    vectors = np.ones((wordpiece.get_vocab_size(), 4), dtype=np.float32)
    pytest.importorskip("model2vec").StaticModel(vectors, wordpiece).save_pretrained(tmp_path)
    load = "from gotd.embedders.loading import load"
    assert imported_after(f"{load}\nload([{str(tmp_path)!r}]).embed(['a cat'])") == "['safetensors', 'tokenizers']"


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_no_byte_of_a_static_model(tmp_path: Path, wordpiece: Any, threads: int) -> None:
    """In processes of their own: a process keeps its first number of threads."""
    import numpy as np

    from gotd.embedders.static import StaticEmbedder

    vectors = np.random.default_rng(0).normal(size=(wordpiece.get_vocab_size(), 16)).astype(np.float32)
    pytest.importorskip("model2vec").StaticModel(vectors, wordpiece, normalize=True).save_pretrained(tmp_path)
    script = (
        "import sys; from gotd.embedders.loading import load;"
        "texts = [f'a cat {number} sat on the mat ' * (number % 40) for number in range(3000)];"
        f"sys.stdout.buffer.write(load([{str(tmp_path)!r}], threads={threads}).embed(texts).tobytes())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    texts = [f"a cat {number} sat on the mat " * (number % 40) for number in range(3000)]
    assert done.stdout == StaticEmbedder(tmp_path).embed(texts).tobytes()
