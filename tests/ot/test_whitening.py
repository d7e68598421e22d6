"""Whitening against its definition; and how well a covariance is known, the rule against simulated rows."""

import numpy as np
import pytest
import torch

from gotd.methods.options import default_epsilon
from gotd.ot.cost import Cost, moments
from gotd.ot.whitening import ridge, sampling_spread, whitening


def spread(d: int = 7, n: int = 400, seed: int = 0) -> np.ndarray:
    """Rows that vary more along some directions than along others, none of them an axis."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) * np.geomspace(0.1, 10, d) @ rng.normal(size=(d, d)) + 3.0).astype("f4")


def test_it_turns_the_covariance_and_its_ridge_into_a_multiple_of_the_identity() -> None:
    covariance = np.cov(spread().T, bias=True)
    ridged = covariance + ridge(400, 7) * np.trace(covariance) / 7 * np.eye(7)
    found = whitening(torch.from_numpy(covariance), 400).double().numpy()
    assert found == pytest.approx(found.T, abs=1e-6)
    assert found @ ridged @ found == pytest.approx(np.linalg.eigvalsh(ridged)[0] * np.eye(7), rel=1e-4, abs=1e-5)
    assert np.linalg.eigvalsh(found)[-1] == pytest.approx(1.0, rel=1e-5)


def test_axes_that_vary_apart_are_each_divided_by_their_own_deviation() -> None:
    variances = np.array([1.0, 4.0, 9.0, 2.0])
    found = whitening(torch.from_numpy(np.diag(variances)), 50).numpy()
    ridged = variances + ridge(50, 4) * 4.0
    assert found == pytest.approx(np.diag(np.sqrt(ridged[0] / ridged)), abs=1e-6)


def test_where_nothing_varies_nothing_is_changed() -> None:
    assert (whitening(torch.zeros(3, 3, dtype=torch.float64), 10).numpy() == np.eye(3)).all()


def test_squared_distances_are_those_of_mahalanobis_with_the_ridge() -> None:
    rows = spread()
    covariance = moments(Cost("sqeuclidean"), torch.from_numpy(rows), torch.full((400,), 1 / 400).double()).covariance
    points = Cost("sqeuclidean", None, False, whitening(covariance, 400)).points(torch.from_numpy(rows)).numpy()
    ridged = covariance.numpy() + ridge(400, 7) * np.trace(covariance.numpy()) / 7 * np.eye(7)
    offset = (rows[1:] - rows[0]).astype("f8")
    expected = (offset @ np.linalg.inv(ridged) * offset).sum(axis=1)
    found = np.square(points[1:] - points[0]).sum(axis=1)
    assert found / expected == pytest.approx(np.linalg.eigvalsh(ridged)[0] * np.ones(399), rel=1e-3)


def test_where_torchs_solver_gives_up_another_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """MKL's, with one thread, on some covariances of three texts."""
    rows = np.random.default_rng(0).normal(size=(3, 40))
    covariance = torch.from_numpy(np.cov(rows.T))
    expected = whitening(covariance, 3)

    def gives_up(_: torch.Tensor) -> None:
        raise torch.linalg.LinAlgError("the algorithm failed to converge")

    monkeypatch.setattr(torch.linalg, "eigh", gives_up)
    assert whitening(covariance, 3).numpy() == pytest.approx(expected.numpy(), abs=1e-6)


@pytest.mark.parametrize(("rows", "d"), [(100, 100), (1000, 100), (50, 200)])
def test_the_spread_is_the_error_of_a_direction(rows: int, d: int) -> None:
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
