"""What ds-topk reads: the pool and its scores, opened; what must not be chosen; names of targets."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from gotd.choice.candidates import Ranking, ScoredRecords
from gotd.choice.choose import Choice
from gotd.choice.quotas import read_shares
from gotd.choice.ranking_window import EXCLUDED
from gotd.choice.score_files import ScoreFiles
from gotd.cli._frame import Run
from gotd.errors import GotdError, UsageError
from gotd.overlap import Sharing
from gotd.streams.digests import TextDigest
from gotd.streams.locations import STANDARD
from gotd.streams.pairing import Pair, pairs, stem
from gotd.streams.record_files import ReadOptions, RecordFiles
from gotd.streams.sources import open_input, rereadable

#: What the closing line calls a reason to leave records out.
_SAID = {EXCLUDED: "that share words with the excluded texts"}
#: Kinds that it names.
_KINDS_NAMED = 8
#: What --split can be beside a file.
EQUAL, _NUMBERS = "equal", re.compile(r"[\d.,eE+\s-]+")
_MOST_BYTES = 1 << 24


class Excluded:
    """The texts that nothing chosen may share a run of words with.

    identity : of the texts and of what sharing is, for the seal; skipped : bad records among them
    """

    def __init__(self, names: Sequence[str], words: int, read: ReadOptions) -> None:
        digest = TextDigest(read.text)
        self.shares = Sharing([text for batch in RecordFiles(names, read).texts([digest]) for text in batch], words)
        if not self.shares.runs:
            raise GotdError(f"{', '.join(names)}: no text with a word in it; --exclude is for texts of a test")
        self.identity = {"texts": digest.run.digest, "words": words}
        self.skipped = read.skipping.skipped


class RankedFiles(NamedTuple):
    """What is ranked, for some targets.

    names  : of the files of records.
    scores : files of scores beside them, for each target; none where scores stand in fields of the records, the `keys`.
    """

    names: list[str]
    scores: Sequence[Sequence[Pair]]
    keys: Sequence[str]
    targets: list[str]

    @classmethod
    def of(cls, names: list[str], scores: Sequence[str], keys: Sequence[str]) -> Self:
        """Return records with the scores that belong to them, if any, else with those in fields."""
        found = [pairs(each, names) for each in scores]
        if any([pair.records for pair in each] != [pair.records for pair in found[0]] for each in found):
            raise UsageError("--scores: some are a folder and some a file; name folders, or files, for all targets")
        return cls(names, found, () if found else keys, target_names(scores if found else keys))

    @property
    def counted(self) -> list[str]:
        """Files that say how many rows there are."""
        return [pair.scores for pair in self.scores[0]] if self.scores else self.names

    @property
    def files(self) -> list[str]:
        """All that is read."""
        return [*self.names, *(pair.scores for each in self.scores for pair in each)]

    @contextlib.contextmanager
    def opened(self, again: bool, ranking: Ranking) -> Iterator[ScoredRecords | ScoreFiles]:
        """The pool and its scores; where it may be read `again`, records that come from pipes in temporary files."""
        with contextlib.ExitStack() as stack:
            names = stack.enter_context(rereadable(self.names)) if again else self.names
            if not self.scores:
                yield ScoredRecords(names, ranking)
                return
            kept = dict(zip([name for pair in self.scores[0] for name in pair.records], names, strict=True))
            copies = iter(stack.enter_context(rereadable([pair.scores for each in self.scores for pair in each])))
            yield ScoreFiles([[Pair(next(copies), [kept[record] for record in pair.records]) for pair in each]
                              for each in self.scores], ranking)


def target_names(given: Sequence[str]) -> list[str]:
    """Return what targets are called: names of their scores without folders, or with them where two are alike."""
    short = [stem(name) for name in given]
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice}: given twice; each is for one target")
    return short if len(set(short)) == len(short) else list(given)


def shares_in(name: str) -> dict[str, object]:
    """Return the shares in a file."""
    with open_input(name) as source:
        return dict(read_shares(source.peek(_MOST_BYTES), name))


def split_of(given: str, targets: Sequence[str]) -> list[object]:
    """Return the shares of the targets, in their order; none for equal ones."""
    if given == EQUAL:
        return []
    if _NUMBERS.fullmatch(given):
        return list(given.split(","))
    shares = shares_in(given)
    if set(shares) != set(targets):
        raise GotdError(f"{given}: shares of {', '.join(sorted(shares))}; the targets are {', '.join(targets)}")
    return [shares[target] for target in targets]


def the_target(targets: set[str]) -> str | None:
    """Return the one target file that scores were made with, as far as seals say it."""
    if len(targets) > 1:
        raise GotdError("the scores were made for different targets; score every shard with one target file")
    return next(iter(targets), None)


def tell(choice: Choice, run: Run) -> None:
    """Add what was left out, and what was chosen of each kind, to the closing line."""
    for reason, number in choice.left_out.items():
        run.note(number, f"{_SAID.get(reason, reason)} left out")
    run.note(choice.other_kinds, "of kinds without a share left out")
    run.note(choice.shared, "chosen for one target that another would have chosen, too")
    if choice.kinds:
        named = [f"{kind} {count:,}" for kind, count in list(choice.kinds.items())[:_KINDS_NAMED]]
        more = len(choice.kinds) - len(named)
        run.notes.append(", ".join(named) + (f" and {more:,} more kinds" if more else ""))


def require_one_reader(names: Sequence[str]) -> None:
    """Raise UsageError where two would read standard input."""
    if list(names).count(STANDARD) > 1:
        raise UsageError("standard input can be read once: give `-` at most once")
