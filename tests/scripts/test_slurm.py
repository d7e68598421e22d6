"""scripts/slurm on a real Slurm: the chain, what is cancelled, requeued and killed, and what the report says."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workdir import Workdir, records, texts

pytestmark = pytest.mark.xdist_group("slurm")

SUBMIT = "submit settings.sh --every 0.5"
RUN = "work/slurm/networkx"
SELECTED = "work/networkx/selected.jsonl.zst"
ONE_PROCESS = """
set -e
ds-embed -q {0}/target.jsonl -o one/target.npy
ds-chunk -q {0}/pool/*.jsonl | tee one/chunks | ds-embed -q -o one/pool.npy
ds-target-stats -q --method mean --target one/target.npy one/pool.npy -o one/target.npz > one/summary
ds-score -q --target one/target.npz one/pool.npy -o one/scores.npy
ds-topk -q -k 50 --scores one/scores.npy one/chunks -o one/selected.jsonl.zst
"""


def one_process(work: Workdir, docstrings: Path) -> bytes:
    """What one process after the other chooses."""
    (work.path / "one").mkdir()
    work.ok(ONE_PROCESS.format(docstrings))
    return work.read("one/selected.jsonl.zst")


def until(find: Callable[[], Any], what: str, seconds: float = 120.0) -> Any:
    """What is found, once it is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not in {seconds:.0f} s")


def job_of(work: Workdir, stage: str) -> str:
    """The number of a stage's job."""
    found = re.search(rf"^{stage}\t(\d+)\t", work.read(f"{RUN}/jobs").decode(), re.MULTILINE)
    assert found
    return found[1]


def state(work: Workdir, task: str) -> str:
    """What Slurm says of a task."""
    return work.run(f"squeue --noheader --array --states=all --jobs={task} --format=%T").out.decode().strip()


def process_of(*words: str, task: int | None = None) -> int | None:
    """The process whose command line holds all the words, of that task of an array, and is not srun."""
    place = b"" if task is None else b"\0SLURM_ARRAY_TASK_ID=%d\0" % task
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                is_it = all(word in line for word in words) and not line.startswith(("srun", "bash", "/bin/bash"))
                if is_it and place in (folder / "environ").read_bytes():
                    return int(folder.name)
    return None


def start(work: Workdir, line: str, **environment: str) -> "subprocess.Popen[str]":
    """A line of shell that goes on in the background."""
    return subprocess.Popen(["bash", "-c", f"exec {line}"], cwd=work.path, env=work.environment | environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextlib.contextmanager
def submitted(work: Workdir) -> Iterator["subprocess.Popen[str]"]:
    """A graph that is waited for; every job takes a moment before it begins its work."""
    before = work.read(f"{RUN}/jobs") if f"{RUN}/jobs" in work.names() else b""
    with start(work, f"{SUBMIT} --wait", PAUSE="2") as process:
        until(lambda: (work.path / RUN / "jobs").exists() and work.read(f"{RUN}/jobs") != before
              and b"topk\t" in work.read(f"{RUN}/jobs"), "the graph")
        yield process


def until_running(work: Workdir, *tasks: str) -> None:
    """Returns while all these tasks run."""
    until(lambda: all(state(work, task) == "RUNNING" for task in tasks), f"{tasks} run")


@pytest.mark.slow
def test_requeued_killed_and_cancelled_it_ends_in_the_bytes_of_one_process(cluster_work: Workdir,
                                                                           docstrings: Path) -> None:
    work = cluster_work
    with submitted(work) as process:
        chunk, embed = job_of(work, "chunk"), job_of(work, "embed")
        # A running task is put back into the queue, as preemption does: the graph goes on.
        until_running(work, f"{chunk}_4")
        work.ok(f"scontrol requeue {chunk}_4")
        # One step of the next stage is killed in the middle of its work: that fails the graph.
        killed = until(lambda: process_of("ds-embed", str(work.path), task=3), "the fourth task of embed")
        os.kill(killed, signal.SIGKILL)
        out, err = process.communicate(timeout=200)
    assert process.returncode == 1, out + err
    assert "submit: error: embed failed; stats, score, topk not run; submit again" in err
    failure = rf"^    embed_3 \(job {embed}_3\): FAILED; \S+/logs/embed_3\.log: .*: Killed"
    assert re.search(failure, out, re.MULTILINE), out
    assert re.search(r"^chunk +done +8 of 8", out, re.MULTILINE)
    with submitted(work) as process:
        assert "ds-embed" not in work.read(f"{RUN}/logs/embed_3.log").decode()
        # Two tasks are cancelled and put back: they get done, but what waited for the array does not begin any more.
        score = job_of(work, "score")
        until_running(work, f"{score}_1", f"{score}_6")
        work.ok(f"scancel {score}_1 {score}_6")
        until(lambda: state(work, f"{score}_1") == state(work, f"{score}_6") == "CANCELLED", "they are cancelled")
        work.ok(f"scontrol requeue {score}_1 && scontrol requeue {score}_6")
        out, err = process.communicate(timeout=200)
    assert process.returncode == 1, out + err
    assert re.search(r"^score +done +8 of 8", out, re.MULTILINE), out
    assert "submit: error: topk not run; submit again" in err
    assert "1 outputs were already complete" in work.read(f"{RUN}/logs/embed_0.log").decode()
    assert SELECTED not in work.names()
    out = work.ok(f"{SUBMIT} --wait").out.decode()
    assert re.search(r"^topk +done +1 of 1 done", out, re.MULTILINE), out
    assert work.read(SELECTED) == one_process(work, docstrings)
    assert work.ok("submit settings.sh --report").out.decode().splitlines()[-1].split()[:2] == ["topk", "done"]


@pytest.mark.slow
def test_a_task_out_of_memory_fails_the_graph_by_name(cluster_work: Workdir) -> None:
    work = cluster_work
    # A hundred vectors of a megabyte each, and more than that in between.
    work.ok("sed -i 's/EMBED_MEMORY=1G/EMBED_MEMORY=100M/' settings.sh && echo EMBED=--dimension=262144 >> settings.sh")
    done = work.run(f"{SUBMIT} --wait")
    out = done.out.decode()
    assert done.status == 1, out
    embed = job_of(work, "embed")
    assert re.search(rf"^    embed_\d \(job {embed}_\d\): OUT_OF_MEMORY; raise EMBED_MEMORY; ", out, re.MULTILINE), out
    for stage in ("stats", "score", "topk"):
        assert re.search(rf"^{stage} +not run", out, re.MULTILINE), out
    assert re.search(r"submit: error: embed(, target)? failed; stats, score, topk not run; ", done.err)
    # With vectors that fit, what the killed ones left half-written is taken over.
    work.ok("echo EMBED= TASKS=2 >> settings.sh")
    assert re.search(r"^topk +done", work.ok(f"{SUBMIT} --wait").out.decode(), re.MULTILINE)


@pytest.mark.heavy
def test_more_tasks_than_shards_and_a_shard_that_is_missing_at_the_end(cluster_work: Workdir) -> None:
    work = cluster_work
    (work.path / "pool").mkdir()
    for number in range(3):
        work.write(f"pool/part-{number}.jsonl", records(texts(60, seed=number)))
    work.ok("sed -i 's/^POOL=.*/POOL=pool TASKS=5/' settings.sh")
    out = work.ok(f"{SUBMIT} --wait").out.decode()
    assert "5 tasks for 3 shards" in out
    for stage in ("chunk", "embed", "score"):
        assert re.search(rf"^{stage} +done +5 of 5", out, re.MULTILINE), out
        for task in (3, 4):
            said = work.read(f"{RUN}/logs/{stage}_{task}.log").decode()
            assert f"ds-{stage}: nothing to do: 3 inputs leave none for this shard" in said
    # The last job once more, by its own line, when two shards have lost something.
    work.ok("rm work/chunks/part-0.jsonl.zst work/networkx/scores/part-2.npy work/networkx/selected.jsonl.zst")
    line = next(line for line in work.ok("submit settings.sh --print").out.decode().splitlines() if "topk.sh" in line)
    done = work.run(line.replace("--dependency=afterok:JOB-OF-score", "--wait"))
    assert done.status == 1, done.err
    said = work.read(f"{RUN}/logs/topk.log").decode().splitlines()
    error = next(text for text in said if text.startswith("ds-topk: error: "))
    assert "work/chunks/part-0.jsonl.zst, " in error
    assert "work/networkx/scores/part-2.npy;" in error
    assert SELECTED not in work.names()


@pytest.mark.slow
def test_out_of_time_it_goes_back_into_the_queue(cluster_work: Workdir) -> None:
    work = cluster_work
    work.ok(f"echo TASKS=2 >> settings.sh && {SUBMIT}")
    stats = job_of(work, "stats")
    until(lambda: process_of("ds-target-stats", str(work.path)), "stats begins")
    work.ok(f"scancel --signal=USR1 --batch {stats}")  # what --signal sends before the time limit
    log = work.path / RUN / "logs/stats.log"
    until(lambda: "out of time: back into the queue" in log.read_text(), "the warning is heard")
    until(lambda: state(work, stats) == "PENDING", "it is in the queue")
    work.fails("submit settings.sh", stats, "still at work")
    topk = job_of(work, "topk")
    until(lambda: state(work, topk) == "COMPLETED", "the end")
    assert len(work.ok(f"zstdcat {SELECTED}").out.splitlines()) == 50


@pytest.mark.heavy
def test_jobs_that_get_nothing_of_the_environment(cluster_work: Workdir) -> None:
    work = cluster_work
    setup = f"export PATH={work.environment['PATH'].split(':')[0]}:$PATH SLURM_CONF={work.environment['SLURM_CONF']}"
    work.ok(f"cat >> settings.sh <<< 'TASKS=2 SBATCH=--export=NONE SETUP=\"{setup}\"'")
    out = work.ok(f"{SUBMIT} --wait").out.decode()
    assert re.search(r"^topk +done +1 of 1 done", out, re.MULTILINE), out


@pytest.mark.slow
def test_training_runs_under_torchrun(cluster_work: Workdir) -> None:
    work = cluster_work
    config = '{"model_type": "gpt2", "vocab_size": 300, "n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2}'
    work.write("config.json", config.encode())
    options = f"--init {work.path}/config.json --objective clm --length 32 --batch 8 --steps 4 --device cpu"
    work.ok(f"""cat >> settings.sh <<< 'TRAIN="{options}" TRAIN_GPUS=0 TRAIN_PROCESSES=2 TRAIN_MEMORY=4G TASKS=2'""")
    done = work.run(f"{SUBMIT} --wait")
    log = work.read(f"{RUN}/logs/train.log").decode()
    assert done.status == 0, log
    assert re.search(r"^train +done +1 of 1", done.out.decode(), re.MULTILINE)
    assert "ds-train: 50 documents" in log
    assert log.count("ds-train: recipe ") == 1  # two processes, one speaks
    assert "work/networkx/model/model.safetensors" in work.names()
