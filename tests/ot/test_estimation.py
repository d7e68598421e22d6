"""How well a covariance is known: the rule against simulated rows."""

import numpy as np
import pytest

from gotd.methods.options import default_epsilon
from gotd.ot.estimation import sampling_spread
from gotd.ot.whitening import ridge


@pytest.mark.parametrize(("rows", "d"), [(100, 100), (1000, 100), (50, 200)])
def test_it_is_the_error_of_a_direction(rows: int, d: int) -> None:
    """Rows of unequal variances, Gaussian: E |S - Sigma|^2 = ((tr Sigma)^2 + |Sigma|^2) / n."""
    random, variances = np.random.default_rng(rows), np.geomspace(1.0, 30.0, d)
    errors = []
    for _ in range(20):
        x = random.normal(size=(rows, d)) * np.sqrt(variances)
        errors.append(np.square(x.T @ x / rows - np.diag(variances)).sum())
    found = np.sqrt(np.mean(errors) / d) / variances.mean()
    exact = sampling_spread(rows, d) * np.sqrt(1 + np.square(variances).sum() / variances.sum() ** 2)
    assert found == pytest.approx(exact, rel=0.05)
    assert found == pytest.approx(sampling_spread(rows, d), rel=0.1)


def test_the_bulk_of_noise_is_as_wide_as_two_ridges() -> None:
    """Marchenko and Pastur: eigenvalues of white noise lie between (1 - s)^2 and (1 + s)^2, 4 s apart."""
    x = np.random.default_rng(0).normal(size=(4000, 400))
    values = np.linalg.eigvalsh(x.T @ x / 4000)
    assert np.ptp(values) == pytest.approx(2 * ridge(4000, 400), rel=0.05)


def test_fewer_rows_whiten_less_and_blur_less() -> None:
    ridges = [ridge(rows, 1024) for rows in (1000, 3000, 10_000, 60_000, 262_144)]
    assert ridges == sorted(ridges, reverse=True)
    assert ridge(1024, 1024) == 2.0
    assert default_epsilon(True, 1024, 1024) == 1.0
    assert default_epsilon(True, 10**12, 1024) == pytest.approx(2.0, abs=1e-3)
    assert default_epsilon(False, 1000, 1024) == 0.05
