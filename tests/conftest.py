"""An empty folder for every test that runs commands, and a small chain of real files to run them on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from workdir import Workdir, records, texts


@pytest.fixture
def work(tmp_path: Path) -> Workdir:
    """An empty folder."""
    return Workdir(tmp_path)


@pytest.fixture(scope="session")
def chain_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small run of the chain: every kind of file there is.

    pool.jsonl -> carried.jsonl.zst (embeddings) -> scored.jsonl.zst; pool.npy, target.npy -> target.npz; scores.npy
    """
    folder = tmp_path_factory.mktemp("chain")
    made = Workdir(folder)
    made.write("pool.jsonl", records(texts(300)))
    made.write("target.jsonl", records(texts(40, seed=1)[::5]))
    made.ok("ds-embed --dimension 64 pool.jsonl -o pool.npy")
    made.ok("ds-embed --dimension 64 target.jsonl -o target.npy")
    made.ok("ds-embed --dimension 64 pool.jsonl -o carried.jsonl.zst")
    made.ok("ds-target-stats --target target.npy pool.npy -o target.npz")
    made.ok("ds-score --target target.npz pool.npy -o scores.npy")
    made.ok("ds-score --target target.npz carried.jsonl.zst -o scored.jsonl.zst")
    return folder


@pytest.fixture
def chain(work: Workdir, chain_files: Path) -> Workdir:
    """A folder with a copy of those files."""
    for entry in chain_files.iterdir():
        shutil.copy(entry, work.path / entry.name)
    return work


@pytest.fixture(autouse=True)
def no_leftovers(tmp_path: Path) -> Iterator[None]:
    """No test may leave a temporary file beside an output: what a killed run left, the next one takes over."""
    yield
    assert not [path.name for path in tmp_path.rglob(".*.tmp")]
