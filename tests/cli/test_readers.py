"""What we write is read by the tools people have, from files and from what went through a pipe."""

import io

import numpy as np
import pytest
import zstandard

from workdir import Workdir

MADE = ["scored.jsonl.zst", "piped.jsonl.zst"]


@pytest.fixture
def made(chain: Workdir) -> Workdir:
    """A sealed file, and the announced form of it that travels in a pipe."""
    chain.ok("ds-score --target target.npz < carried.jsonl.zst | cat > piped.jsonl.zst")
    assert chain.read("piped.jsonl.zst") != chain.read("scored.jsonl.zst")
    return chain


@pytest.mark.parametrize("name", MADE)
def test_zstdcat_and_jq(made: Workdir, name: str) -> None:
    assert made.ok(f"zstdcat {name} | jq -r .id | tail -1").out == b"d299\n"
    assert made.ok(f"zstd -t {name}").status == 0


@pytest.mark.parametrize("name", MADE)
def test_zstandard_to_the_last_line(made: Workdir, name: str) -> None:
    with zstandard.open(made.path / name, "rt", encoding="utf-8") as lines:
        assert sum(1 for _ in lines) == 300


@pytest.mark.parametrize("name", MADE)
def test_pandas(made: Workdir, name: str) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_json(made.path / name, lines=True, compression="zstd")
    assert list(frame["id"]) == [f"d{i}" for i in range(300)]
    assert frame["gotd_score"].notna().all()


@pytest.mark.parametrize("name", MADE)
def test_datasets(made: Workdir, name: str) -> None:
    datasets = pytest.importorskip("datasets")
    path, cache = str(made.path / name), str(made.path / "cache")
    rows = datasets.load_dataset("json", data_files=path, split="train", cache_dir=cache)
    assert rows["id"] == [f"d{i}" for i in range(300)]


def test_numpy_loads_vectors_scores_and_targets(made: Workdir) -> None:
    assert np.load(made.path / "pool.npy", allow_pickle=False).shape == (300, 64)
    assert np.load(made.path / "scores.npy", allow_pickle=False).dtype == np.float32
    with np.load(made.path / "target.npz", allow_pickle=False) as target:
        assert target["potentials"].shape == target["weights"].shape


def test_scores_in_records_are_the_scores_in_the_array(made: Workdir) -> None:
    inside = made.ok("zstdcat scored.jsonl.zst | jq .gotd_score").out
    assert np.array_equal(np.loadtxt(io.BytesIO(inside), dtype=np.float32), np.load(made.path / "scores.npy"))


def test_gzip_and_plain_outputs_by_name(made: Workdir) -> None:
    made.ok("ds-topk -k 5 scored.jsonl.zst -o best.jsonl.gz && ds-topk -k 5 scored.jsonl.zst -o best.jsonl")
    assert made.ok("zcat best.jsonl.gz").out == made.read("best.jsonl")
    assert made.ok("wc -l < best.jsonl").out.strip() == b"5"
