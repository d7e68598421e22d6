"""round-robin against one that is played document by document."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gotd.errors import GotdError
from gotd.methods import round_robin
from gotd.methods.turns import Entries, NearestLists, Turns

Ruled = Callable[..., Any]


def played(costs: np.ndarray, turns: int) -> list[int]:
    """Each column in turn takes its nearest row that is not taken. Shapes: costs (n, m) -> up to `turns` rows."""
    left = costs.copy()
    taken: list[int] = []
    while len(taken) < min(turns, len(costs)):
        row = int(left[:, len(taken) % costs.shape[1]].argmin())
        taken.append(row)
        left[row] = np.inf
    return taken


def problem(n: int = 900, m: int = 17, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the pool and of the target; half the target rows are close together and share their neighbours."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(m, 6))
    y[m // 2 :] = y[0] + 0.1 * y[m // 2 :]
    return rng.normal(size=(n, 6)).astype("f4"), y.astype("f4")


@pytest.mark.parametrize("rounds", [1, 4, 20])
def test_the_best_by_score_are_those_taken_in_their_order(rounds: int, ruled: Ruled) -> None:
    x, y = problem()
    got = ruled("round-robin", y, x, {"rounds": rounds}, cut=100)
    costs = np.square(x[:, None].astype("f8") - y[None]).sum(axis=2)
    taken = played(costs, rounds * len(y))
    scores = got.scores(x)
    assert got.fitted.summary["rounds"] == rounds
    assert np.argsort(-scores, kind="stable")[: len(taken)].tolist() == taken
    assert scores[taken].tolist() == [-turn for turn in range(len(taken))]
    # The others by their nearest target row.
    others = np.setdiff1d(np.arange(len(x)), taken)
    nearest = costs[others].min(axis=1)
    assert (np.diff(scores[others][np.argsort(nearest)]) <= 0).all()
    assert scores[others].max() <= -len(taken)


def test_a_pool_that_is_taken_whole(ruled: Ruled) -> None:
    x, y = problem(n=100)
    got = ruled("round-robin", y, x, {"rounds": 50})
    taken = played(np.square(x[:, None].astype("f8") - y[None]).sum(axis=2), 850)
    assert np.argsort(-got.scores(x), kind="stable").tolist() == taken
    assert got.fitted.summary["taken"] == 100
    assert got.fitted.summary["warnings"] == []


def test_centred_cosines(ruled: Ruled) -> None:
    x, y = problem()
    x += 0.5
    got = ruled("round-robin", y, x, {"rounds": 3, "metric": "cosine", "center": True})
    p, q = (z - x.mean(axis=0, dtype="f8") for z in (x, y))
    p, q = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (p, q))
    assert np.argsort(-got.scores(x), kind="stable")[:51].tolist() == played(1 - p @ q.T, 51)


def test_copies_are_taken_together_and_cost_no_turn(ruled: Ruled) -> None:
    x, y = problem()
    copies = np.concatenate([x, x[::2], x[::3]])
    once, thrice = ruled("round-robin", y, x, {"rounds": 5}), ruled("round-robin", y, copies, {"rounds": 5})
    # The mean of the pool moves with the copies, so float32 rounds otherwise; the turns are the same.
    assert (once.scores(x)[once.scores(x) > -85] == thrice.scores(copies)[:900][once.scores(x) > -85]).all()
    assert (thrice.scores(copies)[900:1350] == thrice.scores(copies)[:900:2]).all()


def test_equal_distances_are_settled_by_content(ruled: Ruled) -> None:
    """Corners of a cube are equally far from its middle: still one document a turn."""
    x = np.array(np.meshgrid(*[[-1.0, 1.0]] * 5)).reshape(5, -1).T.astype("f4")
    got = ruled("round-robin", np.zeros((2, 5), "f4"), x, {"rounds": 8, "metric": "cosine"})
    scores = got.scores(x)
    assert sorted(-scores[scores > -16]) == list(range(16))


def test_target_rows_that_share_all_their_neighbours(ruled: Ruled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_robin, "_HELD", 0)  # 32 documents are held, and 200 turns want them
    x, y = problem(n=2000)
    same = np.repeat(y[:1], 100, axis=0)
    got = ruled("round-robin", same, x, {"rounds": 2})
    taken = played(np.square(x[:, None].astype("f8") - same[None]).sum(axis=2), 200)
    assert np.argsort(-got.scores(x), kind="stable")[:200].tolist() == taken
    assert got.fitted.summary["readings"] == 7
    assert got.fitted.summary["warnings"] == []
    monkeypatch.setattr(round_robin, "MOST_READINGS", 5)
    got = ruled("round-robin", same, x, {"rounds": 2})
    assert np.argsort(-got.scores(x), kind="stable")[:100].tolist() == taken[:100]
    assert got.fitted.summary["rounds"] == 1
    assert "1 rounds of 2" in got.fitted.summary["warnings"][0]


def test_more_turns_than_float32_counts(ruled: Ruled) -> None:
    x, y = problem()
    with pytest.raises(GotdError, match="at most 8388608 turns"):
        ruled("round-robin", y, x, {"rounds": 1_000_000})


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 40), st.integers(1, 6))
def test_turns_on_any_orders(seed: int, m: int, n: int, rounds: int) -> None:
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (m, 1)), axis=1)
    ranks = np.argsort(orders, axis=1).T.astype(float)
    game, over = Turns(m, rounds), False
    while not over:  # three documents held of those that are left
        left = [[item for item in order.tolist() if item not in game.taken][:3] for order in orders]
        over = game.play([Entries(np.zeros(0), np.zeros(len(one)), np.array(one, dtype="u8")) for one in left], 3)
    found = game.thresholds()
    in_order = found["keys"].T[np.isfinite(found["distances"].T)].tolist()
    assert in_order == played(ranks, rounds * m)


def test_lists_hold_the_nearest_whatever_comes_when() -> None:
    rng = np.random.default_rng(0)
    distances = rng.integers(0, 30, size=(500, 4)).astype("f4")  # many ties
    keys = rng.permutation(500).astype("u8")
    expected = [sorted(zip(distances[:, j].tolist(), keys.tolist(), strict=True))[:9] for j in range(4)]
    lists = NearestLists(4, 9)
    for start in list(range(0, 500, 50)) * 2:  # everything twice
        row, j = np.nonzero(distances[start : start + 50] <= lists.limits)
        lists.add(Entries(j.astype("i4"), distances[start + row, j], keys[start + row]))
        if start % 100:
            lists.lists()  # sorts them in, so that the limits bite
    found = [list(zip(one.distance.tolist(), one.key.tolist(), strict=True)) for one in lists.lists()]
    assert found == expected
