"""What the method is for: the documents it chooses move the pool towards the target further than others do.

The target has three modes, one of them rare and hardly to be found in the pool. The mean of the target is where none of
its texts are, and the nearest neighbours of target texts are in the modes of which the pool has plenty.
"""

from collections.abc import Callable

import numpy as np
import pytest

import ot
from fitting import plain
from gotd.methods.base import Fitted

#: Documents chosen, and the share of the training distribution they then make up.
CHOSEN, SHARE = 60, 0.05
MODES = 3.0 * np.eye(8)[:3]


def around(centre: np.ndarray, count: int, width: float, rng: np.random.Generator) -> np.ndarray:
    return (centre + width * rng.normal(size=(count, 8))).astype("f4")


def problem(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pool: 200 of anything, 200 between the modes, 800, 240, 60 of the modes. Target: 75, 60, 15 of the modes."""
    rng = np.random.default_rng(seed)
    pool = [around(np.zeros(8), 200, 1.0, rng), around(MODES.mean(axis=0), 200, 0.3, rng)]
    pool += [around(mode, count, 0.3, rng) for mode, count in zip(MODES, (800, 240, 60), strict=True)]
    target = [around(mode, count, 0.3, rng) for mode, count in zip(MODES, (75, 60, 15), strict=True)]
    return np.concatenate(pool), np.concatenate(target)


def choices(
    pool: np.ndarray, target: np.ndarray, scores: np.ndarray, C: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Numbers of the documents each rule chooses."""
    to_mean = np.square(pool - target.mean(axis=0)).sum(axis=1)
    return {
        "optimal transport": np.argsort(-scores, kind="stable")[:CHOSEN],
        "random": rng.choice(len(pool), CHOSEN, replace=False),
        "nearest to the mean of the target": np.argsort(to_mean, kind="stable")[:CHOSEN],
        "nearest to any target text": np.argsort(C.min(axis=1), kind="stable")[:CHOSEN],
    }


def distance_after(chosen: np.ndarray, C: np.ndarray, share: float = SHARE) -> float:
    """Exact distance of the target from (1 - share) pool + share chosen."""
    a = np.full(len(C), (1 - share) / len(C))
    a[chosen] += share / len(chosen)
    return float(ot.emd2(a / a.sum(), np.full(C.shape[1], 1 / C.shape[1]), C, numItermax=10_000_000))


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("epsilon", [0.0, 0.05])
def test_the_choice_lowers_the_distance_more_than_random_mean_or_nearest(
    epsilon: float, seed: int, fitted: Callable[..., Fitted], score: Callable[[Fitted, np.ndarray], np.ndarray],
    costs: Callable[..., np.ndarray],
) -> None:  # fmt: skip
    pool, target = problem(seed)
    C = costs(pool, target)
    scores = score(fitted(target, pool, plain(epsilon=epsilon)), pool)
    before = distance_after(np.arange(len(pool)), C)
    after = {
        rule: distance_after(chosen, C)
        for rule, chosen in choices(pool, target, scores, C, np.random.default_rng(seed)).items()
    }
    print(f"\nepsilon {epsilon}, distance before {before:.4f}, after adding {CHOSEN} documents:")
    for rule, distance in after.items():
        print(f"  {distance:.4f}  {rule}")
    best = after.pop("optimal transport")
    assert best < 0.95 * before
    assert best < min(after.values())


def test_the_distance_falls_by_the_mean_score_at_first_and_never_by_more(
    fitted: Callable[..., Fitted], score: Callable[[Fitted, np.ndarray], np.ndarray], costs: Callable[..., np.ndarray]
) -> None:
    """The distance is convex in the masses, and the score is its slope."""
    pool, target = problem(0)
    C = costs(pool, target)
    scores = score(fitted(target, pool, plain(epsilon=0.0), source_is_pool=False), pool)
    chosen = np.argsort(-scores, kind="stable")[:CHOSEN]
    slope = float(scores[chosen].mean())
    before = distance_after(chosen, C, 0.0)
    falls = {share: before - distance_after(chosen, C, share) for share in (1e-5, 1e-3, 0.02, 0.05, 0.2)}
    assert falls[1e-5] == pytest.approx(1e-5 * slope, rel=0.02)
    assert all(fall <= share * slope * 1.001 for share, fall in falls.items())
