"""Warnings about eps, and the measures they rest on."""

import numpy as np
import pytest

from gotd.ot.diagnosis import expected_overlap, mean_cost_warning, rounding_warning, weighted_correlation


def test_the_eps_advised_is_the_first_at_which_scores_are_no_mean_distance() -> None:
    warning = mean_cost_warning(4.0, 0.9995, lambda eps: 0.999 if eps > 0.7 else 0.9)
    assert warning is not None
    assert warning.startswith("epsilon 4 is so large")
    assert warning.endswith("try 0.5")


def test_a_target_of_one_kind_and_a_sensible_epsilon_draw_no_warning() -> None:
    assert mean_cost_warning(4.0, 0.9995, lambda _: 0.9995) is None
    assert mean_cost_warning(0.05, 0.95, lambda _: 0.9) is None
    assert rounding_warning(0.05, 0.01, 2.0, True) is None


@pytest.mark.parametrize(("relative", "epsilon"), [(1e-5, 2e-6), (0.05, 1.2e-5), (2.0, 1.1e-5)])
def test_an_epsilon_near_rounding_is_told_one_that_draws_no_warning(relative: float, epsilon: float) -> None:
    warning = rounding_warning(relative, epsilon, 2.0, True)
    assert warning is not None
    better = float(warning.split(": try ")[1])
    assert better > relative
    assert rounding_warning(better, epsilon * better / relative, 2.0, True) is None


def test_correlation_under_masses_is_that_of_rows_repeated() -> None:
    rng = np.random.default_rng(0)
    u, v, times = rng.normal(size=20), rng.normal(size=20), rng.integers(0, 4, 20)
    expected = np.corrcoef(np.repeat(u, times), np.repeat(v, times))[0, 1]
    assert weighted_correlation(u, v, times / times.sum()) == pytest.approx(expected)


def test_what_does_not_vary_correlates_with_nothing() -> None:
    masses, values = np.full(150, 1 / 150), np.arange(150, dtype="f4")
    for value in (0.0, 0.1, 2.47):
        constant = np.full(150, value, dtype="f4")
        assert weighted_correlation(constant, values, masses) == 0.0
        assert weighted_correlation(constant, constant * 3, masses) == 0.0


@pytest.mark.long
@pytest.mark.parametrize(("fraction", "size"), [(0.01, 0.03), (0.1, 0.1), (0.002, 0.02)])
def test_the_overlap_expected_is_that_of_two_noisy_choices(fraction: float, size: float) -> None:
    """Potentials off by a smooth function of their rows, as those of a sample are."""
    rng, n = np.random.default_rng(0), 20_000
    x = rng.normal(size=(n, 6))
    f = np.linalg.norm(x, axis=1)
    waves = np.cos(x @ rng.normal(size=(6, 60)) + rng.uniform(0, 6, 60)) / np.sqrt(30)
    count, measured, expected = int(fraction * n), [], []
    for _ in range(12):
        one, other, third, fourth = (size * waves @ rng.normal(size=60) for _ in range(4))
        best = [set(np.argsort(f + each)[:count]) for each in (one, other)]
        measured.append(len(best[0] & best[1]) / count)
        expected.append(expected_overlap(f + one, (third - fourth).__getitem__, np.full(n, 1 / n), fraction))
    assert np.mean(expected) == pytest.approx(np.mean(measured), abs=0.03)


def test_no_change_or_all_chosen_overlaps_wholly() -> None:
    f, masses = np.arange(200.0), np.full(200, 1 / 200)
    assert expected_overlap(f, np.zeros(200).__getitem__, masses, 0.1) == 1.0
    assert expected_overlap(f, np.full(200, 7.0).__getitem__, masses, 0.1) == pytest.approx(1.0)
    assert expected_overlap(f, np.random.default_rng(0).normal(size=200).__getitem__, masses, 1.0) == 1.0
