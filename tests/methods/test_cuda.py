"""A GPU gives what the formulas give; where there is none, nothing here runs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import gotd.ot.transform
from fitting import CPU, pieces, plain, problem_of, scorer_of
from gotd.methods.base import Fitted
from gotd.methods.got import Got, GotOptions
from gotd.ot.blocks import GPU_BLOCK_ROWS, Workers
from gotd.ot.cost import Cost, Target
from gotd.ot.source import Part
from gotd.ot.transform import transform
from gotd.selection import resolve_vectors

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
CUDA = torch.device("cuda", 0)


def clustered(n: int, d: int, seed: int) -> np.ndarray:
    """Rows of unit length in twelve clusters, the same for all seeds. Shapes: -> float16 (n, d)."""
    centres = np.random.default_rng(0).normal(size=(12, d))
    random = np.random.default_rng(seed)
    rows = centres[random.integers(12, size=n)] + random.normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def fitted(device: torch.device, options: GotOptions, rows: np.ndarray, target: np.ndarray) -> Fitted:
    part = Part("pool", 1.0, pieces(rows, 5000))
    return Got(options).fit(problem_of(target, [part], Workers(4, device), device=device))


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("eps", [0.0, 0.01, 0.3])
@pytest.mark.parametrize(("m", "d"), [(1000, 384), (70, 100), (3, 7)])
def test_the_transform_is_the_formula(monkeypatch: pytest.MonkeyPatch, plain: bool, eps: float, m: int, d: int) -> None:
    if plain:
        monkeypatch.setattr(gotd.ot.transform, "_fused", lambda _: None)
    random = np.random.default_rng(1)
    x, y = (torch.from_numpy(clustered(n, d, seed).astype("f4")) for n, seed in ((1000, 1), (m, 2)))
    b, g = torch.from_numpy(random.dirichlet(np.ones(m))), torch.from_numpy(0.1 * random.normal(size=m))
    b[0] = 0.0
    logits = g - torch.cdist(x.double(), y.double()).square()
    expected = -logits[:, 1:].amax(1) if eps == 0.0 else -eps * torch.logsumexp(b.log() + logits / eps, 1)
    kernel = transform(Cost("sqeuclidean"), Target(y.to(CUDA), b.to(CUDA)), eps, g.to(CUDA))
    assert (kernel.potential(x.to(CUDA)).cpu() - expected).abs().max() < 2e-6


def test_the_fused_kernel_is_in_use() -> None:
    pytest.importorskip("triton")
    if torch.cuda.get_device_capability(CUDA) >= (8, 0):
        assert gotd.ot.transform._fused(CUDA) is not None


@pytest.mark.parametrize("options", [
    plain(pool_sample=8192), plain(pool_sample=4096, passes=40), plain(epsilon=2.0, whiten=True), plain(center=True),
    plain(metric="cosine", epsilon=0.2), plain(max_target=64),
])  # fmt: skip
def test_a_gpu_fits_and_scores_as_a_cpu_does(options: GotOptions) -> None:
    rows, target = clustered(50_000, 96, 3), clustered(300, 96, 4)[::2]
    options = replace(options, tol=1e-5, max_iterations=3000)
    scores = []
    for device in (CPU, CUDA):
        found = fitted(device, options, rows, target)
        assert found.summary["converged"]
        assert found.summary["marginal_error"] < 1e-5
        scores.append(Got.scorer(found.arrays, found.summary, Workers(4, device), device).scores(rows))
    assert np.abs(scores[0] - scores[1]).max() < 1e-3 * np.std(scores[0])
    assert np.corrcoef(*scores)[0, 1] > 0.999999


def test_a_row_has_the_same_score_wherever_it_stands() -> None:
    rows, target = clustered(3 * GPU_BLOCK_ROWS + 77, 64, 5), clustered(100, 64, 6)
    found = fitted(CUDA, plain(pool_sample=4096), rows[:20_000], target)
    scorer = Got.scorer(found.arrays, found.summary, Workers(4, CUDA), CUDA)
    whole = scorer.scores(rows)
    cut = np.concatenate([scorer.scores(piece) for piece in pieces(rows, 9999)()])
    assert whole.tobytes() == cut.tobytes() == scorer.scores(rows).tobytes()


OPTIONS = {"mean": {}, "nearest": {}, "round-robin": {"rounds": 20}}


@pytest.mark.parametrize("name", OPTIONS)
def test_other_rules_too(name: str) -> None:
    rows, target, rule = clustered(30_000, 64, 7), clustered(60, 64, 8), resolve_vectors(name, OPTIONS[name], None)
    scores = []
    for device in (CPU, CUDA):
        workers, part = Workers(4, device), Part("pool", 1.0, pieces(rows, 7000))
        found = rule.fit(problem_of(target, [part], workers, device=device))
        scores.append(scorer_of(rule, found, workers, device).scores(rows))
    best = [set(np.argsort(-each, kind="stable")[:300].tolist()) for each in scores]
    assert len(best[0] & best[1]) > 297  # equal but for distances that round differently
