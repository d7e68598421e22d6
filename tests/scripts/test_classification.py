"""The classification study: its model reads texts in windows, and learns what can be learned."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2Model

from .conftest import SCRIPTS

LENGTH, WIDTH = 8, 16


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script as a module, forgotten again: other tests have modules of the same names."""
    before, folder = set(sys.modules), str(SCRIPTS / "experiments")
    monkeypatch.syspath_prepend(folder)
    yield __import__("classification")
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(folder):
            del sys.modules[name]


def classifier(study: ModuleType, labels: int = 2) -> Any:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=40, n_positions=LENGTH, n_embd=WIDTH, n_layer=1, n_head=2, embd_pdrop=0.0,
                        attn_pdrop=0.0, resid_pdrop=0.0)
    return study.Classifier(GPT2Model(config), WIDTH, labels)


def windows(*texts: list[int], count: int = 3) -> np.ndarray:
    """Texts as the study lays them out. Shapes: -> int64 (n, count, LENGTH)."""
    made = np.full((len(texts), count, LENGTH), -1, dtype=np.int64)
    for row, text in zip(made, texts, strict=True):
        row.reshape(-1)[: len(text)] = text
    return made


def test_what_is_not_there_does_not_count(study: ModuleType) -> None:
    """A text alone has the logits it has beside longer ones, and a repeated window those of the window once."""
    tuning, model = sys.modules["tuning"], classifier(study).eval()
    short, long = [3, 4, 5], list(range(20))
    data = study.Labelled(windows(short, long), np.zeros(2, dtype=np.int64))
    with torch.inference_mode():
        together = model(tuning._windows(data, np.array([0, 1]), "cpu"))
        alone = model(tuning._windows(data, np.array([0]), "cpu"))
        once, twice = (model(torch.from_numpy(windows(text))) for text in (long[:LENGTH], 2 * long[:LENGTH]))
    assert torch.allclose(together[:1], alone, atol=1e-6)
    assert torch.allclose(once, twice, atol=1e-6)
    assert not torch.allclose(together[:1], together[1:], atol=1e-3)


@pytest.mark.slow
def test_it_learns_which_word_a_text_holds(study: ModuleType) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 1500)
    texts = [[*rng.integers(10, 40, rng.integers(3, 20)).tolist(), 1 + label] for label in labels.tolist()]
    data = study.Labelled(windows(*texts), labels)
    model = classifier(study)
    study.tune(model, data, study.Tuning(1500, 1, 10, 1e-3, "test"), 0, study.Machine())
    assert (study.guesses(model, data, study.Machine()) == labels).mean() > 0.95


def test_the_table_compares_what_all_rules_have_with_no_warm_up(study: ModuleType) -> None:
    def run(rule: str, chunks: int, task: str, seed: int, f1: float) -> dict[str, Any]:
        return {"rule": rule, "chunks": chunks, "task": task, "seed": seed, "macro_f1": f1}

    runs = [run("none", 0, task, seed, 0.5) for task in ("a", "b") for seed in (0, 1)]
    runs += [run("got", 100, task, seed, 0.5 + 0.02 * (seed + 1)) for task in ("a", "b") for seed in (0, 1)]
    runs += [run("got", 100, "c", 0, 0.0), run("none", 0, "b", 2, 0.9)]  # nothing to compare them with
    rows = study.table(runs).splitlines()
    assert rows[2].startswith("| `got` | 100 | 53.00 | +2.0, +4.0 | 53.0 | 53.0 |")
    assert rows[3].startswith("| `none` | 0 | 50.00 |  |")


def test_no_warm_up_is_run_once_for_each_task_and_seed(study: ModuleType) -> None:
    runs = list(study.wanted(["got", "random"], ["a", "b"], [500, 2000], 2))
    assert len(set(runs)) == len(runs) == 2 * 2 * (1 + 4)
    assert sum(run.rule == "none" for run in runs) == 4


@pytest.mark.slow
def test_grades_are_learnt_and_judged_by_their_order(study: ModuleType) -> None:
    rng = np.random.default_rng(1)
    grades = rng.integers(0, 6, 1500)
    texts = [[10 + grade, *rng.integers(20, 40, 3).tolist()] for grade in grades.tolist()]
    data = study.Labelled(windows(*texts), (grades / 5).astype(np.float32))
    model = classifier(study, labels=1)
    study.tune(model, data, study.Tuning(1500, 1, 10, 3e-3, "test"), 0, study.Machine())
    assert study.scores(data.labels, study.guesses(model, data, study.Machine()))["spearman"] > 0.95
    assert study.scores(data.labels, -data.labels) == {"spearman": pytest.approx(-1.0)}


def test_scores_of_classes_are_macro_and_micro_f1(study: ModuleType) -> None:
    """Two of three right; the class never guessed has F1 0, the others 1 and 2/3."""
    found = study.scores(np.array([0, 1, 2]), np.array([0, 1, 1]))
    assert found == {"macro_f1": pytest.approx((1 + 2 / 3 + 0) / 3), "micro_f1": pytest.approx(2 / 3)}


def test_each_draw_has_texts_and_an_order_of_its_own(study: ModuleType, tmp_path: Path) -> None:
    """The tokenizer is a stand-in that gives a text's number; draws overlap by chance alone."""
    file = tmp_path / "task" / "train.jsonl"
    file.parent.mkdir()
    file.write_text("".join(f'{{"text": "{i}", "label": "ab"}}\n' for i in range(1000)))
    bench = SimpleNamespace(shape=SimpleNamespace(length=LENGTH),
                            tokenizer=lambda texts: {"input_ids": [[int(text)] for text in texts]})
    drawn = [study.labelled(bench, file, 250, ["ab"], draw).windows[:, 0, 0].tolist() for draw in (0, 0, 1, 2)]
    assert drawn[0] == drawn[1]
    assert all(len(set(each)) == 250 for each in drawn)
    assert len(set(drawn[0]) & set(drawn[2])) < 100 and len(set(drawn[2]) & set(drawn[3])) < 100


@pytest.mark.parametrize(("asked", "said", "made"), [
    ({"device": "cpu", "precision": None}, "float32", torch.float32),
    ({"device": "cpu", "precision": "bfloat16"}, "bfloat16", torch.bfloat16),
])
def test_products_are_made_as_precisely_as_asked(study: ModuleType, asked: dict[str, Any], said: str,
                                                 made: torch.dtype) -> None:
    machine = study.Machine.of(SimpleNamespace(**asked))
    with machine.products():
        product = torch.eye(2) @ torch.eye(2)
    assert (machine.precision, product.dtype) == (said, made)
    assert study.Machine.of(SimpleNamespace(device="cuda", precision=None)).precision == "bfloat16"
