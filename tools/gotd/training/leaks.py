"""Training text that stands in what a model is judged by: figures on that say little of other text."""

from collections.abc import Mapping

from gotd.overlap import RUN_WORDS, Sharing
from gotd.training.reading import Reading, records_of


class Leaks:
    """Counts training texts that share a run of words with held-out ones. Memory: by the size of the held-out text.

    held_out : the files of "dev", "eval" and "eval-general", where given
    shared, replayed : fill with how many texts of the training data, and of --replay, share a run with each
    """

    def __init__(self, held_out: Mapping[str, list[str]], reading: Reading) -> None:
        self.shared, self.replayed = dict.fromkeys(held_out, 0), dict.fromkeys(held_out, 0)
        self._sharing = {name: Sharing([record.value for batch in records_of(files, reading) for record in batch])
                         for name, files in held_out.items()}

    def watch(self, texts: list[str]) -> None:
        """Count training texts."""
        self._count(texts, self.shared)

    def watch_replay(self, texts: list[str]) -> None:
        """Count texts of --replay."""
        self._count(texts, self.replayed)

    def _count(self, texts: list[str], into: dict[str, int]) -> None:
        for name, sharing in self._sharing.items():
            into[name] += int(sharing(texts).sum())


def warnings(shared: Mapping[str, int], documents: int, which: str = "training texts") -> list[str]:
    """Return what is to be said of each held-out set that the training data shares runs with."""
    return [f"warning: {count:,} of {documents:,} {which} share a run of {RUN_WORDS} words with --{name}, whose "
            f"figures then say little of other text; ds-topk --exclude leaves such texts out"
            for name, count in shared.items() if count]
