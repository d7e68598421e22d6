"""Every family of models trains, and what is saved loads in anything."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from gotd.cli._frame import Run
from gotd.embedders.loading import load
from gotd.training.progress import Progress

from .conftest import CONFIGS, Train, metrics, weights

CAUSAL = ["gpt2", "gpt_neo", "llama"]
MASKED = ["bert", "distilbert", "roberta"]


def lower(folder: Path) -> None:
    """The loss on held-out records has fallen, and the tokens it is over are the same."""
    found = metrics(folder)
    assert found["after"]["loss"]["mean"] < found["before"]["loss"]["mean"] - 0.3
    assert found["after"].get("tokens") == found["before"].get("tokens")


@pytest.mark.heavy
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
@pytest.mark.slow
def test_a_warm_model_is_fine_tuned_to_labels(train: Train, folder: Path, family: str) -> None:
    objective = "clm" if family in CAUSAL else "mlm"
    train(f"--init {family}.json --objective {objective} --epochs 2 pool.jsonl -o warm")
    train("--model warm --objective classify --epochs 16 --seeds 2 --learning-rate 0.01 --eval test.jsonl "
          "labelled.jsonl -o tuned")
    found = metrics(folder / "tuned")["after"]
    assert found["accuracy"]["mean"] > 0.35  # of five labels: chance is 0.2
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


@pytest.mark.slow
def test_a_classifier_goes_on_with_its_own_labels(train: Train, folder: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    train("--init bert.json --objective mlm --steps 1 pool.jsonl -o warm")
    train("--model warm --objective classify --epochs 4 --eval labelled.jsonl labelled.jsonl -o first")
    learnt = metrics(folder / "first")["after"]["loss"]["mean"]
    config = json.loads((folder / "first/config.json").read_text())
    config["id2label"] = {str(4 - number): f"subject {number}" for number in range(5)}
    (folder / "first/config.json").write_text(json.dumps(config))
    # What the head calls 4 is now subject 0: only in its own order are these labels what it learnt.
    swapped = (folder / "labelled.jsonl").read_text()
    for number in range(5):
        swapped = swapped.replace(f"subject {number}", f"subject_{4 - number}")
    lines = swapped.replace("subject_", "subject ").splitlines()
    (folder / "swapped.jsonl").write_text("\n".join(lines))
    (folder / "fewer.jsonl").write_text("\n".join(line for line in lines if "subject 0" not in line))
    line = "--model first --objective classify --steps 1 --learning-rate 1e-9"
    for name in ("swapped", "fewer"):
        train(f"{line} --eval swapped.jsonl {name}.jsonl -o {name}")
        assert metrics(folder / name)["before"]["loss"]["mean"] == pytest.approx(learnt, abs=1e-5)
    said: list[str] = []
    monkeypatch.setattr(Run, "say", lambda _run, message: said.append(message))
    (folder / "two.jsonl").write_text("\n".join(json.dumps({"text": f"{n} kinase", "label": n % 2}) for n in range(9)))
    (folder / "five.jsonl").write_text("\n".join(json.dumps({"text": f"{n} kinase", "label": n % 5}) for n in range(9)))
    for name, expected in (("two", "are in first for 5 labels, not 2, and start at random: classifier.bias"),
                           ("five", "the head of labels subject 4, subject 3, subject 2, subject 1, subject 0 is "
                                    "gone on from as 0, 1, 2, 3, 4")):
        train(f"{line} {name}.jsonl -o {name}")
        assert any(expected in message for message in said)


@pytest.mark.heavy
@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_texts_as_long_as_the_model_reads(train: Train, folder: Path, family: str) -> None:
    config = {**CONFIGS[family], "n_positions" if family == "gpt2" else "max_position_embeddings": 50}
    (folder / "short.json").write_text(json.dumps(config))
    train("--init bert.json --objective mlm --steps 1 pool.jsonl -o tokens")
    records = (folder / "labelled.jsonl").read_text().replace('"text": "', '"text": "' + "kinase " * 99)
    (folder / "long.jsonl").write_text(records)
    train("--init short.json --tokenizer tokens --objective classify --length 50 --steps 1 long.jsonl -o made")
    saved = json.loads((folder / "made/tokenizer.json").read_text())
    assert saved["truncation"] is saved["padding"] is None


@pytest.mark.heavy
def test_training_goes_on_from_given_weights(train: Train, folder: Path) -> None:
    train("--init gpt2.json --objective clm --epochs 4 pool.jsonl -o base")
    train("--model base --objective clm --steps 2 --eval held.jsonl pool.jsonl -o warm")
    train("--init gpt2.json --objective clm --epochs 4 --eval held.jsonl pool.jsonl -o other")
    assert metrics(folder / "warm")["before"]["loss"] == metrics(folder / "other")["after"]["loss"]


@pytest.mark.heavy
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


@pytest.mark.heavy
def test_parts_and_recomputing_change_nothing_but_rounding(train: Train, folder: Path) -> None:
    # Dropout is drawn in another order in parts: compare without.
    config = {**CONFIGS["bert"], "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "bert.json").write_text(json.dumps(config))
    line = "--init bert.json --objective mlm --steps 6 pool.jsonl"
    train(f"{line} -o plain")
    plain = weights(folder / "plain")
    for name, option in (("parts", "--accumulate 4"), ("recomputed", "--checkpointing")):
        train(f"{line} {option} -o {name}")
        other = weights(folder / name)
        assert all(torch.allclose(plain[name], other[name], atol=1e-4) for name in plain)


@pytest.mark.heavy
@pytest.mark.parametrize(("line", "padded"), [
    ("--init gpt2.json --objective clm pool.jsonl", False),
    ("--init bert.json --tokenizer tokens --objective classify labelled.jsonl", True),
])
def test_the_rate_counts_tokens_of_text(train: Train, folder: Path, monkeypatch: pytest.MonkeyPatch, line: str,
                                        padded: bool) -> None:
    monkeypatch.setattr(Progress, "tokens_per_second", lambda self, _now=None: self._tokens_per_step)
    if padded:
        train("--init bert.json --objective mlm --steps 1 pool.jsonl -o tokens")
    train(f"{line} --steps 1 --length 64 -o made")
    data = json.loads((folder / "made/run.json").read_text())["data"]["data"]
    found = json.loads((folder / "made/metrics.json").read_text())["runs"][0]["tokens_per_second"]
    examples = data["documents"] if padded else -(-data["tokens"] // 64)
    assert found == round(8 * data["tokens"] / examples)


@pytest.mark.heavy
def test_bfloat16_trains_and_weights_stay_in_float32(train: Train, folder: Path) -> None:
    train("--init llama.json --objective clm --epochs 4 --precision bfloat16 --eval held.jsonl pool.jsonl -o warm")
    lower(folder / "warm")
    assert {tensor.dtype for tensor in weights(folder / "warm").values()} == {torch.float32}
    assert AutoModelForCausalLM.from_pretrained(folder / "warm").dtype == torch.float32
