"""The finite step as `got` fits it: from a sample, from passes, from a source beside the pool; what it is worth."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from fitting import CPU, plain, problem_of
from gotd.methods.base import Fitted
from gotd.methods.finite_step import advice
from gotd.methods.got import Got, GotOptions, StepSummary
from gotd.ot.blocks import Workers
from gotd.ot.source import Part

SETTINGS = plain(epsilon=0.1, choose=0.02, share=0.7)


def part(name: str, rows: np.ndarray, weights: np.ndarray | None = None) -> Part:
    def cut(array: np.ndarray) -> Callable[[], Iterator[np.ndarray]]:
        return lambda: (array[i : i + 1000] for i in range(0, len(array), 1000))

    return Part(name, 1.0, cut(rows), None if weights is None else cut(weights))


def two_kinds(n: int = 20_000, m: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A pool with a twentieth of each kind of target text, and the target, half and half."""
    r = np.random.default_rng(3)
    x, y = 0.4 * r.normal(size=(n, 4)), 0.4 * r.normal(size=(m, 4))
    kind = np.eye(4)[0] * 3
    x[::20] += kind
    x[10::20] -= 1.05 * kind
    y[::2] += kind
    y[1::2] -= 1.05 * kind
    return x.astype("f4"), y.astype("f4")


@pytest.fixture(scope="module")
def took(workers: Workers) -> Callable[..., tuple[Fitted, np.ndarray]]:
    """The fit, and the best 2 % of the pool by it, as rows."""

    def of(x: np.ndarray, y: np.ndarray, options: GotOptions, *, parts: list[Part] | None = None,
           ranked: Part | None = None) -> tuple[Fitted, np.ndarray]:
        source = parts or [part("pool", x)]
        fitted = Got(options).fit(problem_of(y, source, workers, source_is_pool=parts is None, ranked=ranked))
        scores = Got.scorer(fitted.arrays, fitted.summary, workers, CPU).scores(x)
        return fitted, np.argsort(-scores, kind="stable")[: len(x) // 50]

    return of


def shares(best: np.ndarray) -> list[float]:
    return [float(np.mean(best % 20 == start)) for start in (0, 10)]


Took = Callable[..., tuple[Fitted, np.ndarray]]


@pytest.mark.heavy
@pytest.mark.long
def test_a_sample_with_drawn_candidates_chooses_what_the_whole_pool_does(took: Took) -> None:
    x, y = two_kinds()
    whole, best = took(x, y, SETTINGS)
    assert whole.summary["candidate_rows"] == whole.summary["sample_rows"] == 20_000
    some, drawn = took(x, y, replace(SETTINGS, pool_sample=4000))
    assert some.summary["sample_rows"] == 4000
    assert some.summary["candidate_rows"] == 20_000
    assert min(shares(best)) > 0.45
    assert min(shares(drawn)) > 0.42
    assert len(np.intersect1d(best, drawn)) > 0.85 * len(best)
    assert some.summary["distance_bound"] == pytest.approx(whole.summary["distance_bound"], rel=0.05)
    assert min(shares(took(x, y, replace(SETTINGS, share=None))[1])) < 0.1


@pytest.mark.heavy
@pytest.mark.long
def test_passes_bring_a_sample_nearer_to_the_whole_pool(took: Took) -> None:
    x, y = two_kinds()
    whole, best = took(x, y, SETTINGS)
    passed, chosen = took(x, y, replace(SETTINGS, pool_sample=4000, passes=6, tol=1e-3))
    assert passed.summary["converged"]
    assert passed.summary["measured_on"].startswith("source")
    assert len(np.intersect1d(best, chosen)) > 0.97 * len(best)
    assert passed.summary["calibration_mean"] == pytest.approx(whole.summary["calibration_mean"], rel=0.01)


@pytest.mark.heavy
@pytest.mark.long
def test_a_source_beside_the_pool_is_what_the_rest_of_the_mass_is(took: Took) -> None:
    x, y = two_kinds(6000)
    settings = replace(SETTINGS, share=0.5)
    # The model has seen the first kind already, as often as the target asks for.
    seen = np.concatenate([x[::20], x[::20] + 0.01])
    _, best = took(x, y, settings, parts=[part("seen", seen)], ranked=part("pool", x))
    assert shares(best)[1] > 0.9
    _, best = took(x, y, settings)
    assert shares(best)[1] < 0.6


@pytest.mark.heavy
@pytest.mark.long
def test_weights_of_the_source_are_not_the_candidates(took: Took) -> None:
    x, y = two_kinds(6000)
    weights = np.where(np.arange(6000) % 20 == 0, 19.0, 1.0)  # half of the mass on one kind
    fitted, best = took(x, y, replace(SETTINGS, share=0.5), parts=[part("pool", x, weights)])
    assert fitted.summary["candidate_rows"] == 6000
    assert shares(best)[1] > 0.7
    assert shares(took(x, y, replace(SETTINGS, share=0.5))[1])[1] < 0.6


@pytest.mark.long
def test_the_calibration_is_the_mean_potential_of_the_source(took: Took, workers: Workers) -> None:
    x, y = two_kinds(3000)
    fitted, _ = took(x, y, SETTINGS)
    scores = Got.scorer(fitted.arrays, fitted.summary, workers, CPU).scores(x)
    assert abs(scores.mean()) < 1e-4 * scores.std()


@pytest.mark.long
def test_a_choice_of_everything_is_the_source(took: Took) -> None:
    x, y = two_kinds(2000)
    fitted, _ = took(x, y, replace(SETTINGS, choose=2000.0))
    assert fitted.summary["chosen_fraction"] == 1.0
    assert fitted.summary["distance_choice"] == pytest.approx(fitted.summary["distance"], rel=1e-3)
    assert fitted.summary["choice_in_common"] == pytest.approx(1.0)


def test_advice_weighs_what_the_first_order_misses() -> None:
    figures = StepSummary(method="got", metric="sqeuclidean", center=False, epsilon=0.1, calibration_mean=0.0,
                          calibration_scale=1.0, distance=6.0, choose=9, share=0.7, chosen_fraction=0.1,
                          candidate_rows=90,
                          distance_first_order=2.1, distance_choice=2.0, distance_bound=2.0, choice_in_common=0.9)
    assert "can be left out" in advice(figures)
    assert "matters" in advice(replace(figures, distance_first_order=2.3))
