"""The target file that ds-score is given: read, and held against what its rule wants."""

from typing import TYPE_CHECKING, Any

from gotd.errors import DataError, GotdError
from gotd.methods.contents import check_contents
from gotd.methods.registry import rule

if TYPE_CHECKING:
    import numpy as np


def read_fitted(target: str) -> "tuple[dict[str, np.ndarray], dict[str, Any], str, str]":
    """Return the arrays, summary and digest of a target file, and what its rule reads.

    Raises: DataError where it holds something else than its rule wants.
    """
    from gotd.streams.targets import read_target

    arrays, summary, digest = read_target(target)
    try:
        reads = rule(summary["method"]).reads
        check_contents(summary["method"], arrays, summary)
    except (GotdError, ValueError) as error:
        raise DataError(target, str(error), "make it again with ds-target-stats") from error
    return arrays, summary, digest, reads
