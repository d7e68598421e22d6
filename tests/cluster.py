"""A real Slurm of one node on this machine, from Debian's packages, in a folder of its own."""

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
_CGROUPS = Path("/sys/fs/cgroup/memory")
#: CPUs the node claims to have: eight tasks run at once on whatever there is.
CPUS = 8

# What is requeued waits until its old credential has run out: two minutes by default, here the shortest there is.
_SLURM_CONF = """
ClusterName=gotd
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
MpiDefault=none
KillWait=2
FirstJobId={first}
{memory}
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
# The kernel ends what goes over its limit, at once; where this process may not make control groups, Slurm looks at
# every task once a second.
_BY_KERNEL = "TaskPlugin=task/cgroup\nJobAcctGatherType=jobacct_gather/linux"
_BY_LOOKING = ("TaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/linux\nJobAcctGatherFrequency=task=1\n"
               "JobAcctGatherParams=OverMemoryKill")
_CGROUP_CONF = f"CgroupPlugin=cgroup/v1\nCgroupMountpoint={_CGROUPS.parent}\nConstrainRAMSpace=yes\n"


def missing_programs() -> list[str]:
    """What is not installed of Slurm."""
    return [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]


def _path() -> str:
    """Where daemons are, too."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def kernel_limits_memory() -> bool:
    """Whether this process may make control groups for memory (version 1: of version 2 Slurm asks systemd)."""
    trial = _CGROUPS / f"gotd-{os.getpid()}"
    try:
        trial.mkdir()
        trial.rmdir()
    except OSError:
        return False
    return True


@contextmanager
def running(by_kernel: bool) -> Iterator[dict[str, str]]:
    """The environment that Slurm's commands need; the daemons are stopped at the end."""
    with TemporaryDirectory(prefix="gotd-slurm-") as name, ExitStack() as stack:
        folder = Path(name)
        environment = os.environ | {"SLURM_CONF": f"{folder}/slurm.conf", "PATH": _path()}
        _write_files(folder, by_kernel)
        files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        munge = " ".join(f"--{option} {folder}/munge.{kind}" for option, kind in files.items())
        lines = [f"munged --foreground {munge}",
                 f"slurmctld -D -c -f {folder}/slurm.conf", f"slurmd -D -f {folder}/slurm.conf"]
        for line in lines:
            log = stack.enter_context((folder / f"{line.split()[0]}.out").open("wb"))
            stack.enter_context(_daemon(line.split(), environment, log.fileno()))
        _await_node(folder, environment)
        stack.callback(subprocess.run, ["scancel", "--user", str(os.getuid())], env=environment, check=False)
        yield {"SLURM_CONF": environment["SLURM_CONF"]}


def _write_files(folder: Path, by_kernel: bool) -> None:
    folder.chmod(0o755)  # munge's socket must be within everybody's reach
    for part in ("state", "spool"):
        (folder / part).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    # Other Slurms on this machine must not have jobs of the same number: their control groups would be the same.
    first = random.SystemRandom().randrange(1, 60_000) * 1000
    settings = {"folder": folder, "host": socket.gethostname().split(".")[0], "user": _user(), "first": first,
                "ports": _free_ports(2), "cpus": CPUS, "memory": _BY_KERNEL if by_kernel else _BY_LOOKING}
    (folder / "slurm.conf").write_text(_SLURM_CONF.format(**settings))
    (folder / "cgroup.conf").write_text(_CGROUP_CONF if by_kernel else "")


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def _daemon(line: Sequence[str], environment: dict[str, str], log: int) -> Iterator[None]:
    """A program in the foreground of its own session, ended with the block."""
    process = subprocess.Popen(line, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                               start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        process.kill()
        process.wait()


def _await_node(folder: Path, environment: dict[str, str], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done = subprocess.run(["sinfo", "--noheader", "--format=%T"], env=environment, capture_output=True, text=True,
                              check=False)
        if done.stdout.strip() == "idle":
            return
        time.sleep(0.2)
    said = {path.name: path.read_text()[-2000:] for path in folder.glob("*.out")}
    raise RuntimeError(f"Slurm did not start: {said}")
