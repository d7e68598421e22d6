"""Which domain is near: the target's own first, whatever the numbers of rows."""

import numpy as np
import pytest
import torch

from gotd.errors import GotdError
from gotd.methods.options import TransportOptions
from gotd.methods.screen import screen
from gotd.ot.blocks import Workers
from gotd.ot.source import Part

CPU = torch.device("cpu")


@pytest.mark.heavy
@pytest.mark.long
@pytest.mark.parametrize("rows", [100, *(pytest.param(rows, marks=pytest.mark.slow) for rows in (1000, 10_000))])
def test_the_targets_own_distribution_is_first_and_about_zero(rows: int, workers: Workers) -> None:
    """Ahead of a tighter one, which an entropic distance prefers, and, with fewest rows, of ones with more."""
    random = np.random.default_rng(rows)
    target = random.normal(size=(400, 6)).astype("f4")
    domains = {"tighter": 0.5 * random.normal(size=(rows, 6)), "wider": 1.7 * random.normal(size=(rows, 6)),
               "shifted": random.normal(size=(rows, 6)) + 0.5, "own": random.normal(size=(min(rows, 1000), 6))}
    domains = {name: each.astype("f4") for name, each in domains.items()}
    parts = [Part(name, 1.0, lambda each=each: iter([each])) for name, each in domains.items()]  # type: ignore[misc]
    found = screen(target, np.ones(400), parts, TransportOptions(), workers, CPU)
    assert found[0].name == "own"
    assert found[0].low < 0.0 < found[0].high
    assert all(each.low < each.distance < each.high for each in found)


def test_the_distance_of_one_point_to_another_is_their_cost(workers: Workers) -> None:
    """Nothing is random then: OT of a point with itself is 0."""
    domains = {"far": np.tile(np.float32([3.0, 0.0]), (40, 1)), "near": np.tile(np.float32([0.0, 1.0]), (40, 1))}
    domains = {name: rows + 1e-4 * np.arange(40, dtype="f4")[:, None] for name, rows in domains.items()}
    parts = [Part(name, 1.0, lambda rows=rows: iter([rows])) for name, rows in domains.items()]  # type: ignore[misc]
    found = screen(np.zeros((40, 2), "f4"), np.ones(40), parts, TransportOptions(), workers, CPU)
    assert [each.name for each in found] == ["near", "far"]
    assert [each.distance for each in found] == pytest.approx([1.0, 9.0], rel=0.02)


@pytest.mark.long
def test_a_domain_alone_has_the_distance_it_has_among_others_of_its_kind(workers: Workers) -> None:
    random = np.random.default_rng(1)
    rows, target = random.normal(size=(50, 4)).astype("f4"), random.normal(size=(20, 4)).astype("f4")
    twice = [Part(name, 1.0, lambda: iter([rows])) for name in ("a", "b")]
    first, second = screen(target, np.ones(20), twice, TransportOptions(), workers, CPU)
    assert first.distance == pytest.approx(second.distance)
    assert (first.rows, first.sampled) == (50, 50)


@pytest.mark.long
def test_the_sample_is_shared_out_evenly_and_the_centre_is_that_of_all_rows(workers: Workers) -> None:
    """Rows are nearly alike within a domain, so that which of them are looked at changes nothing."""
    random = np.random.default_rng(2)
    (large, small), target = random.normal(size=(2, 6)).astype("f4"), random.normal(size=(20, 6)).astype("f4")
    near = random.uniform(-1e-3, 1e-3, (300, 6)).astype("f4")
    domains = {"large": large + near, "small": small + near[:100]}
    parts = [Part(name, 1.0, lambda rows=rows: iter([rows])) for name, rows in domains.items()]  # type: ignore[misc]
    options = TransportOptions(pool_sample=40, center=True)
    found = {each.name: each for each in screen(target, np.ones(20), parts, options, workers, CPU)}
    assert [(found[name].rows, found[name].sampled) for name in domains] == [(300, 20), (100, 20)]
    centre = np.concatenate(list(domains.values())).mean(axis=0, dtype="f8")
    unit = {name: (rows[0] - centre) / np.linalg.norm(rows[0] - centre) for name, rows in domains.items()}
    points = target - centre
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    cost = {name: np.square(unit[name] - points).sum(axis=1).mean() for name in domains}  # one point has one plan
    assert found["large"].distance - found["small"].distance == pytest.approx(cost["large"] - cost["small"], rel=3e-2)


def test_no_entropy_no_comparison(workers: Workers) -> None:
    rows = np.ones((3, 2), "f4")
    with pytest.raises(GotdError, match="epsilon above 0"):
        screen(rows, np.ones(3), [Part("a", 1.0, lambda: iter([rows]))], TransportOptions(epsilon=0.0), workers, CPU)
