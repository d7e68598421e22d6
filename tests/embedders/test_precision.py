"""The precision of a network is the one a trial finds faster, on layers of its own shapes."""

import pytest
import torch
from torch import nn

from gotd.embedders import precision
from gotd.embedders.precision import find_precision

CPU = torch.device("cpu")
NETWORK = nn.Sequential(nn.Embedding(9, 48), nn.Linear(48, 192), nn.Linear(192, 48), nn.Linear(48, 7))


@pytest.mark.parametrize(("slow", "faster"), [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_the_faster_one_is_taken(monkeypatch: pytest.MonkeyPatch, slow: str, faster: str) -> None:
    tried = []

    def timed(layers: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
        tried.append([(tuple(weight.shape), inputs.shape[1]) for inputs, weight in layers])
        return 2.0 if layers[0][1].dtype == precision.PRECISIONS[slow] else 1.0

    monkeypatch.setattr(precision, "_pass", timed)
    assert find_precision("auto", NETWORK, [CPU]) == faster
    assert tried[0] == [((192, 48), 48), ((48, 192), 192)]  # where most weights are, not the last little layer


def test_a_device_that_lacks_bfloat16_is_not_fast_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(layers: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
        if layers[0][1].dtype == torch.bfloat16:
            raise RuntimeError("not implemented for 'BFloat16'")
        return 1.0

    monkeypatch.setattr(precision, "_pass", lacking)
    assert find_precision("auto", NETWORK, [CPU]) == "float32"


def test_what_is_asked_for_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_pass", lambda _: pytest.fail("tried"))
    assert find_precision("float16", NETWORK, [CPU]) == "float16"
    assert find_precision("auto", nn.Embedding(9, 48), [CPU]) == "float32"


def test_the_trial_runs_here() -> None:
    threads = torch.get_num_threads()
    assert find_precision("auto", NETWORK, [CPU]) in ("float32", "bfloat16")
    assert torch.get_num_threads() == threads
