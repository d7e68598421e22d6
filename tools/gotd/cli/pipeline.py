"""ds-pipeline: the chain over all shards of a pool, by make or by Slurm, and the files that do it."""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import click

import gotd
from gotd.cli import _options as options
from gotd.cli._completion import SHELLS, scripts
from gotd.cli._frame import entry_point
from gotd.cli._printing import print_text
from gotd.errors import DataError, GotdError

#: In a checkout a link to scripts/, in an installed package the files themselves.
SCRIPTS = Path(gotd.__file__).parent / "scripts"
#: What a user may want to have and to change.
_PARTS = ("pipeline.mk", "report.py", "rounds.py", "growth.py", "growth_rates.py", "growth-2-cores.json", "slurm",
          "snakemake", "demo")
#: Everything after the name of the subcommand is another program's.
_PASSED_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.group("ds-pipeline", no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@options.help_and_version
def command() -> None:
    """Run the whole chain over the shards of a pool: chunk, embed, fit, score, choose.

    Reads and writes what the commands of the chain do: one output for each shard, and only what is missing or older
    than what it is made from. Holds nothing; each command holds what its own help says.

    \b
    Examples:
      ds-pipeline demo demo/ && cd demo/
      ds-pipeline run -j4 POOL=pool/ TARGET=target.jsonl K=300 WORK=work/
      ds-pipeline run help
      ds-pipeline submit settings.sh --wait
      ds-pipeline copy chain/
      eval "$(ds-pipeline completion bash)"
    """


@command.command("run", context_settings=_PASSED_ON)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[GOAL] [NAME=VALUE]... [-jN]")
def run(words: tuple[str, ...]) -> None:
    """Run the chain by GNU Make 4.2 or newer, on this machine.

    The goal `help` lists the names, `report` prints what was chosen, too. Options are make's: -jN works on N shards at
    once, -n prints what would be done, -s prints no commands. Killed, the same line goes on. Ends as make does: with 2
    when anything failed.
    """
    make = shutil.which("gmake") or shutil.which("make")
    if make is None:
        raise GotdError("make: no such command; install GNU Make 4.2 or newer, as by apt-get or brew install make")
    _become(make, "-f", str(SCRIPTS / "pipeline.mk"), *words)


@command.command("submit", context_settings=_PASSED_ON)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="SETTINGS [--wait|--report|--print]")
def submit(words: tuple[str, ...]) -> None:
    """Submit the chain to a Slurm cluster as array jobs that wait for each other.

    SETTINGS is a copy of slurm/settings.sh (see `ds-pipeline copy`), filled in. --wait waits for the end and says what
    is done and what failed, --report says so later, --print shows the jobs and submits nothing. The same line again
    goes on after a failure.
    """
    _become(sys.executable, str(SCRIPTS / "slurm" / "submit"), *words)


@command.command("demo")
@click.argument("folder", metavar="FOLDER/")
def demo(folder: str) -> None:
    """Write text to try it on: FOLDER/pool/*.jsonl, FOLDER/target.jsonl and FOLDER/held-out.jsonl.

    The pool is the docstrings of the packages on this machine, the target those of one of them, networkx: half of them
    are left in the pool, where a good choice finds them. No network; files that are there are replaced.
    """
    _become(sys.executable, str(SCRIPTS / "demo" / "pool.py"), folder)


@command.command("copy")
@click.argument("folder", metavar="FOLDER/")
def copy(folder: str) -> None:
    """Write the files of the chain into a new FOLDER/, to be read and changed.

    pipeline.mk for make, slurm/ with submit and its settings.sh, snakemake/, demo/, report.py (what was chosen),
    rounds.py (choosing in rounds), growth.py (what a larger pool costs).
    """
    goal = Path(folder)
    if goal.exists() and not (goal.is_dir() and not any(goal.iterdir())):
        raise DataError(folder, "is there already", "name a new folder, so that nothing of yours is replaced")
    goal.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{goal.name}.", suffix=".tmp", dir=goal.parent))
    try:
        for part in (SCRIPTS / name for name in _PARTS):
            if part.is_dir():
                shutil.copytree(part, made / part.name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(part, made / part.name)
        made.chmod(0o777 & ~_umask())
        made.replace(goal)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


@command.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what completes all commands in a shell: options, choices and names of files, by the Tab key.

    \b
    In ~/.bashrc:                   eval "$(ds-pipeline completion bash)"
    In ~/.zshrc:                    eval "$(ds-pipeline completion zsh)"
    In ~/.config/fish/config.fish:  ds-pipeline completion fish | source

    Each command alone has click's own way: eval "$(_DS_EMBED_COMPLETE=bash_source ds-embed)".
    """
    print_text(scripts(shell, command).rstrip("\n"))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _become(program: str, *words: str) -> NoReturn:
    """Be another program from here on, which finds the commands and the Python of this installation first."""
    here = Path(sys.executable).parent
    path = os.environ.get("PATH", os.defpath)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and what is ignored stays so
        signal.signal(number, signal.SIG_DFL)
    environment = os.environ | {"PATH": f"{here}{os.pathsep}{path}", "GOTD_REPORT": str(SCRIPTS / "report.py")}
    sys.stdout.flush()
    os.execve(program, [program, *words], environment)


main = entry_point(command)
