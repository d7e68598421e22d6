"""Minus the cost to the nearest target row: a document is good when it is close to any text of the task.

    score(x) = mean over the source of min_j C(., y_j)  -  min_j C(x, y_j)

The mean is taken over the sample, so that zero is the average document, as with `got`. Where the target is several
things the dense one takes all, and nothing asks how much of it the source has already.
"""

from gotd.methods.base import DEVICE, SOURCE, Fitted, VectorProblem
from gotd.methods.transform_rule import TransformRule


class Nearest(TransformRule):
    """Every row of the target that has mass."""

    name = "nearest"
    inputs = SOURCE | DEVICE

    def fit(self, problem: VectorProblem) -> Fitted:
        """Keep the target's rows."""
        import torch

        from gotd.methods.space import space_of

        space = space_of(problem, self.options)
        rows = torch.from_numpy(problem.target[problem.masses > 0.0]).to(problem.device)
        return self.to_nearest(space.cost.points(rows).cpu().numpy(), problem, space)
