"""How the jobs of a graph are doing, by Slurm's own word, and what to say of it."""

import subprocess
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

from graph import STAGES, Job, log

from gotd.errors import GotdError

DONE, UNKNOWN, NOT_RUN = "COMPLETED", "UNKNOWN", "NOT_RUN"
#: Waits for somebody to say `scontrol release`.
HELD = "HELD"
_UNFINISHED = {"PENDING", HELD, "RUNNING", "CONFIGURING", "COMPLETING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD",
               "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED"}
_REMEDIES = {"OUT_OF_MEMORY": "raise {}_MEMORY", "TIMEOUT": "raise {}_TIME",
             UNKNOWN: "Slurm has forgotten it, and keeps no accounts"}
_LIMITS = {stage.name: stage.limits for stage in STAGES}
#: What Slurm writes into a log when a step, not the whole job, was out of memory.
_OUT_OF_MEMORY = ("oom-kill", "Out Of Memory", "exceeded memory limit")
#: Of what a job said, so many lines at its end are searched for the error.
_LOG_TAIL_LINES = 1000

States = dict[str, str]


class NoAnswerError(GotdError):
    """Slurm did not say how the jobs are, as while slurmctld starts anew. They may well go on."""


def look(jobs: list[Job], run: Path) -> States:
    """The state of every task.

    Slurm forgets jobs minutes after their end: then what was seen last is asked for, in `run`, and Slurm's accounts.

    Raises: NoAnswerError; what was seen before is kept.
    """
    file = run / "states"
    before = dict(line.split() for line in file.read_text(encoding="utf-8").splitlines()) if file.is_file() else {}
    ids = ",".join(job.id for job in jobs)
    found = {task: _with_reason(state, reason) for task, state, reason in _queue(ids)}
    wanted = [task for job in jobs for task in job.task_ids]
    ended = {task: state for task, state in before.items() if state not in _UNFINISHED}
    if any(task not in found and task not in ended for task in wanted):
        found = {task: state.split()[0] for task, state in _accounts(ids)} | found
    states = {task: found.get(task) or ended.get(task) or UNKNOWN for task in wanted}
    states |= _never_begun(jobs, states)
    file.write_text("".join(f"{task} {state}\n" for task, state in states.items()),
                    encoding="utf-8")
    return states


def _with_reason(state: str, reason: str) -> str:
    """Pending tasks that will not begin by themselves are named as what they are."""
    if reason == "DependencyNeverSatisfied":
        return NOT_RUN
    # "JobHeldUser", "launch failed requeued held", "JobHoldMaxRequeue"
    return HELD if state == "PENDING" and any(word in reason.lower() for word in ("held", "hold")) else state


def _queue(ids: str) -> list[list[str]]:
    """Task, state and reason of what Slurm has not forgotten."""
    done = subprocess.run(["squeue", "--noheader", "--array", "--states=all", f"--jobs={ids}", "--format=%i|%T|%r"],
                          capture_output=True, encoding="utf-8", errors="replace", check=False)
    # That is how it says that it has forgotten them all.
    if done.returncode and "Invalid job id" not in done.stderr:
        raise NoAnswerError(f"squeue failed, the jobs may go on: {' '.join(done.stderr.split())}")
    return [line.split("|") for line in done.stdout.splitlines()]


def _accounts(ids: str) -> list[list[str]]:
    """Task and state of what is in Slurm's accounts. Many clusters keep none: then sacct fails."""
    done = subprocess.run(["sacct", "--noheader", "--parsable2", "--allocations", "--array", f"--jobs={ids}",
                           "--format=JobID,State"],
                          capture_output=True, encoding="utf-8", errors="replace", check=False)
    return [line.split("|") for line in done.stdout.splitlines()] if not done.returncode else []


def _never_begun(jobs: list[Job], states: States) -> States:
    """Tasks that Slurm cancelled because a stage before them did not go well."""
    bad: set[str] = set()
    found: States = {}
    for job in jobs:
        mine = [states[task] for task in job.task_ids]
        if bad.intersection(job.after):
            found |= {task: NOT_RUN for task in job.task_ids if states[task] == "CANCELLED"}
        if any(state != DONE and state not in _UNFINISHED for state in mine):
            bad.add(job.stage)
    return found


def finished(states: States) -> bool:
    """Whether no task will change any more."""
    return not _UNFINISHED.intersection(states.values())


def wait(jobs: list[Job], run: Path, seconds: float, say: Callable[[str], None]) -> States:
    """Looks every so many seconds until all have ended, and says what changed, and when Slurm does not answer."""
    told = ""
    while True:
        try:
            states = look(jobs, run)
            line, ended = progress(jobs, states), finished(states)
        except NoAnswerError as error:
            line, ended = str(error), False
        if line != told:
            say(f"{time.strftime('%H:%M:%S')} {line}")
            told = line
        if ended:
            return states
        time.sleep(seconds)


def progress(jobs: list[Job], states: States) -> str:
    """One line: the stages that have begun."""
    parts = []
    for job in jobs:
        counts = Counter(states[task] for task in job.task_ids)
        if set(counts) == {DONE}:
            parts.append(f"{job.stage} done")
        elif set(counts) - {"PENDING", NOT_RUN}:
            parts.append(f"{job.stage} {_counted(counts)}")
    return "; ".join(parts) or "waiting for the first job to begin"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {state.lower()}" for state, count in sorted(counts.items()))


def report(jobs: list[Job], states: States, run: Path) -> str:
    """What is done and what failed: a line for each stage, and one for each task that did not end well."""
    lines = []
    for job in jobs:
        counts = Counter(states[task] for task in job.task_ids)
        going = Counter({state: count for state, count in counts.items() if state in _UNFINISHED})
        lines.append(f"{job.stage:8}{_word(list(counts)):10}{counts[DONE]} of {len(job.task_ids)} done"
                     + (f"; {_counted(going)}" if going else ""))
        for task in job.task_ids:
            if states[task] not in (DONE, NOT_RUN) and states[task] not in _UNFINISHED:
                lines.append(_failure(job, task, states[task], run))
    return "\n".join(lines)


def _word(states: list[str]) -> str:
    if all(state == DONE for state in states):
        return "done"
    if any(state in _UNFINISHED for state in states):
        return "going on"
    return "not run" if all(state in (DONE, NOT_RUN) for state in states) else "FAILED"


def _failure(job: Job, task: str, state: str, run: Path) -> str:
    file = log(run, job.stage, task.partition("_")[2])
    said = _last_words(file, task)
    if any(words in line for line in said for words in _OUT_OF_MEMORY):
        state = "OUT_OF_MEMORY"
    remedy = _REMEDIES.get(state, "").format(_LIMITS[job.stage])
    # The command's own error says more than what srun makes of it, and that more than how srun ends.
    errors = [line for line in said if ": error: " in line]
    line = ([line for line in errors if line.startswith("ds-")] or errors or said or ["(nothing)"])[-1]
    return f"    {file.stem} (job {task}): {state}{'; ' + remedy if remedy else ''}; {file}: {line}"


def _last_words(file: Path, task: str) -> list[str]:
    """The end of what a task said since it last began. Logs are added to: what an older job said is not its own."""
    said: deque[str] = deque(maxlen=_LOG_TAIL_LINES)
    its_own = True  # before the first of these lines nobody but the first job has said anything
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("== job "):
                    its_own = line.startswith(f"== job {task},")
                    said.clear()
                elif its_own and line.strip():
                    said.append(line.strip())
    except OSError as error:
        return [f"({error.strerror})"]
    return list(said)


def stages_with(jobs: list[Job], states: States, word: str) -> list[str]:
    """The stages that `report` calls done, FAILED, not run or going on."""
    return [job.stage for job in jobs if _word([states[task] for task in job.task_ids]) == word]
