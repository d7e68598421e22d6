"""Where files come from, by their seals."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gotd.selection import TargetFile
from gotd.streams.file_seal import stated_seal
from gotd.streams.locations import STANDARD
from gotd.streams.seal import MadeBy
from gotd.types import JSON


@dataclass(frozen=True)
class Stage:
    """A command that made some of the files.

    made_by : what their seals say of it, their own inputs apart; empty where they have none
    """

    what: str
    files: int
    example: str
    tool: str
    version: str
    made_by: dict[str, JSON]


@dataclass(frozen=True)
class Provenance:
    """Commands in the order of the chain. target : the run record of the target file; digest : of that file"""

    stages: list[Stage]
    target_name: str | None
    target_digest: str | None
    target: dict[str, JSON] | None

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
    groups: dict[str, Stage] = {}
    for name in names:
        seal = None if name == STANDARD else stated_seal(name)
        made_by, version = (seal.made_by, str(seal.notes.get("version", ""))) if seal else (MadeBy(), "")
        said = replace(made_by, inputs=None).as_json() if seal else {}
        key = json.dumps([said, version], sort_keys=True)
        stage = groups.setdefault(key, Stage(what, 0, name, made_by.tool or "no seal says", version, said))
        groups[key] = replace(stage, files=stage.files + 1)
    return list(groups.values())
