"""ds-train inside this process, in an empty folder: importing torch once is enough."""

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gotd.cli.train import command
from workdir import records, texts

#: A model of each family, so small that a step takes milliseconds.
CONFIGS = {
    "gpt2": {"model_type": "gpt2", "vocab_size": 300, "n_positions": 64, "n_embd": 16, "n_layer": 2, "n_head": 2},
    "gpt_neo": {"model_type": "gpt_neo", "vocab_size": 300, "max_position_embeddings": 64, "hidden_size": 16,
                "num_layers": 2, "num_heads": 2, "attention_types": [[["global", "local"], 1]], "window_size": 16},
    "llama": {"model_type": "llama", "vocab_size": 300, "max_position_embeddings": 64, "hidden_size": 16,
              "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1},
    "bert": {"model_type": "bert", "vocab_size": 300, "max_position_embeddings": 64, "hidden_size": 16,
             "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    "distilbert": {"model_type": "distilbert", "vocab_size": 300, "max_position_embeddings": 64, "dim": 16,
                   "hidden_dim": 32, "n_layers": 2, "n_heads": 2},
    "roberta": {"model_type": "roberta", "vocab_size": 300, "max_position_embeddings": 66, "hidden_size": 16,
                "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "type_vocab_size": 1},
}
#: Small and quick, for every test.
QUICK = "--threads 1 -q --length 32 --batch 8 --learning-rate 0.003"

Train = Callable[[str], None]


def labelled(count: int, seed: int = 0) -> bytes:
    """Records whose label is the subject of their text, one of five."""
    lines = (json.dumps({"text": text, "label": f"subject {number % 5}"})
             for number, text in enumerate(texts(count, seed, words=12)))
    return "".join(line + "\n" for line in lines).encode()


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Others of the process keep theirs."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: pool.jsonl and held.jsonl, labelled.jsonl and test.jsonl, and the configurations."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pool.jsonl").write_bytes(records(texts(60, words=30)))
    (tmp_path / "held.jsonl").write_bytes(records(texts(12, seed=1, words=30)))
    (tmp_path / "labelled.jsonl").write_bytes(labelled(60))
    (tmp_path / "test.jsonl").write_bytes(labelled(40, seed=1))
    for name, config in CONFIGS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(config))
    return tmp_path


@pytest.fixture
def train(folder: Path) -> Train:  # noqa: ARG001 - it is run there
    """Runs ds-train with the words of a line; errors come out as they are."""
    return lambda line: command.main([*shlex.split(QUICK), *shlex.split(line)], "ds-train", standalone_mode=False)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of a saved model."""
    return load_file(folder / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    """Whether two saved models agree in every bit."""
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def metrics(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """What was measured, before and after."""
    return json.loads((folder / "metrics.json").read_text())["eval"]
