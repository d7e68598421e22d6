"""Where a rule compares vectors: every rule alike, under the same options."""

from typing import NamedTuple

import numpy as np
import torch

from gotd.methods.base import Arrays, Read, VectorProblem
from gotd.methods.options import STEP_PART, Metric, SpaceOptions, default_epsilon
from gotd.methods.source_sample import Drawn, Wanted, draw
from gotd.ot.cost import Cost
from gotd.ot.whitening import whitening


class Space(NamedTuple):
    """The source as a rule is fitted to it, and how rows are compared.

    drawn : the sample of the source; read : counts.
    epsilon : the default, in standard deviations of the cost.
    """

    drawn: Drawn
    cost: Cost
    read: Read
    epsilon: float


def space_of(problem: VectorProblem, options: SpaceOptions, share: float | None = None) -> Space:
    """Read the source, and return its sample and the cost that the options ask for.

    Where something else than the source will be ranked, mean and covariance are of that. A source of fewer kinds of
    text leaves the others' common directions as they are, and costs more than it gives: measured by
    scripts/experiments. The target's rows are looked out for in what will be ranked.
    share : of the mass that the choice will have; the default epsilon goes by it
    """
    workers, device, ranked = problem.workers, problem.device, problem.ranked
    wanted = Wanted(options.pool_sample, options.seed)
    of_pool = wanted._replace(covariance=bool(options.whiten), watched=problem.target)
    drawn = draw(problem.parts, of_pool if ranked is None else wanted, workers, device)
    pool: Drawn | None = drawn
    if ranked is not None:
        pool = draw([ranked], of_pool, workers, device) if options.centers else None
    moments = pool or drawn
    epsilon = default_epsilon(bool(options.whiten), moments.moment_rows, len(moments.mean))
    if share and options.whiten:
        epsilon *= STEP_PART
    return Space(drawn, cost_of(options, moments, device), Read(drawn.counts, pool and pool.counts), epsilon)


def cost_of(options: SpaceOptions, drawn: Drawn, device: torch.device) -> Cost:
    """Return the cost that the options ask for, by the mean and covariance of what was drawn.

    The squared distance is the same wherever the origin is; at the mean float32 rounds it least.
    Raises: ValueError where rows are to be whitened and `drawn` has no covariance.
    """
    centred = options.centers or options.metric == "sqeuclidean"
    centre = torch.from_numpy(drawn.mean).to(device) if centred else None
    cost = Cost(options.metric, centre, options.centers)
    if not options.whiten:
        return cost
    if drawn.covariance is None:
        raise ValueError("whitening needs the covariance")
    return cost._replace(whitening=whitening(drawn.covariance.to(device), drawn.moment_rows, options.ridge))


def space_arrays(cost: Cost) -> dict[str, np.ndarray]:
    """What a target file holds of a cost: its centre and its whitening, where it has them."""
    held = {"centre": cost.centre, "whitening": cost.whitening}
    return {name: tensor.cpu().numpy() for name, tensor in held.items() if tensor is not None}


def cost_from(arrays: Arrays, metric: Metric, center: bool, device: torch.device) -> Cost:
    """The cost that a target file was made with."""
    centre, whitening = (torch.from_numpy(arrays[name]).to(device) if name in arrays else None
                         for name in ("centre", "whitening"))
    return Cost(metric, centre, center, whitening)
