"""The plan's shares and their column sums, against numbers computed from the target file's arrays alone."""

import json

import numpy as np
import pytest

from workdir import Workdir

LINE = "ds-report --choice chosen.jsonl.zst --target target.npz --target-texts target.jsonl"


def shares(chain: Workdir, choice: str) -> np.ndarray:
    """p(j | x) of every chosen document by the formula, in float64, from arrays alone. Shapes: -> (k, m)."""
    with np.load(chain.path / "target.npz") as file:
        held = {name: file[name] for name in file.files}
    run = json.loads(held["run"].tobytes())
    x = np.load(chain.path / choice).astype(np.float64) - held["centre"]
    x = x @ held["whitening"].astype(np.float64) if "whitening" in held else x
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    cost = ((x[:, None, :] - held["points"].astype(np.float64)[None]) ** 2).sum(axis=2)
    logits = (held["potentials"] - cost) / run["epsilon"] + np.log(held["weights"])
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.fixture
def chosen(chain: Workdir) -> Workdir:
    """A choice of 40 records, and its vectors, at an epsilon where the potentials differ by half of it."""
    chain.ok("ds-target-stats --epsilon 0.2 --target target.npy pool.npy -o target.npz")
    chain.ok("ds-score --target target.npz pool.npy -o scores.npy")
    chain.ok("ds-topk -k 40 --scores scores.npy pool.jsonl -o chosen.jsonl.zst")
    chain.ok("ds-embed --dimension 64 chosen.jsonl.zst -o chosen.npy")
    return chain


def test_the_reasons_are_the_plans_shares(chosen: Workdir) -> None:
    report = json.loads(chosen.ok(f"{LINE} -o -").out)
    wanted = shares(chosen, "chosen.npy")
    texts = [json.loads(line)["text"] for line in chosen.read("target.jsonl").splitlines()]
    assert len(report["examples"]) == 30
    for example in report["examples"]:
        row = wanted[example["rank"] - 1]
        order = np.argsort(-row)[:3]
        assert [why["share"] for why in example["why"]] == pytest.approx(row[order], rel=1e-4, abs=1e-9)
        assert [texts[j][:300] for j in order] == [why["text"] for why in example["why"]]


def test_the_shares_are_those_of_pots_plan(chosen: Workdir) -> None:
    import ot

    with np.load(chosen.path / "target.npz") as file:
        points, weights, centre = file["points"].astype(np.float64), file["weights"], file["centre"]
        whitening = file["whitening"] if "whitening" in file.files else np.eye(len(centre))
        epsilon = json.loads(file["run"].tobytes())["epsilon"]
    pool = np.unique(np.load(chosen.path / "pool.npy").astype(np.float64), axis=0)
    pool = (pool - centre) @ whitening
    pool /= np.linalg.norm(pool, axis=1, keepdims=True)
    cost = ot.dist(pool, points)
    plan = ot.sinkhorn(np.full(len(pool), 1.0 / len(pool)), weights, cost, epsilon, method="sinkhorn_log",
                       stopThr=1e-12, numItermax=20_000)
    plan /= plan.sum(axis=1, keepdims=True)
    x = (np.load(chosen.path / "chosen.npy").astype(np.float64) - centre) @ whitening
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    report = json.loads(chosen.ok(f"{LINE} --show 10 -o -").out)
    best = [example for example in report["examples"] if example["kind"] == "best"]
    assert len(best) == 10
    for example in best:
        row = plan[((pool - x[example["rank"] - 1]) ** 2).sum(axis=1).argmin()]
        assert [why["share"] for why in example["why"]] == pytest.approx(np.sort(row)[::-1][:3], rel=0.01, abs=1e-4)


def test_coverage_sums_to_the_choices_mass(chosen: Workdir) -> None:
    report = json.loads(chosen.ok(f"{LINE} --vectors chosen.npy --target-vectors target.npy -o -").out)
    coverage, given = report["coverage"], shares(chosen, "chosen.npy").sum(axis=0) / 40
    with np.load(chosen.path / "target.npz") as file:
        weights = file["weights"]
    assert coverage["mass"] == pytest.approx(1.0)
    assert coverage["curve"][0] == [0.0, 0.0]
    assert coverage["curve"][-1] == pytest.approx([1.0, 1.0])
    assert coverage["overlap"] == pytest.approx(np.minimum(given, weights).sum(), rel=1e-5)
    assert coverage["hardly"] == pytest.approx(weights[given < 0.1 * weights].sum(), abs=1e-9)
    least = np.argsort(given / weights)[:10]
    assert [each["given"] for each in report["unserved"]] == pytest.approx(given[least], rel=1e-3, abs=1e-9)


@pytest.mark.heavy
@pytest.mark.parametrize("method", ["nearest", "mean", "classifier", "dsir", "random", "round-robin"])
def test_other_rules_name_the_nearest_texts(chain: Workdir, method: str) -> None:
    files = ("target.jsonl", "pool.jsonl") if method == "dsir" else ("target.npy", "pool.npy")
    chain.ok(f"ds-target-stats --method {method} --target {files[0]} {files[1]} -o target.npz")
    chain.ok(f"ds-score --target target.npz {files[1]} -o other.npy")
    chain.ok("ds-topk -k 40 --scores other.npy pool.jsonl -o chosen.jsonl.zst")
    report = json.loads(chain.ok(f"{LINE} --show 3 -o -").out)
    for example in report["examples"]:
        costs = [why["cost"] for why in example["why"]]
        assert len(costs) == 3
        assert costs == sorted(costs)
        assert all(why["share"] is None for why in example["why"])
        # Texts keep to one of five subjects, and those of the target to the first: words in common are nearest.
    assert not report["coverage"]["is_plan"]
