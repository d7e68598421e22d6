"""Commands as a user runs them: installed, in an empty folder, from a shell."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import forked_commands

BIN = Path(sys.executable).parent
#: Variables of the tests' own run, which may stand in a job or be begun by make.
_NOT_A_USERS = ("SLURM_", "DS_", "MAKE", "MFLAGS", "GNUMAKEFLAGS")


class Finished(NamedTuple):
    """What a command left behind."""

    status: int
    out: bytes
    err: str


class Workdir:
    """An empty folder where commands run as a user types them, in bash, with nothing of ours in the environment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_A_USERS)}
        self.environment = kept | {"PATH": f"{BIN}:{os.environ['PATH']}", "HF_HUB_OFFLINE": "1"}
        self.environment.pop("PYTHONUNBUFFERED", None)
        #: Whether lines of shell may fork the commands, see `forked_commands`; what `start` starts is never forked.
        self.may_fork = forked_commands.is_wanted()

    def run(self, line: str, stdin: bytes | int = b"", **environment: str) -> Finished:
        """Runs a line of shell; `pipefail` is set."""
        path = self.environment["PATH"]
        if self.may_fork:
            path = path.replace(str(BIN), f"{forked_commands.shims()}:{BIN}", 1)
        given = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
        done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=self.path, capture_output=True, check=False,
                              timeout=600, env=self.environment | {"PATH": path} | environment, **given)  # type: ignore[call-overload]
        return Finished(done.returncode, done.stdout, done.stderr.decode())

    def ok(self, line: str, stdin: bytes = b"", **environment: str) -> Finished:
        """Runs a line that must succeed."""
        return self._expect(line, 0, self.run(line, stdin, **environment))

    def fails(self, line: str, *words: str, status: int = 1, stdin: bytes = b"", **environment: str) -> Finished:
        """Runs a line that must fail with one line of error that holds all the words, and no traceback."""
        done = self._expect(line, status, self.run(line, stdin, **environment))
        errors = [text for text in done.err.splitlines() if ": error: " in text]
        assert len(errors) == 1, self._story(line, done)
        assert "Traceback" not in done.err, self._story(line, done)
        for word in words:
            assert word in errors[0], self._story(line, done)
        return done

    def start(self, line: str) -> "subprocess.Popen[bytes]":
        """Starts one command with pipes on all sides, itself and not a shell, so that signals reach it.

        As from a terminal: a test run in the background ignores Ctrl-C, and its children would, too.
        """
        return subprocess.Popen(line.split(), cwd=self.path, env=self.environment, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def write(self, name: str, data: bytes) -> None:
        """A file in the folder."""
        (self.path / name).write_bytes(data)

    def read(self, name: str) -> bytes:
        """A file of the folder."""
        return (self.path / name).read_bytes()

    def names(self) -> set[str]:
        """All there is in the folder, hidden things too."""
        return {entry.relative_to(self.path).as_posix() for entry in self.path.rglob("*")}

    def _expect(self, line: str, status: int, done: Finished) -> Finished:
        assert done.status == status, self._story(line, done)
        return done

    def _story(self, line: str, done: Finished) -> str:
        return f"{line}\nin {self.path}\nstatus {done.status}\nout {done.out[:400]!r}\nerr {done.err}"


WORDS = (
    "protein kinase binding inhibits receptor cell assay butter onion oven simmer garlic market shares quarter "
    "profit league goal keeper season striker orbit rocket launch lunar probe"
).split()


def texts(count: int, seed: int = 0, words: int = 60) -> list[str]:
    """Texts of random words; each keeps to one of five subjects."""
    source = random.Random(seed)
    subjects = [WORDS[i * 5 : i * 5 + 6] for i in range(5)]
    return [" ".join(source.choices(subjects[number % 5], k=words)) + f" {number}." for number in range(count)]


def records(documents: list[str]) -> bytes:
    """Texts as JSON Lines."""
    return b"".join(json.dumps({"id": f"d{i}", "text": text}).encode() + b"\n" for i, text in enumerate(documents))


def stop(process: "subprocess.Popen[bytes]", number: signal.Signals, feed: bytes) -> Finished:
    """Feeds a command some input, waits until it has read it, and signals it in the middle of its work."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        process.stdin.write(feed)
        process.stdin.flush()
        wait_until_idle(process.pid)
        process.send_signal(number)
        status = process.wait(timeout=60)
        return Finished(status, process.stdout.read(), process.stderr.read().decode())


def wait_until_idle(pid: int, seconds: float = 60.0) -> None:
    """Returns when a process has used no CPU for a while: imports are done, it waits for input."""
    deadline, last, calm = time.monotonic() + seconds, -1, 0
    while time.monotonic() < deadline and calm < 4:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        used = int(fields[11]) + int(fields[12])
        calm = calm + 1 if used == last else 0
        last = used
        time.sleep(0.1)
