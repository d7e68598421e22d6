"""Every family of models trains, and what is saved loads in anything."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from gotd.embedders.loading import load

from .conftest import Train, metrics, weights

CAUSAL = ["gpt2", "gpt_neo", "llama"]
MASKED = ["bert", "distilbert", "roberta"]


def lower(folder: Path) -> None:
    """The loss on held-out records has fallen, and the tokens it is over are the same."""
    found = metrics(folder)
    assert found["after"]["loss"]["mean"] < found["before"]["loss"]["mean"] - 0.3
    assert found["after"].get("tokens") == found["before"].get("tokens")


@pytest.mark.parametrize("family", CAUSAL + MASKED)
def test_a_family_trains_and_loads(train: Train, folder: Path, family: str) -> None:
    objective = "clm" if family in CAUSAL else "mlm"
    train(f"--init {family}.json --objective {objective} --epochs 4 --eval held.jsonl pool.jsonl -o warm")
    lower(folder / "warm")
    model = AutoModel.from_pretrained(folder / "warm")
    assert model.config.model_type == family
    vectors = load([str(folder / "warm")]).embed(["protein kinase", "garlic butter"])
    assert vectors.shape == (2, 16)
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_a_warm_model_is_fine_tuned_to_labels(train: Train, folder: Path, family: str) -> None:
    objective = "clm" if family in CAUSAL else "mlm"
    train(f"--init {family}.json --objective {objective} --epochs 2 pool.jsonl -o warm")
    train("--model warm --objective classify --epochs 16 --seeds 2 --learning-rate 0.01 --eval test.jsonl "
          "labelled.jsonl -o tuned")
    found = metrics(folder / "tuned")["after"]
    assert found["accuracy"]["mean"] > 0.6
    assert found["micro_f1"]["each"] == found["accuracy"]["each"]  # one label a text: they are the same number
    assert len(found["macro_f1"]["each"]) == 2
    assert found["macro_f1"]["spread"] == pytest.approx(np.std(found["macro_f1"]["each"], ddof=1))
    model = AutoModelForSequenceClassification.from_pretrained(folder / "tuned/seed-1")
    assert model.config.id2label[2] == "subject 2"
    tokenizer = AutoTokenizer.from_pretrained(folder / "tuned/seed-1")
    right = 0
    for line in (folder / "test.jsonl").read_text().splitlines():
        record = json.loads(line)
        inputs = tokenizer(record["text"], truncation=True, max_length=32, return_tensors="pt")
        guess = int(model(**inputs).logits.argmax())
        right += model.config.id2label[guess] == record["label"]
    assert right / 40 == found["accuracy"]["each"][1]


def test_training_goes_on_from_given_weights(train: Train, folder: Path) -> None:
    train("--init gpt2.json --objective clm --epochs 4 pool.jsonl -o base")
    train("--model base --objective clm --steps 2 --eval held.jsonl pool.jsonl -o warm")
    train("--init gpt2.json --objective clm --epochs 4 --eval held.jsonl pool.jsonl -o other")
    assert metrics(folder / "warm")["before"]["loss"] == metrics(folder / "other")["after"]["loss"]


def test_adapters_are_merged_and_the_rest_is_left_alone(train: Train, folder: Path) -> None:
    train("--init gpt2.json --objective clm --epochs 2 pool.jsonl -o base")
    train("--model base --objective clm --epochs 4 --lora 4 --learning-rate 0.01 --eval held.jsonl pool.jsonl -o warm")
    base, warm = weights(folder / "base"), weights(folder / "warm")
    assert base.keys() == warm.keys()
    changed = {name for name in base if not torch.equal(base[name], warm[name])}
    assert "transformer.h.0.attn.c_attn.weight" in changed
    assert "transformer.wte.weight" not in changed
    found = metrics(folder / "warm")
    assert found["after"]["loss"]["mean"] < found["before"]["loss"]["mean"]


def test_parts_and_recomputing_change_nothing_but_rounding(train: Train, folder: Path) -> None:
    line = "--init gpt2.json --objective clm --epochs 1 pool.jsonl"
    train(f"{line} -o plain")
    train(f"{line} --accumulate 4 -o parts")
    train(f"{line} --checkpointing -o recomputed")
    # Dropout is drawn in another order in parts: compare without.
    plain, recomputed = weights(folder / "plain"), weights(folder / "recomputed")
    assert all(torch.allclose(plain[name], recomputed[name], atol=1e-5) for name in plain)
    assert weights(folder / "parts").keys() == plain.keys()


def test_bfloat16_trains_and_weights_stay_in_float32(train: Train, folder: Path) -> None:
    train("--init llama.json --objective clm --epochs 4 --precision bfloat16 --eval held.jsonl pool.jsonl -o warm")
    lower(folder / "warm")
    assert {tensor.dtype for tensor in weights(folder / "warm").values()} == {torch.float32}
    assert AutoModelForCausalLM.from_pretrained(folder / "warm").dtype == torch.float32
