"""Where files come from, by their seals."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gotd.selection import TargetFile
from gotd.streams.end_seal import end_seal
from gotd.streams.locations import STANDARD

#: Digests of inputs differ from file to file of one command.
_OF_ONE_FILE = ("inputs",)


@dataclass(frozen=True)
class Stage:
    """A command that made some of the files. made_by : what their seals say of it; empty where they have none"""

    what: str
    files: int
    example: str
    tool: str
    version: str
    made_by: dict[str, Any]


@dataclass(frozen=True)
class Provenance:
    """Commands in the order of the chain. target : the run record of the target file; digest : of that file"""

    stages: list[Stage]
    target_name: str | None
    target_digest: str | None
    target: dict[str, Any] | None

    @property
    def warnings(self) -> list[str]:
        """Of the target's run record."""
        found = (self.target or {}).get("warnings")
        return [str(each) for each in found] if isinstance(found, list) else []


def provenance(files: Mapping[str, Sequence[str]], target_name: str | None, target: TargetFile | None) -> Provenance:
    """Return what the seals say. files : names, by what they are"""
    stages = [stage for what, names in files.items() for stage in _stages(what, names)]
    if target is None:
        return Provenance(stages, None, None, None)
    return Provenance(stages, target_name, target.digest, dict(target.summary))


def _stages(what: str, names: Sequence[str]) -> list[Stage]:
    """Return one for each way in which files were made."""
    groups: dict[str, tuple[list[str], dict[str, Any], str]] = {}
    for name in names:
        end = None if name == STANDARD else end_seal(name)
        maker, version = {}, ""
        if end is not None:
            maker = {key: value for key, value in end.seal.made_by.items() if key not in _OF_ONE_FILE}
            version = str(end.seal.notes.get("version", ""))
        key = json.dumps([maker, version], sort_keys=True)
        groups.setdefault(key, ([], maker, version))[0].append(name)
    return [Stage(what, len(same), same[0], str(maker.get("tool", "no seal says")), version, maker)
            for same, maker, version in groups.values()]
