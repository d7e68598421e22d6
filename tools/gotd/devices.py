"""Which device computes: the one that is named, or a GPU where there is one."""

import torch

from gotd.errors import GotdError


def find_device(name: str) -> torch.device:
    """The device of a name: cpu, cuda, cuda:1, ..., or auto.

    Raises: GotdError where there is no such device.
    """
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
