"""The installed wheel on a real Slurm: what ds-pipeline submits finds its scripts and commands without a checkout."""

from pathlib import Path

import pytest

import fresh_install

pytestmark = pytest.mark.xdist_group("slurm")

SETTINGS = """
POOL={0}/pool
TARGET={0}/target.jsonl
K=50
WORK=work
NAME=networkx
TASKS=2
STATS="--method mean"
EMBED_CPUS=1 STATS_CPUS=2 SCORE_CPUS=1
CHUNK_MEMORY=1G EMBED_MEMORY=1G STATS_MEMORY=2G SCORE_MEMORY=1G TOPK_MEMORY=1G
"""


@pytest.mark.slow
def test_the_wheel_on_slurm(slurm: dict[str, str], docstrings: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    user = fresh_install.user_of(fresh_install.environment(tmp_path / "env"), tmp_path / "work")
    user.ok(f"pip install {fresh_install.build(tmp_path / 'built').wheel}")
    user.environment |= slurm
    user.write("settings.sh", SETTINGS.format(docstrings).encode())
    said = user.ok("ds-pipeline submit settings.sh --wait --every 0.5").out.decode()
    assert said.count("done\n") >= 6, said
    assert user.ok("zstdcat work/networkx/selected.jsonl.zst | wc -l").out.strip() == b"50"
    assert user.ok("ds-pipeline submit settings.sh --report").out.decode().splitlines()[-1].startswith("topk    done")
    user.ok(f"ds-pipeline run -s POOL={docstrings}/pool TARGET={docstrings}/target.jsonl K=50 NAME=networkx WORK=here "
            "STATS='--method mean' && cmp here/networkx/selected.jsonl.zst work/networkx/selected.jsonl.zst")
