"""Which inputs make which output, which of them are this shard's, and which are there already."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from gotd.cli._frame import Run
from gotd.cli._outputs import ARRAY, RECORDS, is_directory, require_apart, require_ending
from gotd.errors import UsageError
from gotd.streams.file_seal import end_seal
from gotd.streams.hub import hub_content
from gotd.streams.locations import STANDARD, is_hub, is_url
from gotd.streams.pairing import stems
from gotd.streams.seal import MadeBy


class Job(NamedTuple):
    """Inputs that are read one after the other into one output."""

    inputs: list[str]
    output: str


def jobs(files: Sequence[str], output: str, suffix: str, shard: str | None, dry: bool = False) -> list[Job]:
    """All inputs into one output, or each into its own in a directory, this shard's only. `dry` makes no directory.

    shard : I/N
    Raises: UsageError where outputs would meet each other, replace an input, or are named as something else.
    """
    require_ending(output, RECORDS if suffix in RECORDS else (*ARRAY, *RECORDS), folder=True)
    names = list(files) or [STANDARD]
    if names.count(STANDARD) > 1:
        raise UsageError("standard input can be read once: give `-` at most once")
    if is_directory(output):
        found = _one_each(names, output, suffix, shard)
        if not (dry or is_url(output)):
            for folder in {Path(job.output).parent for job in found} | {Path(output)}:
                folder.mkdir(parents=True, exist_ok=True)
    else:
        found = [Job(names, output)]
    require_apart([job.output for job in found], names)
    return found


def inputs_to_read(found: Sequence[Job]) -> list[str]:
    """Return the inputs of jobs whose outputs are not there."""
    return [name for job in found if is_url(job.output) or not Path(job.output).is_file() for name in job.inputs]


def has_nothing_to_do(found: Sequence[Job], files: Sequence[str], shard: str | None, run: Run) -> bool:
    """Whether the inputs leave none for this shard, which is then said: arrays may have more tasks than inputs.

    The closing line says what part of them this run took.
    """
    if shard:
        run.notes.append(f"part {shard}")
    if found:
        return False
    run.say(f"nothing to do: {len(files)} inputs leave none for this shard")
    run.close()
    return True


def _one_each(names: list[str], output: str, suffix: str, shard: str | None) -> list[Job]:
    called = stems(names)
    twice = sorted(name for name, count in Counter(called).items() if count > 1)
    if STANDARD in names or twice:
        what = "standard input has no name" if STANDARD in names else f"several inputs are called {twice[0]}"
        raise UsageError(f"{what}: outputs in {output} are named after their inputs")
    first, step = map(int, (shard or "0/1").split("/"))
    found = [Job([name], f"{output.rstrip('/')}/{short}{suffix}") for name, short in zip(names, called, strict=True)]
    return found[first::step]


@dataclass(frozen=True)
class Making:
    """How outputs are made, as far as it says whether one that is there is the same.

    made_by : what is known beforehand
    content_of : what an output depends on in one of its inputs, read for it where no seal says; of a job, by the name
    names_matter : whether the output's bytes depend on what its inputs are called, their folders apart
    """

    made_by: MadeBy
    content_of: Callable[[Job, str], str]
    names_matter: bool = False


@dataclass
class Provenance:
    """What the seal of a job's output says of its making.

    contents : of the inputs, in order, as whoever reads them finds them; of files on the hub their blobs stand for it
    """

    job: Job
    making: Making
    contents: list[str] = field(default_factory=list)

    @property
    def made_by(self) -> MadeBy:
        """What is known before the inputs are read."""
        return self.making.made_by

    @property
    def can_be_compared(self) -> bool:
        """Whether a later run could tell that the output is there: not where it or an input passes by once."""
        files = all(is_url(name) or Path(name).is_file() for name in self.job.inputs if name != STANDARD)
        return files and STANDARD not in (self.job.output, *self.job.inputs)

    @property
    def complete(self) -> MadeBy:
        """`made_by` with what the output was made from, once that is read, so that it is not made again."""
        if not self.can_be_compared or len(self.contents) < len(self.job.inputs):
            return self.made_by
        digest = hashlib.sha256()
        for name, content in zip(self.job.inputs, self.contents, strict=True):
            content = hub_content(name) if is_hub(name) else content
            called = Path(name).name if self.making.names_matter else ""
            digest.update(os.fsencode(f"{content} {called}\n"))
        return replace(self.made_by, inputs=digest.hexdigest())


def is_done(wanted: Provenance) -> bool:
    """Whether the output is there and its seal says: made in this way, from inputs of this content."""
    found = end_seal(wanted.job.output) if wanted.can_be_compared else None
    if found is None or replace(found.seal.made_by, inputs=None) != wanted.made_by:
        return False
    contents = ["" if is_hub(name) else wanted.making.content_of(wanted.job, name) for name in wanted.job.inputs]
    return found.seal.made_by == replace(wanted, contents=contents).complete


def run_jobs(found: Sequence[Job], making: Making) -> Iterator[tuple[Job, Provenance | None]]:
    """Each job with the provenance of its output, or with None where that is complete already."""
    for job in found:
        wanted = Provenance(job, making)
        yield job, None if is_done(wanted) else wanted
