"""What the studies' models are trained on, and how exactly it multiplies."""

import argparse
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    import torch


class Machine(NamedTuple):
    """A device, and what the matrices that are multiplied there are rounded to; weights are float32."""

    device: str = "cpu"
    precision: str = "float32"

    @classmethod
    def of(cls, given: argparse.Namespace) -> Self:
        """What was asked for by `add_machine`'s arguments."""
        return cls(given.device, given.precision or ("bfloat16" if given.device == "cuda" else "float32"))

    @property
    def attention(self) -> str:
        """What transformers calls it. On a CPU the fused one makes a step of `mini` in bfloat16 1.4 times as long."""
        return "eager" if self.device == "cpu" else "sdpa"

    def products(self) -> "torch.autocast":
        """A block in which matrices are multiplied so."""
        import torch  # not above: tables of stored lines take these arguments, too, and need no second of torch

        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")


def add_machine(parser: argparse.ArgumentParser) -> None:
    """--device and --precision."""
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16"],
                        help="of products of matrices; by default bfloat16 on cuda and float32 on cpu, where bfloat16 "
                             "is for processors that have it: twice as fast there, not measured elsewhere")
