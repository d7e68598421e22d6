"""Where a network runs, in which precision, on how many threads."""

from pathlib import Path
from typing import NamedTuple

import torch

from gotd.devices import find_device

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
#: What Linux calls the instructions that multiply matrices of bfloat16 (x86: two kinds; ARM).
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
#: NVIDIA's first generation with bfloat16 in its matrix units (Ampere).
_BFLOAT16_CAPABILITY = (8, 0)
#: Networks that run beside each other on CPUs, a batch each: one a CPU wins as long as Python's lock is free enough.
_MOST_CPU_WORKERS = 16


class Layout(NamedTuple):
    """How CPUs are shared out: workers with a batch of their own each, and threads within each of them."""

    workers: int
    threads: int


def cpu_layout(threads: int) -> Layout:
    """Two threads that work on two batches wait for each other less than two that share one."""
    workers = min(threads, _MOST_CPU_WORKERS)
    return Layout(workers, max(1, threads // workers))


def find_devices(names: str) -> list[torch.device]:
    """The devices of "auto" (every GPU, or the CPU where there is none), or of names with commas between them.

    Raises:
        GotdError: a device that is not there.
    """
    if names == "auto" and torch.cuda.is_available():
        return [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return [find_device(name) for name in names.split(",")]


def find_precision(name: str, devices: list[torch.device]) -> str:
    """`name`, or for "auto" bfloat16 where every device is fast in it, else float32.

    It is no part of an embedder's identity: bfloat16 vectors agree with float32 ones to a cosine of 0.9999, as nearly
    as those of other batches must, and a pool embedded on several kinds of machine stays one pool.
    """
    if name != "auto":
        return name
    return "bfloat16" if all(_is_fast_in_bfloat16(device) for device in devices) else "float32"


def _is_fast_in_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= _BFLOAT16_CAPABILITY
    library = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return device.type == "cpu" and library and bool(_BFLOAT16_FLAGS & _cpu_flags())


def _cpu_flags() -> set[str]:
    """What the processor can do, in Linux' words; nothing where Linux does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith(("flags", "Features"))), set())
