"""General text mixed into the training data, so that less of it is forgotten: which of its blocks join an epoch."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from gotd.errors import UsageError

#: Keeps what is drawn here apart from the order of an epoch, which is drawn from (seed, epoch).
_PASSES = 1


@dataclass(frozen=True)
class Replay:
    """How many blocks of general text join the training data.

    share : of all blocks that an epoch reads, as it was asked for
    blocks : that the general text has. an_epoch : of them that an epoch reads, some more than once if there are fewer
    """

    share: float
    blocks: int
    an_epoch: int

    @classmethod
    def of(cls, share: float, data_blocks: int, blocks: int) -> Self:
        """Return what makes general text the share of an epoch. Raises: UsageError where that is no block at all."""
        an_epoch = round(data_blocks * share / (1.0 - share))
        if not an_epoch:
            raise UsageError(f"--replay-share {share:g}: beside {data_blocks:,} blocks of data that is not one block; "
                             f"give {1.0 / (data_blocks + 1.0):.1g} or more")
        return cls(share, blocks, an_epoch)

    def places(self, seed: int, epoch: int) -> np.ndarray:
        """uint32 (an_epoch,): blocks of an epoch: passes over the general text, each shuffled by (seed, pass) alone."""
        passes, within = np.divmod(np.arange(epoch * self.an_epoch, (epoch + 1) * self.an_epoch), self.blocks)
        found = np.empty(self.an_epoch, np.uint32)
        for each in range(int(passes[0]), int(passes[-1]) + 1):
            order = np.random.default_rng([seed, each, _PASSES]).permutation(self.blocks)
            found[passes == each] = order[within[passes == each]]
        return found
