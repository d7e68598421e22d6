"""Which precision a network is fastest in on the machine at hand: found by a trial, as processors' flags do not tell.

A processor may have the instructions for bfloat16 and be slower in it: on one with avx512_bf16 and no AMX the trial of
MiniLM's layers took 4.7 to 6.5 ms in float32, and 14.4 to 15.2 ms in bfloat16.
"""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
#: The part of float32's time that bfloat16, which rounds more, may take at most; less of a difference is chance.
_WORTH_IT = 0.95
#: Tokens of a trial's batch: of a CPU's batches, and enough to fill a GPU.
_CPU_TOKENS, _GPU_TOKENS = 256, 8192
#: Shapes of linear layers that are tried, those with most weights of all; and times, the shortest of which counts.
_SHAPES, _TIMES = 2, 5
#: Rows of a layer that are tried: of a larger one the rate is that of so many.
_MOST_ROWS = 4096


def find_precision(name: str, module: nn.Module, devices: Sequence[torch.device]) -> str:
    """Return `name`, or for "auto" the precision in which every device is fastest, float32 where they differ.

    module : the network, whose linear layers are tried
    It is no part of an embedder's identity: vectors of either agree as nearly as those of other batches must, and a
    pool embedded on several kinds of machine stays one pool.
    """
    if name != "auto":
        return name
    shapes = _main_shapes(module)
    if not shapes:
        return "float32"
    threads = torch.get_num_threads()
    # A thread of its own, of one processor, as networks on CPUs have: threads that wait for each other spin.
    with ThreadPoolExecutor(1, "trial", initializer=torch.set_num_threads, initargs=(1,)) as alone:
        fastest = {alone.submit(_fastest, shapes, device).result() for device in devices}
    torch.set_num_threads(threads)
    return fastest.pop() if len(fastest) == 1 else "float32"


def _fastest(shapes: Sequence[tuple[int, int]], device: torch.device) -> str:
    single, half = (_seconds(shapes, device, PRECISIONS[tried]) for tried in ("float32", "bfloat16"))
    return "bfloat16" if half < _WORTH_IT * single else "float32"


def _main_shapes(module: nn.Module) -> list[tuple[int, int]]:
    """Return (out, in) of the linear layers that hold most of the weights."""
    weights: Counter[tuple[int, int]] = Counter()
    for part in module.modules():
        if isinstance(part, nn.Linear):
            weights[(part.out_features, part.in_features)] += part.weight.numel()
    return [(min(rows, _MOST_ROWS), min(columns, _MOST_ROWS)) for (rows, columns), _ in weights.most_common(_SHAPES)]


def _seconds(shapes: Sequence[tuple[int, int]], device: torch.device, dtype: torch.dtype) -> float:
    """Return the time of a pass through layers of these shapes with what stands between them; infinite where it fails.

    A device that lacks an operation in bfloat16 is not fast in it.
    """
    tokens = _CPU_TOKENS if device.type == "cpu" else _GPU_TOKENS
    try:
        layers = [(torch.randn(tokens, columns, device=device).to(dtype),
                   torch.randn(rows, columns, device=device).to(dtype)) for rows, columns in shapes]
        _pass(layers)  # the first one prepares
        return min(_pass(layers) for _ in range(_TIMES))
    except RuntimeError:
        return float("inf")


def _pass(layers: Sequence[tuple[Tensor, Tensor]]) -> float:
    # Of a CPU the time that it works: others may share it.
    clock = time.perf_counter if layers[0][0].is_cuda else time.thread_time
    start = clock()
    with torch.inference_mode():
        for inputs, weight in layers:
            made = nn.functional.gelu(nn.functional.linear(inputs, weight))
            nn.functional.layer_norm(made, made.shape[-1:])
        if inputs.is_cuda:
            torch.cuda.synchronize(inputs.device)
    return clock() - start
