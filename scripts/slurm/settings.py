"""The settings file: read by bash, checked before anything is submitted, written down for the jobs."""

import difflib
import glob
import os
import re
import shlex
import subprocess
from collections import Counter
from pathlib import Path

from gotd.errors import UsageError
from gotd.streams.folders import files_under
from gotd.streams.locations import RECORD_ENDINGS, is_url
from gotd.streams.pairing import stem, stems
from gotd.streams.sources import expanded

TEMPLATE = Path(__file__).with_name("settings.sh")
_REQUIRED = ("POOL", "TARGET", "WORK")
#: Names that a command is given, in bytes: Linux takes 2 MiB of arguments and environment together.
_NAMES_BYTES = 3 << 19
#: What a value must look like, by the end of its setting's name.
_FORMS = {
    "TIME": (re.compile(r"(\d+-)?\d+(:\d+){0,2}|UNLIMITED"), "a time, as 4:00:00 or 2-0"),
    "MEMORY": (re.compile(r"\d+[KMGT]?"), "an amount of memory, as 8G"),
    "CPUS": (re.compile(r"[1-9]\d*"), "a number from 1"),
    "GPUS": (re.compile(r"([A-Za-z][\w.-]*:)?\d+"), "a number, or a type and a number, as a100:1"),
    "NODES": (re.compile(r"[1-9]\d*"), "a number from 1"),
    "TASKS": (re.compile(r"[1-9]\d*"), "a number from 1"),
    "REQUEUES": (re.compile(r"\d+"), "a number"),
    "PROCESSES": (re.compile(r"[1-9]\d*|"), "a number from 1, or nothing"),
    "SHARDS": (re.compile(r"[1-9]\d*|"), "a number from 1, or nothing"),
    "ONCE": (re.compile(r"[1-9]\d*|"), "a number from 1, or nothing"),
    "K": (re.compile(r"[1-9]\d*|"), "a number from 1"),
}

Settings = dict[str, str]


def read(file: Path) -> Settings:
    """All settings of a file, with the template's values where it is silent.

    Raises: UsageError naming every setting that is missing, unknown or malformed.
    """
    defaults = _assigned(TEMPLATE)
    given = _assigned(file)
    unknown = [name for name in given if name not in defaults and name.isupper()]
    if unknown:
        raise UsageError(f"{file}: no such setting: {', '.join(_with_guess(name, defaults) for name in unknown)}")
    settings = {name: given.get(name, value).strip() for name, value in defaults.items()}
    missing = [name for name in _REQUIRED if not settings[name]]
    if not (settings["K"] or settings["TOPK"]):
        missing.append("K")
    if missing:
        raise UsageError(f"{file}: not set: {', '.join(missing)}; {TEMPLATE} says what they are")
    for name, value in settings.items():
        form, wanted = _FORMS.get(name.rpartition("_")[2], (None, ""))
        if form and not form.fullmatch(value):
            raise UsageError(f"{file}: {name}={value}: wanted {wanted}")
    if is_url(settings["WORK"]):
        raise UsageError(f"{file}: WORK={settings['WORK']}: wanted a folder on a disk that every node sees")
    completed = _completed(settings)
    _check_words(file, completed)
    return completed


def _check_words(file: Path, settings: Settings) -> None:
    """Raises: UsageError where sbatch would understand something else than what is meant."""
    for name in ("WORK", "NAME"):
        if found := set(",%").intersection(settings[name]):
            raise UsageError(f"{file}: {name}={settings[name]}: sbatch reads {' and '.join(sorted(found))} in names as "
                             "something else; choose another")
    for name in (name for name in settings if name.startswith("SBATCH")):
        try:
            shlex.split(settings[name])
        except ValueError as error:
            raise UsageError(f"{file}: {name}={settings[name]}: {error}") from error


def _assigned(file: Path) -> Settings:
    """The variables that a file of shell sets."""
    if not file.is_file():
        raise UsageError(f"{file}: No such file; copy {TEMPLATE} and fill it in")
    # What the environment holds under the name of a setting is none.
    names = re.findall(r"^([A-Z_]+)=", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE)
    around = {name: value for name, value in os.environ.items() if name not in names}
    line = 'set -euaf; . "$1"; env -0'
    done = subprocess.run(["bash", "-c", line, "bash", os.path.relpath(file) if "/" in str(file) else f"./{file}"],
                          env=around, capture_output=True, check=False)
    if done.returncode:
        raise UsageError(f"{file}: not to be read by bash: {os.fsdecode(done.stderr).strip()}")
    found = dict(entry.split("=", 1) for entry in os.fsdecode(done.stdout).split("\0") if entry)
    return {name: value for name, value in found.items() if around.get(name) != value and name not in ("_", "SHLVL")}


def _with_guess(name: str, known: Settings) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name} (did you mean {near[0]}?)" if near else name


def _completed(settings: Settings) -> Settings:
    """With what follows from others: absolute names, the target's name, processes."""
    work = str(Path(settings["WORK"]).absolute())
    name = settings["NAME"] or stem(settings["TARGET"].split()[0])
    processes = settings["TRAIN_PROCESSES"] or str(max(1, gpu_count(settings["TRAIN_GPUS"])))
    return settings | {"WORK": work, "NAME": name, "TRAIN_PROCESSES": processes}


def gpu_count(gpus: str) -> int:
    """How many GPUs a setting asks for, of whatever type; none where it is empty."""
    return int(gpus.rpartition(":")[2] or 0)


def lists(settings: Settings) -> dict[str, list[str]]:
    """The files that the jobs read, as they are now: every task must see the same list.

    pool, target; chunks, emb : made of the pool, in its order; fitted : those of emb that potentials are solved on
    Raises: UsageError naming what is not there, or an empty pool, or shards of one name, or too many.
    """
    pool = [file for place in settings["POOL"].split() for file in _expanded(place)]
    target = settings["TARGET"].split()
    absent = [file for file in [*pool, *target] if not is_url(file) and not Path(file).is_file()]
    if absent:
        raise UsageError(f"no such file: {' '.join(absent)}")
    if not pool:
        raise UsageError(f"no records in POOL={settings['POOL']}")
    names = stems(pool)
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise UsageError(f"several shards are called {', '.join(twice)}; outputs are named after them")
    work = settings["WORK"]
    found = {"pool": [_absolute(file) for file in pool], "target": [_absolute(file) for file in target],
             "chunks": [f"{work}/chunks/{name}.jsonl.zst" for name in names],
             "emb": [f"{work}/emb/{name}.npy" for name in names]}
    # Each with the zero at its end and a pointer. ds-topk must have them all, so that sharing them out would not help.
    if max(sum(len(os.fsencode(file)) + 9 for file in files) for files in found.values()) > _NAMES_BYTES:
        raise UsageError(f"the names of {len(pool)} shards are more than a command line holds; make fewer, larger ones")
    return found | {"fitted": spread(found["emb"], int(settings["STATS_SHARDS"] or len(pool)))}


def _expanded(place: str) -> list[str]:
    if is_url(place):
        return expanded([place])
    if Path(place).is_dir():
        return files_under(place, RECORD_ENDINGS).files
    if any(mark in place for mark in "*?["):
        return sorted(glob.glob(place)) or [place]  # noqa: PTH207 - absolute or not
    return [place]


def _absolute(file: str) -> str:
    return file if is_url(file) else str(Path(file).absolute())


def spread(files: list[str], count: int) -> list[str]:
    """So many of the files, spread evenly; all where there are fewer."""
    count = min(count, len(files))
    return [files[number * len(files) // count] for number in range(count)]


def write_down(run: Path, settings: Settings, files_of: dict[str, list[str]]) -> None:
    """The folder that the jobs read: settings, and the lists of files, one name a line."""
    (run / "logs").mkdir(parents=True, exist_ok=True)
    # The shell reads them by their bytes, whatever the locale.
    for name, files in files_of.items():
        (run / name).write_bytes(os.fsencode("".join(f"{file}\n" for file in files)))
    lines = (f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    (run / "settings.sh").write_bytes(os.fsencode("".join(lines)))
