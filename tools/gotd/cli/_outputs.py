"""What an output may be called: by its ending it says what it is, and it replaces nothing that it is made from."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from gotd.cli._environment import is_from_environment
from gotd.errors import UsageError
from gotd.streams.locations import COMPRESSED, PLAIN_RECORDS, STANDARD, TABLE, is_url

ARRAY = (".npy",)
TARGET = (".npz",)
RECORDS = tuple(f"{plain}{packed}" for packed in (".zst", ".gz", "") for plain in PLAIN_RECORDS)
#: The endings that messages propose.
_USUAL = (*ARRAY, *TARGET, ".jsonl.zst", ".jsonl.gz", ".jsonl", TABLE)


def is_directory(output: str) -> bool:
    """Whether outputs go into a directory, one for each input."""
    return output != STANDARD and (output.endswith("/") or (not is_url(output) and Path(output).is_dir()))


def is_array(output: str) -> bool:
    """Return True if an output's name says that it is a .npy."""
    return output.lower().endswith(ARRAY)


def is_records(output: str) -> bool:
    """Return True if an output's name says that it is JSON Lines, or compressed."""
    return output.lower().endswith((*PLAIN_RECORDS, *COMPRESSED))


def is_named_as_file(output: str) -> bool:
    """Return True if an output that is a folder is named as a file, or is one."""
    return not is_directory(output) and (is_records(output) or output.lower().endswith((*ARRAY, *TARGET))
                                         or Path(output).is_file())


def require_ending(output: str, endings: Sequence[str], folder: bool = False) -> None:
    """Raise UsageError where an output is named as something else than what the command writes.

    Standard output, devices and named pipes have names that say nothing.

    endings : of what it writes, in lower case
    folder : whether it writes into folders, one output for each input
    """
    usual = [ending for ending in _USUAL if ending in endings] or list(endings)
    wanted = f"name it {' or '.join(filter(None, (', '.join(usual[:-1]), usual[-1])))}"
    if is_directory(output):
        if not folder:
            raise UsageError(f"-o {output}: a folder, and one file is written; {wanted}")
    elif not (output == STANDARD or _is_passed_on(output) or _ends_with(output, endings)):
        name = output.rstrip("/").rsplit("/", 1)[-1]
        ending = name[name.index(".", 1) :] if "." in name[1:] else ""
        what = f"{ending} is not what is written" if ending else "no ending says what to write"
        other = f", or {output}/ for one output for each input" if folder and not ending else ""
        raise UsageError(f"-o {output}: {what}; {wanted}{other}")


def is_plain(output: str, asked: bool) -> bool:
    """Return whether records go out as plain JSON Lines because of --plain.

    Raises: UsageError where the command line says so of a file or folder, whose name says what it is; a variable that
    does is passed over.
    """
    if asked and not (output == STANDARD or _is_passed_on(output)):
        if not is_from_environment("plain"):
            raise UsageError(f"--plain is for standard output, and {output} is what its name says; name it .jsonl")
        return False
    return asked


def _is_passed_on(output: str) -> bool:
    """Whether it is a device, a pipe or an open descriptor: what is written there goes elsewhere."""
    if output.startswith(("/dev/", "/proc/")):
        return True
    return not is_url(output) and Path(output).exists() and not Path(output).is_file()


def _ends_with(output: str, endings: Sequence[str]) -> bool:
    """Whether a name has one of the endings, or says of records only how they are compressed."""
    name = output.rsplit("/", 1)[-1].lower()
    stem, _, ending = name.lstrip(".").partition(".")
    if stem and f".{ending}" in COMPRESSED and RECORDS[0] in endings:
        return True
    return any(name.endswith(ending) and len(name) > len(ending) for ending in endings)


def require_apart(outputs: Iterable[str], inputs: Iterable[str]) -> None:
    """Raises: UsageError where an output is one of the inputs, under whatever name."""
    read = {_identity(name) for name in inputs if is_url(name) or Path(name).is_file()}
    for output in outputs:
        if output != STANDARD and _identity(output) in read:
            raise UsageError(f"{output} is an input as well: it would be replaced; choose another output")


def _identity(name: str) -> str:
    return name if is_url(name) else os.path.realpath(name)
