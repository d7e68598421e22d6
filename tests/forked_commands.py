"""Commands begun as forks of a process that has imported what they need, instead of a start of Python each.

Nine tenths of a test's time went into importing torch. A folder of programs named as ours (`shims`) stands first on
the PATH of a test: each hands its arguments, folder, environment and open files to a server, which forks, runs what
the installed program of that name runs, and hands the status back. Where the way a process begins could matter (an
environment beyond our own variables, a limit, a closed or one more open file), the program itself is run instead.
`GOTD_TESTS_START=1` has every program started for real.
"""

import atexit
import contextlib
import importlib
import json
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NoReturn

BIN = Path(sys.executable).parent
#: What an environment may hold beside the server's own without a process that begins in it being another one.
_HARMLESS = ("DS_", "SLURM_", "MAKE", "MFLAGS", "PWD", "OLDPWD", "SHLVL", "PATH", "_", "PYTEST_")
#: make's own, where a line gives them: they reach the environment of what it runs, and nothing in it.
_MAKE_VARIABLES = {"CHUNK", "EMBED", "K", "MODEL", "NAME", "POOL", "STATS", "TARGET", "WORK"}
_LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE,
           resource.RLIMIT_STACK, resource.RLIMIT_CPU)
_MESSAGE_BYTES = 1 << 20
#: Imported by a command only when it begins its work.
_IMPORTED_LATE = {
    "ds-score": ("torch", "gotd.methods.got_fit", "gotd.methods.text_features", "gotd.embedders.hashing"),
    "ds-target-stats": ("torch", "scipy.optimize", "ot", "gotd.methods.got_fit", "gotd.methods.turns"),
    "ds-probe": ("numpy", "scipy.stats"),
    "ds-report": ("torch", "gotd.methods.got", "gotd.embedders.hashing", "jinja2", "matplotlib.figure",
                  "matplotlib.backends.backend_svg"),
    "ds-embed": ("numpy", "gotd.embedders.hashing"),
    "ds-train": ("torch", "transformers", "transformers.trainer", "gotd.training.train_seed"),
}
_IMPORTED_FOR_A_MODEL = ("torch", "transformers", "tokenizers", "gotd.embedders.transformer", "gotd.embedders.static")

#: The program: Python without its site, as nothing but the standard library is needed to hand things over.
_SHIM = """#!{python} -IS
import _socket, json, os, resource, signal, sys
tool = os.path.basename(sys.argv[0])
def start():
    os.execv({bin!r} + "/" + tool, [tool, *sys.argv[1:]])
numbers = sorted(int(name) for name in os.listdir("/proc/self/fd"))
if numbers != [0, 1, 2, 3]:  # the last one is the listing's own
    start()
link = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
ignored = [number for number in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(number) == signal.SIG_IGN]
mask = os.umask(0)
os.umask(mask)
try:
    link.connect({server!r})
except OSError:
    start()
told = json.dumps([sys.argv, os.getcwd(), dict(os.environ), mask, ignored,
                   [resource.getrlimit(limit) for limit in {limits!r}]])
link.sendmsg([told.encode("utf-8", "surrogateescape")],
             [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, b"".join(n.to_bytes(4, sys.byteorder) for n in (0, 1, 2)))])
if link.recv(1) != b"y":
    start()
for number in (0, 1, 2):
    os.close(number)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    if number not in ignored:
        signal.signal(number, lambda got, _: link.send(bytes([got])))
status = int(link.recv(8) or b"70")
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""


def is_wanted() -> bool:
    """Whether commands are forked at all."""
    return sys.platform == "linux" and os.environ.get("GOTD_TESTS_START") != "1"


@cache
def shims() -> Path:
    """The folder of programs, which lasts as long as this process; the server is started with it."""
    folder = Path(tempfile.mkdtemp(prefix="gotd-tests-"))
    server = folder / "server"
    limits = tuple(int(limit) for limit in _LIMITS)
    for tool in _entry_points():
        shim = folder / tool
        shim.write_text(_SHIM.format(python=sys.executable, bin=str(BIN), server=str(server), limits=limits))
        shim.chmod(0o755)
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(_HARMLESS) and name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen([sys.executable, __file__, str(server)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               env=kept | {"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1"})
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    atexit.register(_remove, folder, process)
    return folder


def _remove(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.communicate()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def _entry_points() -> dict[str, str]:
    """module:function by the name of each installed command."""
    found = distribution("gotd").entry_points
    return {point.name: point.value for point in found if point.group == "console_scripts"}


def run_and_exit(program: Callable[[], object], *ends: Callable[[], object]) -> NoReturn:
    """Run a program in a fork as the interpreter would, to the end of its threads. ends : called after these"""
    status = 70
    try:
        program()
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:  # noqa: BLE001 - what the interpreter would print
        traceback.print_exc()
        status = 1
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        for end in ends:
            end()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


class _Server:
    """One thread: forks on request, hands statuses back, ends what was forked for a program that is gone."""

    def __init__(self, path: str) -> None:
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith(_HARMLESS)}
        self._limits = [list(resource.getrlimit(limit)) for limit in _LIMITS]
        self._points = _entry_points()
        self._children: dict[int, socket.socket] = {}
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listening.bind(path)
        self._listening.listen(64)
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._listening, selectors.EVENT_READ)
        self._ready.register(0, selectors.EVENT_READ)
        self._woken, waking = os.pipe()
        os.set_blocking(waking, False)
        self._ready.register(self._woken, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Until standard input ends."""
        while True:
            for key, _ in self._ready.select():
                if key.fd == 0:
                    return
                if key.fd == self._woken:
                    os.read(self._woken, 64)
                    self._reap()
                elif key.fileobj is self._listening:
                    self._begin(self._listening.accept()[0])
                elif isinstance(key.fileobj, socket.socket):
                    self._pass_on(key.fileobj)

    def _begin(self, link: socket.socket) -> None:
        told, files, *_ = socket.recv_fds(link, _MESSAGE_BYTES, 3)
        if not told:
            link.close()
            return
        words, folder, environment, mask, ignored, limits = json.loads(told.decode("utf-8", "surrogateescape"))
        tool = Path(words[0]).name
        others = {name: value for name, value in environment.items()
                  if not name.startswith(_HARMLESS) and name not in _MAKE_VARIABLES}
        same = others == self._environment and limits == self._limits
        if same:
            self._import_for(tool, words)
            module, function = self._points[tool].split(":")
            main = getattr(importlib.import_module(module), function)
            pid = os.fork()
            if not pid:
                link.close()
                self._become(words, folder, environment, mask, ignored, files, main)
            self._children[pid] = link
            self._ready.register(link, selectors.EVENT_READ)
        for file in files:
            os.close(file)
        link.send(b"y" if same else b"n")
        if not same:
            link.close()

    def _import_for(self, tool: str, words: Sequence[str]) -> None:
        """What the command would import, so that its forks need not."""
        late = _IMPORTED_LATE.get(tool, ())
        if tool == "ds-embed" and any(word.startswith("--model") for word in words):
            late += _IMPORTED_FOR_A_MODEL
        for name in late:
            with contextlib.suppress(ImportError):  # the command says so itself, or has no need of it
                importlib.import_module(name)

    def _become(self, words: list[str], folder: str, environment: dict[str, str], mask: int, ignored: list[int],
                files: Sequence[int], main: Any) -> NoReturn:
        """What is left of the server in the fork goes; then as the installed program."""

        def program() -> None:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)
            for number, file in enumerate(files):
                os.dup2(file, number)
            self._ready.close()
            os.closerange(3, 256)
            os.chdir(folder)
            os.umask(mask)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv = [str(BIN / Path(words[0]).name), *words[1:]]
            sys.stdin = os.fdopen(0, encoding="utf-8")
            sys.stdout = os.fdopen(1, "w", encoding="utf-8", buffering=1 if os.isatty(1) else -1)
            sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, errors="backslashreplace")
            main()

        run_and_exit(program, atexit._run_exitfuncs)

    def _pass_on(self, link: socket.socket) -> None:
        """A signal for what was forked; the end of the link is the program's own end, by SIGKILL perhaps."""
        pid = next(pid for pid, other in self._children.items() if other is link)
        try:
            number = link.recv(1)
        except ConnectionError:
            number = b""
        if number:
            os.kill(pid, number[0])
            return
        self._ready.unregister(link)
        os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            link = self._children.pop(pid)
            if link in self._ready.get_map():
                self._ready.unregister(link)
            with contextlib.suppress(OSError):  # the program may be gone
                link.send(str(os.waitstatus_to_exitcode(status)).encode())
            link.close()


if __name__ == "__main__":
    server = _Server(sys.argv[1])
    print("ready", flush=True)
    server.serve()
