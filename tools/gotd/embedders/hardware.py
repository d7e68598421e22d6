"""Where a network runs, and on how many threads."""

from typing import NamedTuple

import torch

from gotd.devices import find_device

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
