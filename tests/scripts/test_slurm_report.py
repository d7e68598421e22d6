"""scripts/slurm/submit without a Slurm: what it takes back, how it waits, what it reports."""

import re

import pytest

from workdir import Workdir

from .conftest import SCRIPTS


def says(work: Workdir, command: str, lines: list[str]) -> None:
    """From now on a command of Slurm's prints these lines."""
    work.write(f"{command}-says", "".join(f"{line}\n" for line in lines).encode())
    work.write(f"bin/{command}", f"#!/bin/sh\ncat {work.path}/{command}-says\n".encode())


def test_the_report_when_slurm_has_forgotten(ready: Workdir) -> None:
    ready.ok("echo TRAIN= TASKS=2 >> s.sh && submit s.sh")
    tasks = ["1_0", "1_1", "2_0", "2_1", "3", "4", "5_0", "5_1", "6"]
    says(ready, "squeue", [f"{task}|COMPLETED|None" for task in tasks])
    whole = ready.ok("submit s.sh --report").out.decode()
    assert [line.split()[:2] for line in whole.splitlines()] == [
        [stage, "done"] for stage in ("chunk", "embed", "target", "stats", "score", "topk")]
    # It remembers what it has seen.
    says(ready, "squeue", [])
    assert ready.ok("submit s.sh --report").out.decode() == whole
    # What it has not seen, Slurm's accounts know.
    ready.ok("rm work/slurm/target/states")
    ended = dict.fromkeys(tasks, "COMPLETED") | {"2_1": "OUT_OF_MEMORY", "1_1": "TIMEOUT", "4": "CANCELLED by 0"}
    says(ready, "sacct", [f"{task}|{state}" for task, state in ended.items()])
    done = ready.run("submit s.sh --report")
    out = done.out.decode()
    assert done.status == 1
    assert "    embed_1 (job 2_1): OUT_OF_MEMORY; raise EMBED_MEMORY; " in out
    assert "    chunk_1 (job 1_1): TIMEOUT; raise CHUNK_TIME; " in out
    assert "submit: error: chunk, embed failed; stats not run; submit again" in done.err
    # And where there are none, it says that it does not know.
    ready.ok("rm work/slurm/target/states")
    says(ready, "sacct", [])
    done = ready.run("submit s.sh --report")
    assert done.status == 1
    assert "topk (job 6): UNKNOWN; Slurm has forgotten it" in done.out.decode()


def test_what_is_held_waits_for_somebody_and_that_is_said(ready: Workdir) -> None:
    ready.ok("echo TRAIN= TASKS=2 >> s.sh && submit s.sh")
    rest = [f"{task}|PENDING|Dependency" for task in ("2_0", "4", "5_0", "5_1", "6")]
    says(ready, "squeue", ["1_0|PENDING|launch failed requeued held", "1_1|RUNNING|None",
                           "2_1|PENDING|JobHoldMaxRequeue", "3|COMPLETED|None", *rest])
    out = ready.ok("submit s.sh --report").out.decode()
    assert re.search(r"^chunk +going on +0 of 2 done; 1 held, 1 running$", out, re.MULTILINE), out
    assert re.search(r"^embed +going on +0 of 2 done; 1 held, 1 pending$", out, re.MULTILINE), out
    ready.fails("submit s.sh", "jobs 1, 2, 4, 5, 6 of", "still at work")


def test_while_slurm_does_not_answer_it_goes_on_waiting_and_submits_nothing(ready: Workdir) -> None:
    ready.ok("echo TRAIN= TASKS=1 >> s.sh")
    says(ready, "squeue", [f"{task}|COMPLETED|None" for task in ("1_0", "2_0", "3", "4", "5_0", "6")])
    silent = 'echo >> looks; [ $(wc -l < looks) -gt 2 ] || { echo "squeue: error: no contact" >&2; exit 1; }'
    ready.write("bin/squeue", f"#!/bin/sh\n{silent}\ncat {ready.path}/squeue-says\n".encode())
    lines = ready.ok("submit s.sh --wait --every 0.01").out.decode().splitlines()
    assert [line[9:] for line in lines if line.startswith(tuple("012"))] == [
        "squeue failed, the jobs may go on: squeue: error: no contact",
        "chunk done; embed done; target done; stats done; score done; topk done"]
    assert lines[-1] == "topk    done      1 of 1 done"
    ready.ok("rm looks")
    ready.fails("submit s.sh", "squeue failed, the jobs may go on: squeue: error: no contact")
    assert ready.read("calls").count(b"sbatch") == 6
    # Of jobs that it has forgotten Slurm may say so in these words.
    forgotten = '#!/bin/sh\necho "slurm_load_jobs error: Invalid job id specified" >&2\nexit 1\n'
    ready.write("bin/squeue", forgotten.encode())
    assert ready.ok("submit s.sh --report").out.decode().splitlines()[-1] == lines[-1]


def test_the_error_of_a_job_before_is_not_reported_as_this_ones(ready: Workdir) -> None:
    ready.ok("echo TRAIN= TASKS=1 >> s.sh && submit s.sh")
    says(ready, "squeue", ["1_0|NODE_FAIL|None"])
    log = "work/slurm/target/logs/chunk_0.log"
    ready.ok(f"printf '== job 11_0, then\nds-chunk: error: old\n' > {log}")
    out = ready.run("submit s.sh --report").out.decode()
    assert f"    chunk_0 (job 1_0): NODE_FAIL; {ready.path}/{log}: (nothing)" in out
    ready.ok(f"printf '== job 1_0, now\nds-chunk: error: new\n' >> {log}")
    assert f"{log}: ds-chunk: error: new" in ready.run("submit s.sh --report").out.decode()


def test_a_job_says_its_name_as_the_report_knows_it(ready: Workdir) -> None:
    ready.ok("echo TRAIN= >> s.sh && submit s.sh")
    ready.write("bin/srun", b'#!/bin/sh\necho "$*"\n')
    (ready.path / "bin/srun").chmod(0o755)
    words = f"{ready.path}/work/slurm/target {SCRIPTS}/slurm"
    alone = ready.ok(f"bash {SCRIPTS}/slurm/target.sh {words}", SLURM_JOB_ID="9")
    assert alone.err.startswith("== job 9, ")
    array = {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "2", "SLURM_ARRAY_TASK_ID": "3"}
    task = ready.ok(f"bash {SCRIPTS}/slurm/embed.sh {words}", **array, SLURM_ARRAY_TASK_COUNT="4")
    assert task.err.startswith("== job 2_3, ")
    assert b"--shard slurm " in task.out
    # Of an array that was submitted again by hand for this task alone Slurm counts one.
    again = ready.ok(f"bash {SCRIPTS}/slurm/embed.sh {words}", **array, SLURM_ARRAY_TASK_COUNT="1")
    assert b"--shard 3/4 " in again.out


def test_what_a_job_says_before_its_first_line_is_reported(ready: Workdir) -> None:
    ready.ok("echo TRAIN= TASKS=1 >> s.sh && submit s.sh")
    waiting = [f"{task}|PENDING|Dependency" for task in ("2_0", "3", "4", "5_0", "6")]
    says(ready, "squeue", ["1_0|FAILED|None", *waiting])
    ready.write("work/slurm/target/logs/chunk_0.log", b"slurm_script: line 4: /job.sh: No such file or directory\n")
    out = ready.run("submit s.sh --report").out.decode()
    assert "chunk_0.log: slurm_script: line 4: /job.sh: No such file or directory" in out


def refusing(work: Workdir, stage: str, instead: str) -> None:
    """From now on sbatch does something else when it should submit that stage."""
    work.write("bin/sbatch", f"#!/bin/sh\ncase $* in *{stage}.sh\\ *) {instead};; esac\necho 7$#\n".encode())


@pytest.mark.parametrize(("scancel", "end"), [
    ("exit 0", "were taken back"), ("exit 1", "could not be taken back; scancel them")])
def test_where_one_job_is_refused_those_before_it_are_taken_back(ready: Workdir, scancel: str, end: str) -> None:
    refusing(ready, "stats", 'echo "sbatch: error: invalid account" >&2; exit 1')
    ready.write("bin/scancel", f'#!/bin/sh\necho "$@" > cancelled\n{scancel}\n'.encode())
    done = ready.run("submit s.sh")
    ids = ready.read("cancelled").decode().split()
    assert len(ids) == 3  # chunk, embed, target
    assert done.err.splitlines() == [f"submit: jobs {' '.join(ids)} {end}",
                                     "submit: error: stats: sbatch refused it: sbatch: error: invalid account"]
    assert done.status == 1


def test_interrupted_it_takes_back_what_was_submitted_and_half_a_graph_is_not_reported_as_whole(ready: Workdir) -> None:
    refusing(ready, "embed", "kill -INT $PPID; exec sleep 5")
    with ready.start("submit s.sh") as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    number = ready.read("calls").decode().split("scancel ")[1].strip()
    assert err.decode().splitlines() == [f"submit: jobs {number} were taken back", "submit: interrupted"]
    says(ready, "squeue", [f"{number}_{task}|COMPLETED|None" for task in range(4)])
    done = ready.fails("submit s.sh --report", "submit: error: embed, target, stats, score, topk, train not submitted")
    assert done.out.decode().splitlines()[:2] == ["chunk   done      4 of 4 done", "embed   not submitted"]
