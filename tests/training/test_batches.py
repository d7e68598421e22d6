"""Blocks to tensors: frames, labels, masks; and the loss over them."""

from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, DataCollatorForLanguageModeling

from gotd.errors import GotdError
from gotd.training.evaluation import LabelMetrics, TokenLoss, TokenMetrics, spreads
from gotd.training.examples import IGNORED, NOTHING, BlockBatches, Example, Pick
from gotd.training.tokenizers import Frame, frame_of, train_tokenizer
from gotd.training.trainer import PredictedPositions
from workdir import texts

from .conftest import CONFIGS


@pytest.fixture(scope="module")
def masked() -> Any:
    return train_tokenizer(texts(50), 300, True, 64)


@pytest.fixture(scope="module")
def causal() -> Any:
    return train_tokenizer(texts(50), 300, False, 64)


def batch(tokenizer: Any, objective: str, examples: list[Example], seed: int = 0) -> dict[str, torch.Tensor]:
    masking = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.5) if objective == "mlm" else None
    return BlockBatches(16, frame_of(tokenizer, objective), masking, seed)(examples)


def block(length: int, place: int = 0, epoch: int = 0) -> Example:
    return Example(Pick(epoch, place), np.arange(20, 20 + length))


def test_a_causal_block_predicts_every_token_but_the_first(causal: Any) -> None:
    made = batch(causal, "clm", [block(16), block(5), Example(Pick(0, NOTHING), np.arange(0))])
    assert made["labels"][0].tolist() == [IGNORED, *range(21, 36)]
    assert made["labels"][1].tolist() == [IGNORED, *range(21, 25)] + [IGNORED] * 11
    assert (made["labels"][2] == IGNORED).all()
    assert made["attention_mask"].sum(1).tolist() == [16, 5, 1]


def test_a_masked_block_is_framed_and_only_text_is_masked(masked: Any) -> None:
    separator = masked.sep_token_id
    example = Example(Pick(0, 0), np.array([20, 21, separator, 22, 23]))
    hidden = torch.zeros(16, dtype=torch.bool)
    for place in range(200):
        made = batch(masked, "mlm", [example._replace(pick=Pick(0, place))])
        whole = torch.where(made["labels"] == IGNORED, made["input_ids"], made["labels"])[0]
        assert whole[:7].tolist() == [masked.cls_token_id, 20, 21, separator, 22, 23, separator]
        assert (whole[7:] == masked.pad_token_id).all()
        hidden |= made["labels"][0] != IGNORED
    assert hidden.nonzero().flatten().tolist() == [1, 2, 4, 5]


def test_masks_are_of_seed_epoch_and_block_alone(masked: Any) -> None:
    def labels(seed: int, epoch: int, place: int) -> tuple[int, ...]:
        torch.manual_seed(seed * 7 + epoch)
        return tuple(batch(masked, "mlm", [block(14, place, epoch)], seed)["labels"].flatten().tolist())

    assert labels(1, 2, 3) == labels(1, 2, 3)
    assert len({labels(s, e, p) for s in range(3) for e in range(3) for p in range(3)}) == 27
    beside = batch(masked, "mlm", [block(9, 1, 2), block(14, 3, 2)], 1)["labels"][1]
    assert tuple(beside.tolist()) == labels(1, 2, 3)
    # Evaluation is measured under the same masks whatever the seed.
    assert labels(1, -1, 3) == labels(2, -1, 3)


def test_documents_are_framed_as_the_tokenizer_does(causal: Any, masked: Any) -> None:
    assert frame_of(causal, "clm") == Frame((), (causal.eos_token_id,), (), (), causal.eos_token_id)
    assert frame_of(masked, "mlm").head == (masked.cls_token_id,)
    assert frame_of(masked, "clm").before == (masked.bos_token_id,)  # as Llama's, which puts <s> before a text


@pytest.mark.parametrize(("family", "objective"), [("gpt2", "clm"), ("bert", "mlm")])
def test_the_loss_is_the_models_own(family: str, objective: str, causal: Any, masked: Any) -> None:
    torch.manual_seed(0)
    kind = AutoModelForCausalLM if objective == "clm" else AutoModelForMaskedLM
    values = {key: value for key, value in CONFIGS[family].items() if key != "model_type"}
    model = kind.from_config(AutoConfig.for_model(family, **values)).eval()
    made = batch(causal if objective == "clm" else masked, objective, [block(14), block(9)])
    outputs = model(**made)
    loss = TokenLoss(objective == "clm")
    count = (made["labels"] != IGNORED).sum()
    assert loss(outputs, made["labels"], count).item() == pytest.approx(outputs.loss.item(), rel=1e-6)
    # Twice the tokens in the step: half the weight of these.
    assert loss(outputs, made["labels"], count * 2).item() == pytest.approx(outputs.loss.item() / 2, rel=1e-6)
    rows = loss.by_row(outputs.logits, made["labels"])
    assert (rows[:, 0].sum() / rows[:, 1].sum()).item() == pytest.approx(outputs.loss.item(), rel=1e-6)


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
def test_a_head_that_sees_masked_positions_alone_makes_the_same_loss_and_gradient(family: str, masked: Any) -> None:
    torch.manual_seed(0)
    values = {key: value for key, value in CONFIGS[family].items() if key != "model_type"}
    model = AutoModelForMaskedLM.from_config(AutoConfig.for_model(family, **values)).eval()
    made = batch(masked, "mlm", [block(14), block(9), block(11)])
    labels, loss = made.pop("labels"), TokenLoss(False)

    def measured() -> tuple[int, float, torch.Tensor, list[torch.Tensor]]:
        model.zero_grad()
        outputs = model(**made)
        found = loss(outputs, labels)
        found.backward()
        rows = loss.by_row(outputs.logits, labels)
        return outputs.logits.numel(), found.item(), rows, [weights.grad for weights in model.parameters()
                                                            if weights.grad is not None]

    all_logits, whole, rows, gradients = measured()
    PredictedPositions(model).labels = labels
    fewer_logits, part, same_rows, same_gradients = measured()
    assert fewer_logits * labels.numel() == all_logits * int((labels != IGNORED).sum())
    assert part == pytest.approx(whole, rel=1e-6)
    assert torch.allclose(rows, same_rows, rtol=1e-5)
    assert len(gradients) == len(same_gradients)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(gradients, same_gradients, strict=True))


class Found:
    """What the Trainer gives to metrics."""

    def __init__(self, predictions: Any, label_ids: Any = None) -> None:
        self.predictions, self.label_ids = torch.tensor(predictions), torch.tensor(label_ids or [])


def test_token_metrics_weigh_by_token_not_by_batch() -> None:
    metrics = TokenMetrics()
    assert metrics(Found([[2.0, 1.0], [9.0, 3.0]]), compute_result=False) == {}
    assert metrics(Found([[1.0, 8.0]]), compute_result=True)["loss"] == pytest.approx(12 / 12)
    assert metrics(Found([[1.0, 2.0]]), compute_result=True)["loss"] == pytest.approx(0.5)  # begins anew
    with pytest.raises(GotdError, match="nothing to predict"):
        metrics(Found([[0.0, 0.0]]), compute_result=True)


def test_label_metrics_by_hand() -> None:
    metrics = LabelMetrics()
    metrics(Found([[2.0, 0.0], [2.0, 0.0]], [0, 1]), compute_result=False)
    found = metrics(Found([[0.0, 2.0], [2.0, 0.0]], [1, 0]), compute_result=True)
    # label 0: precision 2/3, recall 1, F1 4/5; label 1: precision 1, recall 1/2, F1 2/3
    assert found["accuracy"] == found["micro_f1"] == 0.75
    assert found["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)


def test_a_summary_has_mean_spread_and_each() -> None:
    assert spreads([{"loss": 1.0}])["loss"] == (1.0, None, [1.0])
    assert spreads([{"loss": 1.0}, {"loss": 3.0}])["loss"].spread == pytest.approx(2**0.5)
    assert spreads([]) == {}
