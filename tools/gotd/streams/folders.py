"""The files of a folder that is given in place of files, in the order of their names in it."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from gotd.errors import DataError, GotdError
from gotd.streams.locations import READ_ENDINGS, some_names

#: What save_to_disk of `datasets` writes beside the Arrow files of a dataset, and beside several datasets in a folder.
_STATE, _INFO, _SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
_HIDDEN = (".", "_")


class Folder(NamedTuple):
    """files : that are read; others : that are passed over, as their endings are none of those wanted"""

    files: list[str]
    others: list[str]


def files_under(folder: str, endings: Sequence[str] = READ_ENDINGS) -> Folder:
    """Return the files with such endings, those of folders in it too, in the order of their names within it, as bytes.

    Of a dataset that `datasets` saved these are the Arrow files that its state names, in its order, and nothing else.
    What begins with a dot or an underscore is hidden (as for Spark, Hive and pyarrow) and passed over.
    Raises: GotdError for a folder that cannot be read or leads to itself, DataError for a saved one without files.
    """
    found = Folder([], [])
    _collect(Path(folder), tuple(endings), (), found)
    return found


def _collect(folder: Path, endings: tuple[str, ...], outer: tuple[str, ...], found: Folder) -> None:
    """Add what is in a folder. outer : the real paths of the folders it is in"""
    real = os.path.realpath(folder)
    if real in outer:
        raise GotdError(f"{folder}: a link to a folder that it is in; name the files, or take the link out")
    try:
        entries = {entry.name: entry for entry in os.scandir(folder) if not entry.name.startswith(_HIDDEN)}
    except OSError as error:
        raise GotdError(f"{folder}: {error.strerror}") from error
    if {_STATE, _INFO} <= entries.keys():
        found.files.extend(_saved(folder))
        return
    # A folder is sorted as its files are, by names with a slash behind the folder's.
    for name in sorted(entries, key=lambda name: os.fsencode(name + "/" if entries[name].is_dir() else name)):
        path = folder / name
        if entries[name].is_dir():
            _collect(path, endings, (*outer, real), found)
        elif name != _SPLITS:
            (found.files if name.lower().endswith(endings) else found.others).append(str(path))


def _saved(folder: Path) -> list[str]:
    try:
        state = orjson.loads((folder / _STATE).read_bytes())
        names = [str(file["filename"]) for file in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(str(folder / _STATE), "names no data files, as save_to_disk of datasets writes them",
                        "save the dataset again") from error
    return [str(folder / name) for name in names]


def folder_remedy(path: str) -> str:
    """Return what to give in place of a folder, by what is in it."""
    files, others = files_under(path)
    endings = Counter(ending for ending in (_ending(name) for name in files) if ending)
    if endings:
        ending = max(endings, key=lambda ending: (endings[ending], len(ending)))
        return f"name the files in it: {path.rstrip('/')}/*{ending}"
    names = [os.path.relpath(name, path) for name in others]
    return f"nothing in it is read by its name, {f'it holds {some_names(names)}' if names else 'it is empty'}"


def _ending(name: str) -> str:
    return next((ending for ending in READ_ENDINGS if name.lower().endswith(ending)), "")
