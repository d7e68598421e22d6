"""The Snakefile on the demo's pool: the choice of make, killed and run again, and only what has changed."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from workdir import Workdir

ROOT = Path(__file__).parent.parent.parent
SNAKEMAKE = shutil.which("snakemake")
LINE = f"snakemake -s {ROOT}/scripts/snakemake/Snakefile -j2 --config pool=pool target=target.jsonl count=50 work=work"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(SNAKEMAKE is None, reason="no snakemake here")]


@pytest.fixture
def demo(work: Workdir) -> Workdir:
    """The demo's pool, in smaller shards."""
    pytest.importorskip("networkx", reason="the demo's target")
    work.ok("ds-pipeline demo . && for file in pool/*; do head -400 $file > part && mv part $file || exit 1; done")
    work.environment["XDG_CACHE_HOME"] = str(work.path / "cache")
    return work


def test_it_chooses_what_make_does(demo: Workdir) -> None:
    demo.ok(LINE)
    demo.ok("ds-pipeline run POOL=pool TARGET=target.jsonl K=50 WORK=made")
    assert demo.read("work/selected.jsonl.zst") == demo.read("made/target/selected.jsonl.zst")
    before = {name: (demo.path / name).stat().st_mtime_ns for name in demo.names() if name.startswith("work/")}
    assert "Nothing to be done" in demo.ok(LINE).err
    shard = next(iter(sorted((demo.path / "pool").iterdir())))
    shard.write_bytes(shard.read_bytes() + b'{"text": "a graph is a set of nodes and of edges between them"}\n')
    demo.ok(LINE)
    after = {name: (demo.path / name).stat().st_mtime_ns for name in before}
    changed = {name for name in before if before[name] != after[name] and (demo.path / name).is_file()}
    stem = shard.name.removesuffix(".jsonl")
    assert {f"work/chunks/{stem}.jsonl.zst", f"work/emb/{stem}.npy", "work/target.npz"} <= changed
    assert not [name for name in changed if name.startswith(("work/chunks", "work/emb")) and stem not in name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killed_the_same_line_goes_on_to_the_same_bytes(demo: Workdir, number: signal.Signals) -> None:
    demo.ok(LINE.replace("work=work", "work=whole"))
    process = subprocess.Popen(LINE.split(), cwd=demo.path, env=demo.environment, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list((demo.path / "work/emb").glob("*.npy")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not (demo.path / "work/selected.jsonl.zst").exists()
    demo.ok(f"{LINE} --unlock && {LINE} --rerun-incomplete")
    assert demo.read("work/selected.jsonl.zst") == demo.read("whole/selected.jsonl.zst")


def test_what_is_not_set_is_named(work: Workdir) -> None:
    done = work.run(f"snakemake -s {ROOT}/scripts/snakemake/Snakefile -j1 --config pool=. count=5")
    assert done.status
    assert "not set: target, work" in done.err + done.out.decode()
