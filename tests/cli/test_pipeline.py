"""ds-pipeline: make, Slurm's scripts and the demo, from wherever the package is."""

import os
import signal
import stat
from pathlib import Path

import pytest

from workdir import BIN, Workdir, records, texts

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def pool(work: Workdir) -> Workdir:
    """A folder with a pool of two shards and a target."""
    (work.path / "pool").mkdir()
    for name in "ab":
        work.write(f"pool/{name}.jsonl", records(texts(40, seed=ord(name))))
    work.write("target.jsonl", records(texts(20, seed=3)[::2]))
    return work


@pytest.mark.slow
def test_run_chooses_with_the_commands_of_its_own_installation(pool: Workdir) -> None:
    line = f"{BIN}/ds-pipeline run POOL=pool TARGET=target.jsonl K=5 STATS='--method mean' WORK=w"
    done = pool.ok(line, PATH="/usr/bin:/bin")
    assert pool.ok("zstdcat w/target/selected.jsonl.zst | wc -l").out.strip() == b"5"
    assert b"chosen: w/target/selected.jsonl.zst" in done.out
    assert b"ds-embed" not in pool.ok(line, PATH="/usr/bin:/bin").out  # nothing is made twice


def test_what_make_is_told_reaches_it(pool: Workdir) -> None:
    done = pool.ok("ds-pipeline run -n -j2 choose POOL=pool TARGET=target.jsonl K=5 WORK=w")
    assert done.out.count(b"ds-chunk ") == 2
    assert not (pool.path / "w").exists()
    assert pool.ok("ds-pipeline run help").out.startswith(b"pipeline.mk: chunk, embed, fit, score, choose.")
    assert "not set: POOL TARGET K" in pool.run("ds-pipeline run").err


def test_status_and_signals_are_those_of_the_program(pool: Workdir) -> None:
    assert pool.run("ds-pipeline run").status == 2
    assert pool.run("ds-pipeline submit nowhere.sh").status == 2
    pool.write("show.mk", b"all:\n\t@sh -c 'grep SigIgn /proc/$$$$/status'\n")
    # What Python ignores, the pipe's signal among it, make and its commands do not.
    ignored = int(pool.ok("ds-pipeline run -f show.mk all POOL=pool TARGET=target.jsonl K=5").out.split()[1], 16)
    assert not ignored & 1 << signal.SIGPIPE - 1


def test_without_make_it_says_so(work: Workdir) -> None:
    (work.path / "empty").mkdir()
    line = f"PATH={work.path}/empty {BIN}/ds-pipeline run help"
    work.fails(line, "make: no such command; install GNU Make 4.2 or newer")


def test_copy_writes_what_there_is(work: Workdir) -> None:
    work.ok("umask 022 && ds-pipeline copy some/where/chain/")
    made = work.path / "some/where/chain"
    for name in ("pipeline.mk", "report.py", "slurm/submit", "slurm/settings.sh", "demo/demo.sh",
                 "growth-2-cores.json"):
        assert (made / name).read_bytes() == (SCRIPTS / name).read_bytes()
    assert os.access(made / "slurm/submit", os.X_OK)
    assert stat.S_IMODE(made.stat().st_mode) == 0o755
    assert not list(made.rglob("__pycache__"))
    assert {path.name for path in (made / "slurm").iterdir()} == \
           {path.name for path in (SCRIPTS / "slurm").iterdir() if path.name != "__pycache__"}


def test_copy_replaces_nothing(work: Workdir) -> None:
    (work.path / "mine").mkdir()
    work.ok("ds-pipeline copy mine")  # an empty folder may be there
    before = work.names()
    work.fails("ds-pipeline copy mine", "mine: is there already", "name a new folder")
    work.write("file", b"")
    work.fails("ds-pipeline copy file", "file: is there already")
    work.fails("ds-pipeline copy file/chain", "file: File exists")
    assert work.names() == before | {"file"}


def test_the_settings_it_writes_are_those_that_submit_takes(pool: Workdir) -> None:
    pool.ok("ds-pipeline copy chain && sed 's/^POOL=/POOL=pool/; s/^TARGET=/TARGET=target.jsonl/; s/^K=/K=5/; "
            "s/^WORK=/WORK=w/' chain/slurm/settings.sh > settings.sh")
    printed = pool.ok("ds-pipeline submit settings.sh --print").out
    assert printed.count(b"sbatch --parsable") == 6


@pytest.mark.parametrize(("line", "said"), [
    ("ds-pipeline", "Missing command"), ("ds-pipeline walk", "No such command"),
    ("ds-pipeline copy", "Missing argument"), ("ds-pipeline --walk", "No such option"),
])
def test_wrong_usage_is_2(work: Workdir, line: str, said: str) -> None:
    work.fails(line, "ds-pipeline: error: ", said, status=2)


def test_its_version_and_help(work: Workdir) -> None:
    assert work.ok("ds-pipeline --version").out.startswith(b"ds-pipeline ")
    for name in ("run", "submit", "demo", "copy"):
        assert f"  {name} ".encode() in work.ok("ds-pipeline -h").out
        assert work.ok(f"ds-pipeline {name} --help").out.startswith(f"Usage: ds-pipeline {name} ".encode())
