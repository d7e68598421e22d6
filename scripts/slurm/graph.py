"""The chain as Slurm jobs: what waits for what, and how each is asked for."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from settings import Settings, gpu_count

from gotd.errors import GotdError

HERE = Path(__file__).parent


class Stage(NamedTuple):
    """A job, or an array of jobs.

    limits : the settings its limits are in begin with this; after : stages that must have gone well
    """

    name: str
    limits: str
    after: tuple[str, ...] = ()
    array: bool = False


STAGES = (
    Stage("chunk", "CHUNK", array=True),
    Stage("embed", "EMBED", ("chunk",), array=True),
    Stage("target", "EMBED"),
    Stage("stats", "STATS", ("embed", "target")),
    Stage("score", "SCORE", ("stats",), array=True),
    Stage("topk", "TOPK", ("score",)),
    Stage("train", "TRAIN", ("topk",)),
)


class Job(NamedTuple):
    """A stage that was submitted. tasks : of an array; 0 for a job alone."""

    stage: str
    id: str
    tasks: int
    after: tuple[str, ...]

    @property
    def task_ids(self) -> list[str]:
        """Slurm's names of its tasks."""
        return [f"{self.id}_{task}" for task in range(self.tasks)] or [self.id]


def stages(settings: Settings) -> list[Stage]:
    """The stages that these settings ask for."""
    return [stage for stage in STAGES if stage.name != "train" or settings["TRAIN"]]


def sbatch(stage: Stage, settings: Settings, run: Path, after: list[str]) -> list[str]:
    """The line that submits a stage, once the jobs before it have these ids."""
    limit = {name: settings.get(f"{stage.limits}_{name}", "") for name in ("TIME", "CPUS", "MEMORY", "GPUS", "NODES")}
    gpus = gpu_count(limit["GPUS"]) > 0
    partition = settings["GPU_PARTITION"] if gpus and settings["GPU_PARTITION"] else settings["PARTITION"]
    at_once = f"%{settings['AT_ONCE']}" if settings["AT_ONCE"] else ""
    options = {
        "job-name": f"{settings['NAME']}-{stage.name}",
        "array": f"0-{int(settings['TASKS']) - 1}{at_once}" if stage.array else "",
        "dependency": "afterok:" + ":".join(after) if after else "",
        "kill-on-invalid-dep": "yes" if after else "",
        "time": limit["TIME"], "cpus-per-task": limit["CPUS"], "mem": limit["MEMORY"],
        "nodes": limit["NODES"] or "1", "ntasks-per-node": "1", "gpus-per-node": limit["GPUS"] if gpus else "",
        "partition": partition, "account": settings["ACCOUNT"], "qos": settings["QOS"],
        "output": str(log(run, stage.name, "%a" if stage.array else "")),
    }
    given = [f"--{name}={value}" for name, value in options.items() if value]
    more = [word for name in ("SBATCH", f"SBATCH_{stage.limits}") for word in shlex.split(settings[name])]
    return ["sbatch", "--parsable", *given, *more, str(HERE / f"{stage.name}.sh"), str(run), str(HERE)]


def log(run: Path, stage: str, task: str) -> Path:
    """Where a stage, or a task of an array, says what it does."""
    return run / "logs" / (f"{stage}_{task}.log" if task else f"{stage}.log")


def submit(settings: Settings, run: Path) -> list[Job]:
    """Submits all stages; where one is refused, and on Ctrl-C, those before it are taken back.

    Raises: GotdError with what sbatch said.
    """
    wanted = stages(settings)
    jobs: list[Job] = []
    _remember(run, wanted, jobs)
    try:
        for stage in wanted:
            ids = {job.stage: job.id for job in jobs}
            number = _submitted(stage, sbatch(stage, settings, run, [ids[name] for name in stage.after]))
            jobs.append(Job(stage.name, number, int(settings["TASKS"]) if stage.array else 0, stage.after))
            _remember(run, wanted, jobs)
    except BaseException:  # half a graph would go on for nothing
        print(f"submit: {_take_back(jobs)}", file=sys.stderr)
        raise
    return jobs


def _submitted(stage: Stage, line: list[str]) -> str:
    """The number of the job that a line submits."""
    try:
        done = subprocess.run(line, capture_output=True, encoding="utf-8", errors="replace", check=False)
    except FileNotFoundError as error:
        raise GotdError("sbatch: no such command; submit runs where Slurm's commands are") from error
    found = re.match(r"\d+", done.stdout)
    if done.returncode or not found:
        raise GotdError(f"{stage.name}: sbatch refused it: {' '.join(done.stderr.split())}")
    return found[0]


def _take_back(jobs: list[Job]) -> str:
    """Cancels jobs, and says how that went."""
    if not jobs:
        return "nothing was submitted"
    ids = [job.id for job in jobs]
    failed = subprocess.run(["scancel", *ids], check=False).returncode
    return f"jobs {' '.join(ids)} {'could not be taken back; scancel them' if failed else 'were taken back'}"


def _remember(run: Path, wanted: list[Stage], jobs: list[Job]) -> None:
    """Writes down the jobs, and by their name alone the stages that are still to be submitted."""
    lines = [f"{job.stage}\t{job.id}\t{job.tasks}\t{' '.join(job.after)}\n" for job in jobs]
    lines += [f"{stage.name}\n" for stage in wanted[len(jobs) :]]
    (run / "jobs").write_text("".join(lines), encoding="utf-8")


def remembered(run: Path) -> tuple[list[Job], list[str]]:
    """The jobs that were last submitted from this folder, and the stages that should have been and were not."""
    lines = (run / "jobs").read_text(encoding="utf-8").splitlines() if (run / "jobs").is_file() else []
    fields = [line.split("\t") for line in lines]
    jobs = [Job(stage, number, int(tasks), tuple(after.split()))
            for stage, number, tasks, after in (entry for entry in fields if len(entry) > 1)]
    return jobs, [entry[0] for entry in fields if len(entry) == 1]


def drawing(settings: Settings, jobs: list[Job], shards: int) -> str:
    """The graph as lines: stage, job, tasks, what it waits for."""
    ids = {job.stage: f"job {job.id}" for job in jobs}
    tasks = int(settings["TASKS"])
    lines = []
    for stage in stages(settings):
        shared = f"{tasks} tasks for {shards} shards" if stage.array else "1 task"
        after = f"after {', '.join(stage.after)}" if stage.after else "at once"
        lines.append(f"{stage.name:8}{ids.get(stage.name, ''):14}{shared:28}{after}")
    return "\n".join(line.rstrip() for line in lines)
