"""Best match: a document is as good as its best rank in the target rows' lists of what is nearest to them.

    score(x) = -min_j (r_j(x) M + j),   r_j(x) = how many different documents of the pool are nearer to y_j than x

so every target row brings its nearest document first, then its second ..., and rows that agree bring one document
between them: the k best are a quota of ranks for each target row, however far from the pool it stands. It is decided
document by document as `round-robin` does (round_robin.py), whose target file it shares: D_jr is the cost of y_j to the
document of rank r. A document that several rows put first is chosen once, and, other than there, none of them goes on
to its next in that round.

Source: Mizrahi et al., Language Models Improve When Pretraining Data Matches Target Tasks, arXiv 2507.12466: BETR ranks
documents for each benchmark text by the cosine of their embeddings and scores a document by its best rank; the ranks of
a sample are then learnt by a classifier, which the numbers D make needless here.
"""

from typing import TYPE_CHECKING

from gotd.methods.base import VectorProblem
from gotd.methods.round_robin import RoundRobin

if TYPE_CHECKING:
    import numpy as np

    from gotd.ot.cost import Cost


class BestMatch(RoundRobin):
    """The distances and keys of each target row's nearest documents, in their order."""

    name = "best-match"

    def thresholds(self, problem: VectorProblem, points: "np.ndarray", cost: "Cost",
                   rounds: int) -> "tuple[dict[str, np.ndarray], int, bool]":
        """Read the pool once."""
        import numpy as np

        from gotd.methods.turns import nearest_left

        distances = np.full((len(points), rounds), np.inf, dtype=np.float32)
        keys = np.full((len(points), rounds), np.iinfo(np.uint64).max, dtype=np.uint64)
        for row, near in enumerate(nearest_left(problem, points, cost, rounds, set())):
            distances[row, : len(near.key)], keys[row, : len(near.key)] = near.distance, near.key
        held = np.isfinite(distances).any(axis=0)  # a pool may have fewer different documents
        return {"distances": distances[:, held], "keys": keys[:, held]}, 1, True
