"""The faults: each runs one stage while something goes wrong, and says how the stage ended."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from failing_server import Fault
from faults.chain import POOL, Stage, start
from object_store import CREDENTIALS, Bucket, Proxy

#: Makes read(2) of one path fail with EIO after some bytes, as a disk does.
_SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
ssize_t read(int fd, void *into, size_t count) {
    static ssize_t (*real)(int, void *, size_t);
    static long left = -1;
    char link[64], path[4096];
    const char *wanted = getenv("EIO_PATH");
    if (!real) real = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = wanted ? readlink(link, path, sizeof path - 1) : -1;
    if (length < 0) return real(fd, into, count);
    path[length] = 0;
    if (!strstr(path, wanted)) return real(fd, into, count);
    if (left < 0) left = atol(getenv("EIO_AFTER"));
    if (!left) { errno = EIO; return -1; }
    ssize_t got = real(fd, into, count < (size_t)left ? count : (size_t)left);
    if (got > 0) left -= got;
    return got;
}
"""


@dataclass
class Tools:
    """What faults need. shim : the compiled _SHIM, None without a compiler; proxy, bucket : the pool as objects"""

    shim: Path | None
    proxy: Proxy
    bucket: Bucket
    mounts: bool


def compiled_shim(folder: Path) -> Path | None:
    """The shim; None on a machine without a C compiler, where reading /proc/self/mem stands in for the bad disk."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    (folder / "eio.c").write_text(_SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", folder / "eio.so", folder / "eio.c", "-ldl"], check=True)
    return folder / "eio.so"


def may_mount(folder: Path) -> bool:
    """Whether a tmpfs can be mounted here."""
    found = _mount(folder, "size=64k", quiet=True)
    if found:
        _unmount(folder)
    return found


def _mount(folder: Path, options: str, quiet: bool = False) -> bool:
    if not shutil.which("mount") or os.geteuid():
        return False
    command = ["mount", "-t", "tmpfs", "-o", options, "gotd-faults", str(folder)]
    return not subprocess.run(command, check=False, stderr=subprocess.DEVNULL if quiet else None).returncode


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


Ended = tuple[int, str]
Kind = Callable[[Stage, Path, Random, Tools, float], Ended]


def _signalled(number: signal.Signals) -> Kind:
    def kind(stage: Stage, folder: Path, source: Random, tools: Tools, seconds: float) -> Ended:  # noqa: ARG001
        """The signal at a random moment, to one of the stage's commands."""
        process = start(stage.line if stage.pipe else f"exec {stage.line}", folder, {})
        when = source.random() * seconds * 1.1
        time.sleep(when)
        victims = _commands(process.pid) if stage.pipe else [process.pid]
        said = f"{number.name} after {when:.2f} s"
        if victims and process.poll() is None:
            victim = source.choice(victims)
            said += f" to {_name(victim)}"
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, number)
        return process.wait(timeout=300), said

    return kind


def _commands(shell: int) -> list[int]:
    """The processes that a shell has started."""
    try:
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in children]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ").split(" -")[0].rsplit("/", 1)[-1]
    except OSError:
        return "nobody"


def _full_disk(stage: Stage, folder: Path, source: Random, tools: Tools, seconds: float) -> Ended:  # noqa: ARG001
    """A file system with less room than the outputs take; or, where none can be mounted, a limit on files' sizes."""
    need = _output_bytes(stage, folder)
    room = source.randint(0, need)
    if tools.mounts and source.random() < 0.7:
        held = folder.with_name("held")
        folder.rename(held)
        folder.mkdir()
        used = sum(-(-path.stat().st_size // 4096) * 4096 + 4096 for path in held.rglob("*"))
        try:
            assert _mount(folder, f"size={(used + room + 65536) // 4096 * 4096}")
            shutil.copytree(held, folder, dirs_exist_ok=True)
            status = start(stage.line, folder, {}).wait(timeout=300)
            shutil.rmtree(held)
            shutil.copytree(folder, held)
        finally:
            _unmount(folder)
            folder.rmdir()
            held.rename(folder)
        return status, f"a disk with room for {room} of {need} bytes"
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room // 3, room // 3))  # noqa: E731
    return start(stage.line, folder, {}, limit).wait(timeout=300), f"files of at most {room // 3} bytes"


def _output_bytes(stage: Stage, folder: Path) -> int:
    reference = folder.parent / "reference"
    return sum((reference / name).stat().st_size for name in stage.makes)


def _read_error(stage: Stage, folder: Path, source: Random, tools: Tools, seconds: float) -> Ended:  # noqa: ARG001
    """EIO in the middle of one input; from its start where there is no compiler."""
    name = source.choice(stage.reads)
    if tools.shim is not None:
        after = source.randint(0, int(1.2 * (folder / name).stat().st_size))
        more = {"LD_PRELOAD": str(tools.shim), "EIO_PATH": name, "EIO_AFTER": str(after)}
        return start(stage.line, folder, more).wait(timeout=300), f"EIO in {name} after {after} bytes"
    held = folder.parent / "held"
    (folder / name).rename(held)
    (folder / name).symlink_to("/proc/self/mem")
    status = start(stage.line, folder, {}).wait(timeout=300)
    held.replace(folder / name)
    return status, f"EIO at the start of {name}"


def _cut_input(stage: Stage, folder: Path, source: Random, tools: Tools, seconds: float) -> Ended:  # noqa: ARG001
    """One input is short; it is whole again before the next run."""
    name = source.choice(stage.reads)
    whole = (folder / name).read_bytes()
    length = source.randrange(len(whole))
    (folder / name).write_bytes(whole[:length])
    status = start(stage.line, folder, {}).wait(timeout=300)
    (folder / name).write_bytes(whole)
    return status, f"{name} cut at {length} of {len(whole)} bytes"


def _bad_server(stage: Stage, folder: Path, source: Random, tools: Tools, seconds: float) -> Ended:  # noqa: ARG001
    """The pool comes from a store that closes connections, answers 5xx, or does so for good."""
    how = source.choice((Fault("GET", cut=source.randint(0, 60_000)), Fault("GET", drop=True),
                         Fault("HEAD", status=503), Fault("GET", status=500)))
    how.path, how.times = source.choice(POOL), source.choice((1, 2, 99))
    if how.cut >= 0:
        how.times = min(how.times, 3)  # smart-open's pauses between tries add up to half a minute
    tools.proxy.faults[:] = [how]
    said = str(how)
    more = CREDENTIALS | {"AWS_ENDPOINT_URL": tools.proxy.url, "AWS_MAX_ATTEMPTS": "3"}
    line = stage.line.replace("pool/", f"{tools.bucket.url}/pool/")
    return start(line, folder, more).wait(timeout=300), said


KINDS: Mapping[str, Kind] = {
    "kill -9": _signalled(signal.SIGKILL), "SIGTERM": _signalled(signal.SIGTERM), "full disk": _full_disk,
    "read error": _read_error, "cut input": _cut_input, "bad server": _bad_server,
}
