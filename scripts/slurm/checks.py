"""What would end every job, looked for before one is submitted: options that no command knows, a SETUP that fails."""

import os
import shlex
import subprocess
from importlib import import_module
from pathlib import Path

import click
from settings import Settings

from gotd.errors import UsageError

#: Where a file will stand.
_FILE = "file"
#: SETUP may load modules and activate environments; whoever takes longer waits for something.
_SETUP_SECONDS = 300
#: As job.sh runs it; then every command must be found.
_TRIAL = """set -eo pipefail
eval "$1"
set -u
shift
for tool; do
    command -v "$tool" > /dev/null || { echo "$tool: not found after it" >&2; exit 127; }
done"""
_REMEDY = "activate the environment where gotd is, or say --no-setup where it works on the nodes alone"


def _lines(settings: Settings) -> dict[str, tuple[str, list[str]]]:
    """By the setting that holds its options: a command and its words, as the jobs run it, without the files."""
    models = [word for model in settings["MODEL"].split() for word in ("--model", model)]
    count = ["-k", settings["K"]] if settings["K"] else []
    lines = {
        "MODEL": ("ds-embed", models),
        "CHUNK": ("ds-chunk", []),
        "EMBED": ("ds-embed", models),
        "STATS": ("ds-target-stats", ["--target", _FILE, "-o", f"{_FILE}.npz"]),
        "SCORE": ("ds-score", ["--target", _FILE]),
        "TOPK": ("ds-topk", [*count, "--scores", _FILE]),
        "TRAIN": ("ds-train", ["-o", f"{_FILE}/"]),
    }
    return {name: (tool, [*words, *(settings[name].split() if name != "MODEL" else [])])
            for name, (tool, words) in lines.items() if name != "TRAIN" or settings["TRAIN"]}


def check_options(file: Path, settings: Settings) -> None:
    """Raises: UsageError for options that their command does not know, or with values it does not take."""
    for name, (tool, words) in _lines(settings).items():
        command: click.Command = import_module(f"gotd.cli.{tool.removeprefix('ds-').replace('-', '_')}").command
        try:
            params = command.make_context(tool, [*words, _FILE]).params
        except (click.ClickException, UsageError) as error:
            said = error.format_message() if isinstance(error, click.ClickException) else str(error)
            raise UsageError(f"{file}: {name}={settings[name]}: {tool}: {said}") from error
        arguments = [params[argument.name or ""] for argument in command.params if isinstance(argument, click.Argument)]
        if arguments != [(_FILE,)]:
            files = ", ".join(word for word in arguments[0] if word != _FILE)
            raise UsageError(f"{file}: {name}={settings[name]}: {files}: no option; options alone stand there")


def check_setup(file: Path, settings: Settings) -> None:
    """Runs SETUP here, in an environment as a job's. Raises: UsageError where it fails or leaves no commands."""
    wanted = [tool for tool, _ in _lines(settings).values()] + (["torchrun"] if settings["TRAIN"] else [])
    line = ["bash", "-c", _TRIAL, "bash", settings["SETUP"], *dict.fromkeys(wanted)]
    try:
        done = subprocess.run(line, env=_environment(settings), capture_output=True, text=True, check=False,
                              timeout=_SETUP_SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"{file}: SETUP did not end in {_SETUP_SECONDS} s; {_REMEDY}") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise UsageError(f"{file}: SETUP={settings['SETUP']}: ended with {done.returncode}: {said}; {_REMEDY}")


def _environment(settings: Settings) -> dict[str, str]:
    """What the jobs will have: that of submit, or, where sbatch is told to give them none, hardly any."""
    words = [word for name in settings if name.startswith("SBATCH") for word in shlex.split(settings[name])]
    if not {"--export=NONE", "--export=NIL", "NONE", "NIL"}.intersection(words):
        return dict(os.environ)
    kept = ("HOME", "USER", "LOGNAME", "SHELL", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PATH": "/usr/local/bin:/usr/bin:/bin"}
