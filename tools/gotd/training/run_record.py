"""What a run writes beside the model, run.json and metrics.json: the one place that writes and reads them."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

from gotd.errors import GotdError
from gotd.types import JSON

RECORD = "run.json"
METRICS = "metrics.json"
#: Of one seed, in its folder of work/, when nothing is left to do for it.
DONE = "done.json"
#: Fields of an identity that are of records.
RECORDS = ("data", "replay", "dev", "eval", "eval_general")


@dataclass(frozen=True)
class Identity:
    """What the weights depend on: the same command goes on with a run of the same identity, and with no other.

    model, tokenizer : digests of their files. recipe : its values. data, replay, dev, eval : digests of the records
    """

    model: str
    init: bool
    tokenizer: str | None
    recipe: Mapping[str, JSON]
    lora: int
    precision: str
    seeds: list[int]
    text_key: str
    label_key: str
    dev_steps: int
    patience: int
    data: str | None = None
    dev: str | None = None
    eval: str | None = None
    eval_general: str | None = None
    replay: str | None = None
    replay_share: float | None = None

    def with_records(self, digests: Mapping[str, str]) -> "Identity":
        """Return it with digests of records, by the names of the inputs."""
        return replace(self, data=digests["data"], replay=digests.get("replay"), dev=digests.get("dev"),
                       eval=digests.get("eval"), eval_general=digests.get("eval-general"))

    def as_json(self) -> dict[str, JSON]:
        """Return it as run.json has it."""
        return {name: value for name, value in asdict(self).items()
                if value is not None or name not in (*RECORDS, "replay_share")}


class Spread(NamedTuple):
    """A metric over the seeds. spread : standard deviation (n - 1), none for one run; each : by the seed"""

    mean: float
    spread: float | None
    each: list[float]


@dataclass(frozen=True)
class SeedResult:
    """What came of one seed. before, after : metrics on --eval"""

    seed: int
    steps: int
    last_training_loss: float | None
    tokens_per_second: int
    parameters: int
    trained_parameters: int
    before: dict[str, float] | None
    after: dict[str, float] | None

    def write(self, file: Path) -> None:
        """Write it to a file that appears whole."""
        write_json(file, asdict(self))

    @classmethod
    def read(cls, file: Path) -> "SeedResult":
        """Return what was written."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Metrics:
    """metrics.json. eval : of "before" and "after", by the name of the metric"""

    objective: str
    seeds: list[int]
    eval: dict[str, dict[str, Spread]]
    runs: list[SeedResult]

    def as_json(self) -> dict[str, JSON]:
        """Return it as the file has it."""
        spreads = {when: {name: each._asdict() for name, each in found.items()} for when, found in self.eval.items()}
        return {"objective": self.objective, "seeds": self.seeds, "eval": spreads, "runs": [*map(asdict, self.runs)]}


@dataclass(frozen=True)
class RunRecord:
    """run.json: whose the folder is, from the first step on, and, once the run is complete, all that it was.

    identity : as JSON, whatever version of gotd wrote it
    """

    complete: bool
    identity: Mapping[str, JSON]
    recipe: Mapping[str, JSON] | None = None
    machine: Mapping[str, JSON] | None = None
    data: Mapping[str, JSON] | None = None
    labels: list[str] | None = None
    versions: Mapping[str, str] | None = None
    metrics: Mapping[str, JSON] | None = None

    def write(self, folder: Path) -> None:
        """Write run.json, which appears whole."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        write_json(folder / RECORD, {name: value for name, value in named.items() if value is not None})

    @classmethod
    def read(cls, folder: Path) -> "RunRecord | None":
        """Return the record in a folder, if there is one. Raises: GotdError where a file of its name is none."""
        file = folder / RECORD
        if not file.is_file():
            return None
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            return cls(**{each.name: found[each.name] for each in fields(cls) if each.name in found})
        except (ValueError, AttributeError, TypeError):
            pass
        raise GotdError(f"{file}: not a run record of ds-train; choose another folder")


def draft_of(file: Path) -> Path:
    """Return the name under which a file is written until it is whole."""
    return file.with_name(f".{file.name}.draft")


def sync(file: Path) -> None:
    """Wait until a file is on the disk."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(file: Path, content: Mapping[str, object]) -> None:
    """Write a JSON file."""
    draft = draft_of(file)
    try:
        # JSON has the same escape for what is not UTF-8 in an argument or a file's name.
        draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8",
                         errors="backslashreplace")
        sync(draft)
        draft.replace(file)
    except OSError as error:
        raise GotdError(f"{file}: {error.strerror}") from error
