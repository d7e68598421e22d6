"""Warnings about eps, and the measures they rest on."""

import numpy as np
import pytest

from gotd.ot.diagnosis import epsilon_warnings, top_overlap, weighted_correlation


def test_a_score_that_is_the_mean_distance_is_said_to_be_so() -> None:
    (warning,) = epsilon_warnings(4.0, 0.8, correlation=0.9995, largest_cost=2.0, usual=0.05)
    assert warning.startswith("epsilon 4 is so large")
    assert warning.endswith("try 0.05")


def test_an_epsilon_near_rounding_is_told_a_better_one() -> None:
    (warning,) = epsilon_warnings(1e-5, 2e-6, correlation=0.5, largest_cost=2.0, usual=0.05)
    better = float(warning.split("try ")[1].split(",")[0])
    assert epsilon_warnings(better * 1.1, 2e-6 * better / 1e-5 * 1.1, 0.5, 2.0, 0.05) == []


def test_the_exact_solver_and_a_sensible_epsilon_draw_no_warning() -> None:
    assert epsilon_warnings(0.0, 0.0, correlation=1.0, largest_cost=2.0, usual=0.05) == []
    assert epsilon_warnings(0.05, 0.01, correlation=0.95, largest_cost=2.0, usual=0.05) == []


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


def test_overlap_counts_the_lowest_potentials_that_both_choose() -> None:
    f = np.arange(200.0)
    other = f.copy()
    other[[0, 150]] = other[[150, 0]]
    assert top_overlap(f, f) == 1.0
    assert top_overlap(f, other, 0.01) == 0.5
    assert top_overlap(f, -f) == 0.0
    assert top_overlap(f[:3], f[:3]) == 1.0
