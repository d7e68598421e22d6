"""The log-sum-exp of every row of a matrix product on a GPU, without writing the product: a Triton kernel.

A program takes a tile of rows, goes over the target points tile by tile, and keeps each row's largest logit and its
sum of exponentials so far. Products are three of the matrix units' own (tf32x3): as exact as float32's, some hundred
times as exact as one alone. On an H100 all of it takes less time than torch's float32 product by itself: 114 to 131 %
of its rate at d = 384 and 768, M = 1,000 and 4,096 (scripts/bench/scoring.py). Of eleven tilings tried there none was
more than 5 % faster than this one.

Source: Milakov and Gimelshein, Online normalizer calculation for softmax, arXiv 1805.02867; tiles of a product with
it: Dao et al., FlashAttention, arXiv 2205.14135; for Sinkhorn: FlashSinkhorn (flash-sinkhorn on PyPI).
"""

import subprocess
import threading
from functools import cache

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.errors import TritonError

#: Triton compiles at a kernel's first launch, which two threads must not do at once; later launches take microseconds.
_LAUNCH = threading.Lock()
#: The first devices whose matrix units take float32.
_CAPABILITY = (8, 0)
#: Tiles of rows and target points; how much of d is loaded of both at a time.
_ROWS, _COLUMNS, _DEPTH = 128, 128, 32


@triton.jit  # type: ignore[untyped-decorator]
def _reduce(x, y, bias, out, n, m, d, EXACT: tl.constexpr, ROWS: tl.constexpr,  # type: ignore[no-untyped-def]
            COLUMNS: tl.constexpr, DEPTH: tl.constexpr):
    rows = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    top = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    for first in range(0, m, COLUMNS):
        columns = first + tl.arange(0, COLUMNS)
        logits = tl.zeros([ROWS, COLUMNS], tl.float32)
        for start in range(0, d, DEPTH):
            k = start + tl.arange(0, DEPTH)
            there = (rows < n)[:, None] & (k < d)[None, :]
            a = tl.load(x + rows[:, None] * d + k[None, :], mask=there, other=0.0)
            there = (k < d)[:, None] & (columns < m)[None, :]
            b = tl.load(y + columns[None, :] * d + k[:, None], mask=there, other=0.0)
            logits = tl.dot(a, b, logits, input_precision="tf32x3")
        logits += tl.load(bias + columns, mask=columns < m, other=float("-inf"))[None, :]
        higher = tl.maximum(top, tl.max(logits, 1))
        if not EXACT:
            held = tl.where(higher == float("-inf"), 0.0, higher)  # no target point so far: nothing to subtract
            total = total * tl.exp(top - held) + tl.sum(tl.exp(logits - held[:, None]), 1)
        top = higher
    tl.store(out + rows, top if EXACT else top + tl.log(total), mask=rows < n)


def row_logsumexp(points: Tensor, columns: Tensor, bias: Tensor, exact: bool) -> Tensor:
    """log sum_j exp(x_i.y_j + bias_j) of every row i, or the maximum where `exact`.

    Shapes: points float32 (n, d), columns float32 (m', d), bias float32 (m',) -> float32 (n,).
    All contiguous, on one CUDA device of at least compute capability 8.
    """
    out = torch.empty(len(points), dtype=torch.float32, device=points.device)
    with _LAUNCH, torch.cuda.device(points.device):  # Triton launches on the current device
        _reduce[(-(-len(points) // _ROWS),)](points, columns, bias, out, len(points), *columns.shape, exact,
                                             _ROWS, _COLUMNS, _DEPTH, num_warps=8, num_stages=3)
    return out


@cache
def works_on(device: torch.device) -> bool:
    """Whether the kernel compiles for this device and gives there what torch gives."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < _CAPABILITY:
        return False
    points = torch.randn((_ROWS, 48), device=device)
    try:
        found = row_logsumexp(points, points, points[:, 0].contiguous(), False)
    except (TritonError, RuntimeError, OSError, subprocess.CalledProcessError):  # no C compiler, too little room, ...
        return False
    return torch.allclose(found, torch.addmm(points[:, 0], points, points.T).logsumexp(1), rtol=1e-4, atol=1e-4)
