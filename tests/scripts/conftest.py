"""Slurm for the tests of scripts/slurm, and real text."""

import importlib.util
import os
import runpy
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import cluster
from workdir import Workdir, records, texts

SCRIPTS = Path(__file__).parents[2] / "scripts"
STUDY = SCRIPTS / "experiments"
SETTINGS = """
POOL=pool
TARGET=target.jsonl
K=5
WORK=work
PARTITION=cpu
GPU_PARTITION=gpu
ACCOUNT=us
EMBED_GPUS=1
TASKS=4
AT_ONCE=2
TRAIN="--init config.json --objective clm"
TRAIN_NODES=2 TRAIN_GPUS=8
SBATCH="--mail-type=FAIL --comment='some text'"
SETUP='echo "a b" $HOME; true'
"""


@pytest.fixture
def study_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The modules of scripts/experiments can be imported, and are forgotten again: others have the same names."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(STUDY))
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(STUDY)):
            del sys.modules[name]


def module(name: str) -> ModuleType:
    """A module of scripts/experiments."""
    return __import__(name)


@pytest.fixture(scope="session")
def slurm() -> Iterator[dict[str, str]]:
    """The environment of a Slurm that runs on this machine."""
    if missing := cluster.missing_programs():
        message = f"no {', '.join(missing)} here; apt-get install slurm-wlm munge"
        if os.environ.get("GOTD_TESTS_NEED_SLURM"):
            pytest.fail(message)
        pytest.skip(message)
    with cluster.running(cluster.kernel_limits_memory()) as environment:
        yield environment


@pytest.fixture(scope="session")
def docstrings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of real text: docstrings in pool/0.jsonl to pool/7.jsonl, and of one package in target.jsonl.

    The demo's own reader, on less than all there is.
    """
    folder = tmp_path_factory.mktemp("docstrings")
    (folder / "pool").mkdir()
    pool = runpy.run_path(str(SCRIPTS / "demo/pool.py"))
    library = Path(sysconfig.get_path("stdlib"))
    modules = [path for part in ("*.py", "asyncio/*.py", "email/*.py", "multiprocessing/*.py")
               for path in sorted(library.glob(part))]
    networkx = Path(importlib.util.find_spec("networkx").origin).parent
    texts = {name: [text for path in paths for text in pool["docstrings"](path, path.name, name)]
             for name, paths in [("stdlib", modules), ("networkx", sorted(networkx.rglob("a*.py")))]}
    for number in range(8):
        pool["write"](folder / f"pool/{number}.jsonl", (texts["stdlib"] + texts["networkx"])[number::8][:300])
    pool["write"](folder / "target.jsonl", texts["networkx"][:200])
    return folder


@pytest.fixture
def cluster_work(work: Workdir, slurm: dict[str, str], docstrings: Path) -> Workdir:
    """A folder where Slurm's commands and submit work, and settings for that text."""
    work.environment |= slurm
    work.environment["PATH"] += f":{SCRIPTS / 'slurm'}"
    work.write("settings.sh", f"""
POOL={docstrings}/pool
TARGET={docstrings}/target.jsonl
K=50
WORK=work
NAME=networkx
STATS="--method mean"
SETUP='sleep "${{PAUSE:-0}}"'
EMBED_CPUS=1 STATS_CPUS=2 SCORE_CPUS=1
CHUNK_MEMORY=1G EMBED_MEMORY=1G STATS_MEMORY=2G SCORE_MEMORY=1G TOPK_MEMORY=1G
""".encode())
    return work


@pytest.fixture
def ready(work: Workdir) -> Workdir:
    """A pool, a target, settings; sbatch and its kin only note what they are asked."""
    (work.path / "pool").mkdir()
    for name in "ab":
        work.write(f"pool/{name}.jsonl", records(texts(3)))
    work.write("target.jsonl", records(texts(3)))
    work.write("s.sh", SETTINGS.encode())
    (work.path / "bin").mkdir()
    script = '#!/bin/sh\necho "$(basename $0) $*" >> calls\n[ "$(basename $0)" != sbatch ] || grep -c ^sbatch calls\n'
    for name in ("sbatch", "scancel", "squeue", "sacct"):
        work.write(f"bin/{name}", script.encode())
        (work.path / "bin" / name).chmod(0o755)
    work.environment["PATH"] = f"{work.path}/bin:{work.environment['PATH']}:{SCRIPTS / 'slurm'}"
    return work
