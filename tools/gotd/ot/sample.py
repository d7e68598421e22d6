"""A sample of the source, held in memory and looked at many times."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gotd.allocator import return_freed_memory
from gotd.ot.blocks import Workers, block_rows, padded
from gotd.ot.cost import Cost, Target
from gotd.ot.marginal import Check, block_check
from gotd.ot.transform import Transform, exponentials_, transform

#: Largest number of products x_i.y_j kept between iterations, 256 MiB of float32. Where they fit, an iteration costs an
#: exponential in place of a matrix product: a fifth of the time.
_KEPT_PRODUCTS = 1 << 26


class Sample(NamedTuple):
    """Rows with masses.

    rows     : float16 or float32 (n, d); None where products stand for them, see `without_rows`.
    masses   : float64 (n,), a_i, summing to 1.
    alpha    : float32 (n,), alpha(x_i).
    products : float32 (n, m') or None, s x_i.y_j with the columns padded as in Transform.points.
    """

    rows: np.ndarray | None
    masses: np.ndarray
    alpha: Tensor
    products: Tensor | None

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.masses)

    def thinned(self, stride: int, first: int = 0) -> "Sample":
        """Every stride-th row: as random as the sample is, and spread evenly along it. Shares its memory."""
        masses = self.masses[first::stride]
        rows = None if self.rows is None else self.rows[first::stride]
        products = None if self.products is None else self.products[first::stride]
        return Sample(rows, masses / masses.sum(), self.alpha[first::stride], products)

    def rows_at(self, places: np.ndarray) -> "Sample":
        """Return some of the rows, copied. Shapes: int64 (k,)."""
        masses, at = self.masses[places], torch.from_numpy(places).to(self.alpha.device)
        rows = None if self.rows is None else self.rows[places]
        products = None if self.products is None else self.products[at]
        return Sample(rows, masses / masses.sum(), self.alpha[at], products)

    def without_rows(self) -> "Sample":
        """Return it without its rows where products stand for them; a tenth and more of the memory."""
        return self if self.products is None else self._replace(rows=None)


def hold(rows: np.ndarray, masses: np.ndarray, cost: Cost, target: Target, workers: Workers) -> Sample:
    """The sample ready for many looks. Shapes: rows float16 or float32 (n, d); masses float64 (n,) summing to 1."""
    return_freed_memory()  # of the reading before; the products are the largest array of all
    device = target.points.device
    # At eps = 0 a logit is s x.y_j + bias_j, so that transform's points are the s y_j, padded.
    points = transform(cost, target, 0.0, torch.zeros_like(target.weights)).points
    alpha = torch.empty(len(rows), device=device)
    keep = len(rows) * len(points) <= _KEPT_PRODUCTS
    products = torch.empty((len(rows), len(points)), device=device) if keep else None

    def work(block: slice) -> None:
        count = block.stop - block.start
        x = cost.points(padded(rows[block], block_rows(device), device))
        alpha[block] = cost.alpha(x)[:count]
        if products is not None:
            products[block] = (x @ points.T)[:count]

    for _ in workers.map(work, sample_blocks(len(rows), device)):
        pass
    return Sample(rows, masses, alpha, products)


def sample_check(sample: Sample, kernel: Transform, workers: Workers) -> Check:
    """Marginal and mean potential over the sample."""
    device = kernel.points.device
    masses = torch.from_numpy(np.ascontiguousarray(sample.masses)).to(device)

    def work(block: slice) -> tuple[Tensor, float]:
        return block_check(kernel, sample_logits(sample, kernel, block), sample.alpha[block], masses[block])

    marginal = torch.zeros(len(kernel.points), dtype=torch.float64)
    mean = 0.0
    for block_marginal, block_mean in workers.map(work, sample_blocks(sample.size, device)):
        marginal += block_marginal
        mean += block_mean
    return Check(marginal.to(device), mean)


def sample_potentials(sample: Sample, kernel: Transform, workers: Workers) -> np.ndarray:
    """f at each row of the sample. Shapes: -> float32 (n,)."""

    def work(block: slice) -> np.ndarray:
        potential = kernel.reduced(sample_logits(sample, kernel, block), sample.alpha[block])
        return np.asarray(potential.cpu().numpy())

    return np.concatenate(list(workers.map(work, sample_blocks(sample.size, kernel.points.device))))


def sample_mean_costs(sample: Sample, cost: Cost, target: Target, workers: Workers) -> np.ndarray:
    """Mean cost of each row to the target, less a constant. Shapes: -> float32 (n,)."""
    kernel = transform(cost, target, 0.0, torch.zeros_like(target.weights))
    kernel = kernel._replace(bias=torch.zeros_like(kernel.bias))  # a logit is then s x.y_j
    weights = torch.zeros_like(kernel.bias)
    weights[: len(target.weights)] = target.weights.float()

    def work(block: slice) -> np.ndarray:
        means = torch.mv(sample_logits(sample, kernel, block), weights)
        return np.asarray((sample.alpha[block] - means).cpu().numpy())

    return np.concatenate(list(workers.map(work, sample_blocks(sample.size, kernel.points.device))))


def sample_plan(sample: Sample, kernel: Transform) -> tuple[Tensor, Tensor]:
    """The whole plan of the sample, p_ij with rows that sum to 1, and the masses a_i.

    Shapes: -> float32 (n, m'), float32 (n,).
    """
    plan = torch.empty((sample.size, len(kernel.points)), device=kernel.points.device)
    for block in sample_blocks(sample.size, kernel.points.device):
        logits = sample_logits(sample, kernel, block)
        _, total = exponentials_(logits)
        torch.div(logits, total[:, None], out=plan[block])
    return plan, torch.from_numpy(np.ascontiguousarray(sample.masses)).float().to(plan.device)


def sample_cluster_shares(sample: Sample, kernel: Transform, labels: Tensor, count: int) -> np.ndarray:
    """Logarithms of what each row sends to each cluster of points, up to a constant of the row.

    Shapes: labels int64 (m,), -1 where in none -> float64 (n, count).
    """
    shares = np.empty((sample.size, count))
    columns = [torch.nonzero(labels == k).squeeze(1) for k in range(count)]
    for block in sample_blocks(sample.size, kernel.points.device):
        logits = sample_logits(sample, kernel, block).double()
        sums = [logits[:, column].logsumexp(dim=1) for column in columns]
        shares[block] = torch.stack(sums, dim=1).cpu().numpy()
    return shares


def sample_logits(sample: Sample, kernel: Transform, block: slice) -> Tensor:
    """The block's logits, from the kept products where there are any. Shapes: -> float32 (n, m')."""
    if sample.products is not None:
        return torch.add(kernel.bias, sample.products[block], alpha=1.0 / kernel.unit)
    return kernel.logits(_points(sample, kernel, block))[: block.stop - block.start]


def sample_products(sample: Sample, kernel: Transform, block: slice) -> Tensor:
    """The block's logits less the bias: what does not change with the potentials. Shapes: -> float32 (n, m')."""
    if sample.products is not None:
        return sample.products[block] * (1.0 / kernel.unit)
    return torch.mm(_points(sample, kernel, block), kernel.points.T)[: block.stop - block.start]


def _points(sample: Sample, kernel: Transform, block: slice) -> Tensor:
    """The block's rows as points, padded. Shapes: -> float32 (block_rows, d)."""
    if sample.rows is None:
        raise ValueError("a sample without rows has products")
    device = kernel.points.device
    return kernel.cost.points(padded(sample.rows[block], block_rows(device), device))


def sample_blocks(size: int, device: torch.device) -> list[slice]:
    rows = block_rows(device)
    return [slice(start, min(start + rows, size)) for start in range(0, size, rows)]
