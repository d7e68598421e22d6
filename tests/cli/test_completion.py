"""Completion in real shells: what the Tab key puts on the line, in bash, zsh and fish."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gotd.cli._environment import COMMANDS
from workdir import Workdir

ROOT = Path(__file__).parent.parent.parent
#: An interactive shell that reads no one's settings.
BARE = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}
_SECONDS = 60.0


class Terminal:
    """A shell at a terminal, as a user has it."""

    def __init__(self, shell: str, work: Workdir) -> None:
        self._mine, its = pty.openpty()
        settings = {"TERM": "dumb", "PS1": "", "HOME": str(work.path), "INPUTRC": "/dev/null"}
        self._process = subprocess.Popen(BARE[shell], stdin=its, stdout=its, stderr=its, cwd=work.path,
                                         env=work.environment | settings, start_new_session=True)
        os.close(its)

    def shows(self, typed: str, wanted: str) -> str:
        """Type something; return what appears when `wanted` is in it, or all that came."""
        os.write(self._mine, typed.encode())
        seen, deadline = "", time.monotonic() + _SECONDS
        while wanted not in seen and time.monotonic() < deadline:
            if select.select([self._mine], [], [], 0.2)[0]:
                seen += os.read(self._mine, 1 << 16).decode(errors="replace")
        return seen

    def close(self) -> None:
        """End the shell."""
        self._process.kill()
        self._process.wait()
        os.close(self._mine)


@pytest.fixture
def files(work: Workdir) -> Workdir:
    """A folder with a few names."""
    work.write("selected.jsonl", b"")
    (work.path / "models").mkdir()
    work.write("modelling.txt", b"")
    return work


@pytest.fixture(params=BARE)
def terminal(request: pytest.FixtureRequest, files: Workdir) -> Iterator[Terminal]:
    """Each shell that is here, with the line of `ds-pipeline completion --help`."""
    if shutil.which(request.param) is None:
        pytest.skip(f"no {request.param} here")
    made = Terminal(request.param, files)
    line = f'eval "$(ds-pipeline completion {request.param})"; echo rea""dy\n'
    assert "ready" in made.shows(line, "ready\r\n")
    yield made
    made.close()


@pytest.mark.heavy
def test_the_tab_key_finds_options_choices_and_files(terminal: Terminal) -> None:
    assert "--max-tokens " in terminal.shows("ds-embed --max\t", "--max-tokens ")
    assert "bfloat16 " in terminal.shows("8 --precision b\t", "bfloat16 ")
    assert "selected.jsonl " in terminal.shows("sel\t", "selected.jsonl ")
    assert "models/" in terminal.shows("--model mod\t", "models/")  # not modelling.txt, which is no folder


def test_a_group_completes_its_commands(terminal: Terminal) -> None:
    assert "submit" in terminal.shows("ds-pipeline sub\t", "submit ")


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish(files: Workdir) -> None:
    wanted = {"ds-embed --max": ["--max-tokens"], "ds-embed --precision b": ["bfloat16"],
              "ds-topk sel": ["selected.jsonl"], "ds-embed --model mod": ["models/"],
              "ds-train --objective c": ["classify", "clm"], "ds-pipeline sub": ["submit"]}
    files.environment |= {"HOME": str(files.path), "XDG_CONFIG_HOME": str(files.path), "TERM": "dumb"}
    asked = "".join(f'complete -C "{line}"; echo; ' for line in wanted)
    found = files.ok(f"fish --no-config -c 'ds-pipeline completion fish | source; {asked}'").out.decode()
    answers = [[line.split("\t")[0] for line in each.splitlines()] for each in found.split("\n\n")]
    assert dict(zip(wanted, answers, strict=False)) == wanted


@pytest.mark.slow
def test_the_scripts_are_of_every_command(work: Workdir) -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {f"ds-{name.replace('_', '-')}" for name in COMMANDS} == set(tools)
    for shell in ("bash", "zsh", "fish"):
        scripts = work.ok(f"ds-pipeline completion {shell}").out
        for tool in tools:
            alone = work.ok(tool, **{f"_{tool.upper().replace('-', '_')}_COMPLETE": f"{shell}_source"}).out
            assert alone in scripts


def test_completing_asks_nothing_of_files_or_networks(work: Workdir) -> None:
    asked = {"_DS_EMBED_COMPLETE": "bash_complete", "COMP_WORDS": "ds-embed s3://bucket/pool/ --dty", "COMP_CWORD": "2"}
    assert work.ok("ds-embed", AWS_ENDPOINT_URL="http://127.0.0.1:9", **asked).out == b"plain,--dtype\n"


def test_completing_imports_nothing_heavy() -> None:
    program = ("import sys; sys.argv = ['ds-train']; from gotd.cli.train import main\ntry: main()\n"
               "finally: print([name for name in ('torch', 'transformers', 'ot', 'scipy') if name in sys.modules])")
    asked = {"_DS_TRAIN_COMPLETE": "bash_complete", "COMP_WORDS": "ds-train --fs", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=os.environ | asked, capture_output=True, text=True,
                          check=True)
    assert done.stdout.split() == ["plain,--fsdp", "[]"]


def test_what_no_shell_asks_is_an_error(work: Workdir) -> None:
    work.fails("ds-embed", "tcsh_source", "bash_source", status=2, _DS_EMBED_COMPLETE="tcsh_source")
    work.fails("ds-embed", "ds-pipeline completion", status=2, _DS_EMBED_COMPLETE="bash_complete")
