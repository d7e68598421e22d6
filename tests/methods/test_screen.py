"""Which domain is near: against POT on each by itself."""

import numpy as np
import pytest
import torch

import ot
from gotd.errors import GotdError
from gotd.methods.screen import screen
from gotd.methods.settings import Settings
from gotd.ot.blocks import Workers
from gotd.ot.source import Part

CPU = torch.device("cpu")


def test_distances_are_pots_and_the_nearest_comes_first(workers: Workers) -> None:
    random = np.random.default_rng(0)
    target = random.normal(size=(30, 5)).astype("f4")
    domains = {name: (random.normal(size=(80, 5)) + shift).astype("f4") for name, shift in [("far", 3), ("near", 0.2)]}
    parts = [Part(name, 1.0, lambda rows=rows: iter([rows])) for name, rows in domains.items()]  # type: ignore[misc]
    found = screen(target, np.ones(30), parts, Settings(tolerance=1e-5), workers, CPU)
    assert [each.name for each in found] == ["near", "far"]
    costs = {name: ot.dist(rows.astype("f8"), target.astype("f8")) for name, rows in domains.items()}
    epsilon = 0.05 * np.concatenate(list(costs.values())).std()
    for each in found:
        a, b = ot.unif(80), ot.unif(30)
        plan = ot.bregman.sinkhorn_log(a, b, costs[each.name], epsilon, numItermax=100_000, stopThr=1e-12)
        divergence = (plan * np.log(np.maximum(plan, 1e-300) / np.outer(a, b))).sum()
        assert each.distance == pytest.approx((plan * costs[each.name]).sum() + epsilon * divergence, rel=1e-4)


def test_a_domain_alone_has_the_distance_it_has_among_others_of_its_kind(workers: Workers) -> None:
    random = np.random.default_rng(1)
    rows, target = random.normal(size=(50, 4)).astype("f4"), random.normal(size=(20, 4)).astype("f4")
    twice = [Part(name, 1.0, lambda: iter([rows])) for name in ("a", "b")]
    first, second = screen(target, np.ones(20), twice, Settings(), workers, CPU)
    assert first.distance == pytest.approx(second.distance)
    assert (first.rows, first.sampled) == (50, 50)


def test_the_sample_is_shared_out_evenly_and_the_centre_is_that_of_all_rows(workers: Workers) -> None:
    """Rows are nearly alike within a domain, so that which of them are looked at changes nothing."""
    random = np.random.default_rng(2)
    (large, small), target = random.normal(size=(2, 6)).astype("f4"), random.normal(size=(20, 6)).astype("f4")
    near = random.uniform(-1e-3, 1e-3, (300, 6)).astype("f4")
    domains = {"large": large + near, "small": small + near[:100]}
    parts = [Part(name, 1.0, lambda rows=rows: iter([rows])) for name, rows in domains.items()]  # type: ignore[misc]
    found = {each.name: each for each in screen(target, np.ones(20), parts, Settings(sample=40, center=True), workers,
                                                CPU)}
    assert [(found[name].rows, found[name].sampled) for name in domains] == [(300, 20), (100, 20)]
    centre = np.concatenate(list(domains.values())).mean(axis=0, dtype="f8")
    unit = {name: (rows[0] - centre) / np.linalg.norm(rows[0] - centre) for name, rows in domains.items()}
    points = target - centre
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    for name in domains:  # one source point has one plan
        assert found[name].distance == pytest.approx(np.square(unit[name] - points).sum(axis=1).mean(), rel=2e-2)


def test_no_entropy_no_comparison(workers: Workers) -> None:
    rows = np.ones((3, 2), "f4")
    with pytest.raises(GotdError, match="epsilon above 0"):
        screen(rows, np.ones(3), [Part("a", 1.0, lambda: iter([rows]))], Settings(epsilon=0.0), workers, CPU)
