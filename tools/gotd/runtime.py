"""What a computation runs on: a number of threads and a device, opened and closed."""

import os
from functools import cached_property
from typing import TYPE_CHECKING, Self

from gotd.errors import GotdError

if TYPE_CHECKING:
    import torch

    from gotd.ot.blocks import Workers


def thread_count(threads: int | None) -> int:
    """Return the CPUs to use: those asked for, what Slurm gave, or the affinity mask (os.cpu_count ignores both)."""
    slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return threads or (int(slurm) if slurm.isdecimal() and int(slurm) else len(os.sched_getaffinity(0)))


def find_device(name: str) -> "torch.device":
    """The device of a name: cpu, cuda, cuda:1, ..., or auto.

    Raises: GotdError where there is no such device.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        # Only using it, there and back, shows whether it is there.
        found = torch.zeros(1, device=name)
        found.cpu()
        return found.device
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise GotdError(f"{name}: no such device here ({reason}); use cpu") from error


class Runtime:
    """Threads and a device. A context: leaving it ends the threads, and gives torch back the number it had.

    threads : None takes the CPUs that this process may use. device : cpu, cuda, cuda:1 or auto
    """

    def __init__(self, threads: int | None = None, device: str = "auto") -> None:
        self.threads, self._device = thread_count(threads), device

    @cached_property
    def device(self) -> "torch.device":
        """The device. Raises: GotdError where there is no such one."""
        return find_device(self._device)

    @cached_property
    def workers(self) -> "Workers":
        """The threads, begun at first use."""
        from gotd.ot.blocks import Workers

        return Workers(self.threads, self.device)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "workers" in self.__dict__:
            self.workers.close()
