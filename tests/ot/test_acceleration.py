"""Anderson acceleration on problems whose fixed point is known."""

import numpy as np
import torch

from gotd.ot.acceleration import Anderson


def test_a_linear_iteration_of_five_unknowns_is_solved_in_seven_steps() -> None:
    """The plain iteration g + (b - A g) would need hundreds: its slowest part shrinks by 0.99."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    A = torch.from_numpy(turn @ np.diag([0.01, 0.1, 0.3, 0.6, 0.9]) @ turn.T)
    solution = torch.from_numpy(rng.normal(size=5))
    accelerator, g = Anderson(torch.ones(5).double()), torch.zeros(5).double()
    for _ in range(7):
        residual = A @ (solution - g)
        g = accelerator.next(g, residual, float(residual.abs().sum()))
    assert torch.allclose(g, solution, atol=1e-5)


def test_the_first_step_is_the_plain_one() -> None:
    g, residual = torch.tensor([1.0, 2.0]).double(), torch.tensor([0.5, -0.5]).double()
    assert torch.equal(Anderson(torch.ones(2).double()).next(g, residual, 1.0), g + residual)


def test_an_error_that_grew_is_answered_by_the_plain_step_from_the_best() -> None:
    accelerator = Anderson(torch.ones(2).double())
    best, step = torch.tensor([1.0, 2.0]).double(), torch.tensor([0.1, 0.2]).double()
    accelerator.next(best, step, 1.0)
    worse = torch.tensor([9.0, 9.0]).double()
    for error in (2.1, float("inf"), float("nan")):
        assert torch.equal(accelerator.next(worse, worse, error), best + step)


def test_a_residual_that_does_not_change_leaves_numbers() -> None:
    accelerator, g = Anderson(torch.ones(3).double()), torch.zeros(3).double()
    for _ in range(12):
        g = accelerator.next(g, torch.tensor([1e-3, 0.0, -1e-3]).double(), 0.1)
    assert torch.isfinite(g).all()
