"""Minus the cost to the target's mean: what `got` becomes when epsilon is large.

    score(x) = mean over the source of C(., m)  -  C(x, m),   m = sum_j b_j y_j

with the y_j as they are compared: less the source's mean and of unit length where that is asked for. For the cosine m
is scaled to unit length.
"""

from gotd.methods.base import Fitted, VectorProblem
from gotd.methods.transform_rule import TransformRule


class Mean(TransformRule):
    """The target's mean; a target file holds it as its one point."""

    name = "mean"

    def fit(self, problem: VectorProblem) -> Fitted:
        """Take the target's mean."""
        import numpy as np
        import torch

        from gotd.methods.space import space_of

        space = space_of(problem, self.options)
        points = space.cost.points(torch.from_numpy(problem.target).to(problem.device)).cpu().numpy()
        middle = (problem.masses / problem.masses.sum()) @ points.astype(np.float64)
        if self.options.metric == "cosine":
            middle /= max(float(np.linalg.norm(middle)), np.finfo(np.float32).tiny)
        return self.to_nearest(middle.astype(np.float32)[None], problem, space)
