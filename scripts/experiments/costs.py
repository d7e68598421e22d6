"""What every held-out text costs after a run, which intervals over texts are made of: in WORK, or beside stored lines.

    python costs.py RESULTS WORK [--scale tiny]

RESULTS is JSON lines of a study that ran in WORK, X.jsonl. What each of its lines cost every held-out text is packed
into X-costs.npz beside it, with the lengths and units of the texts, so that tables of the stored lines need neither
WORK nor data. Nats are kept as float16, of three digits each: a mean over a thousand texts keeps five.
"""

import argparse
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from arguments import run_study
from averages import BY_TEXT, units_of
from data import SCALES, Study, texts
from results import stored, whole

from gotd.errors import DataError
from gotd.methods.ngrams import Classes, find_words, text_blocks

#: A line of results.
Line = dict[str, Any]


class HeldOut(NamedTuple):
    """Held-out texts of a target. lengths : words or tokens, int64 (n,); units : of resampling, int64 (n,)"""

    lengths: np.ndarray
    units: np.ndarray


class Costs(NamedTuple):
    """What every held-out text costs. nats : float64 (n,), the mean over seeds"""

    nats: np.ndarray
    held_out: HeldOut

    def sums(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """Of each text, what an average is the ratio of sums of. Shapes: -> float64 (n,), int64 (n,)."""
        lengths = self.held_out.lengths
        if measure == BY_TEXT:
            return self.nats / np.maximum(lengths, 1), np.minimum(lengths, 1)
        return self.nats, lengths


class Kept(Protocol):
    """Where the costs of a study's lines are."""

    def nats(self, line: Line) -> np.ndarray | None:
        """Of each held-out text, None where they are not kept. Shapes: -> float (n,)."""

    def held_out(self, line: Line) -> HeldOut:
        """The texts that a line was judged by."""


class InWork(NamedTuple):
    """As a study leaves them in its folder."""

    study: Study

    def nats(self, line: Line) -> np.ndarray | None:
        """See Kept."""
        file = cost_file(folder_of(self.study, line), line)
        return np.asarray(np.load(file)) if file.exists() else None

    def held_out(self, line: Line) -> HeldOut:
        """See Kept."""
        lengths, units = self._lengths(line), units_of(self.study, line["task"])
        if "held_out" in line:
            rows = rows_of(len(lengths), line["held_out"])
            lengths, (_, units) = lengths[rows], np.unique(units[rows], return_inverse=True)
        return HeldOut(lengths, units)

    def _lengths(self, line: Line) -> np.ndarray:
        if judge_of(line) == "probe":
            return _words(self.study, line["task"])
        with np.load(folder_of(self.study, line) / "tokens" / f"held-out-{line['task']}.npz") as tokens:
            return np.asarray(tokens["lengths"])


class Packed:
    """As main packs them."""

    def __init__(self, file: Path) -> None:
        with np.load(file) as arrays:
            self._arrays = dict(arrays)

    def nats(self, line: Line) -> np.ndarray | None:
        """See Kept."""
        found = self._arrays.get(name_of(line))
        return None if found is None else found.astype(np.float64)

    def held_out(self, line: Line) -> HeldOut:
        """See Kept."""
        return HeldOut(*(self._arrays[f"{line['task']}/{name}"].astype(np.int64) for name in HeldOut._fields))


def of_lines(description: str | None) -> argparse.ArgumentParser:
    """What a command takes that makes a table of stored lines and of their costs: --work and --scale."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="where the costs of every text are; default: beside the lines")
    parser.add_argument("--scale", choices=list(SCALES), default="tiny")
    return parser


def study_of(given: argparse.Namespace) -> Study | None:
    """The study whose folder was named, if one was."""
    return Study(given.work / given.scale) if given.work else None


def kept(results: Path, study: Study | None) -> Kept | None:
    """Where the costs of a file's lines are: in the study's folder if there is one, else packed beside the file."""
    if study is not None:
        return InWork(study)
    file = packed_file(results)
    return Packed(file) if file.exists() else None


def packed_file(results: Path) -> Path:
    """Where the costs of a file's lines are packed."""
    return results.with_name(f"{results.stem}-costs.npz")


def costs_of(where: Kept | None, lines: Sequence[Line]) -> Costs | None:
    """The mean over lines of one rule, target and budget; None where the costs of one are not kept."""
    found = [where.nats(line) for line in lines] if where else []
    if where is None or any(nats is None for nats in found):
        return None
    return Costs(np.mean(found, axis=0), where.held_out(lines[0]))  # type: ignore[arg-type]


def judge_of(line: Line) -> str:
    """What a line was judged by: "probe" or "train"."""
    return "train" if "nats_per_token" in line else "probe"


def folder_of(study: Study, line: Line) -> Path:
    """Where runs lie that have the settings of a line: of a pre-trained model by themselves, by its name.

    One that does not say its epochs had one.
    """
    if "model" not in line:
        return study.folder
    epochs = line.get("epochs", 1)
    return study.folder / "pretrained" / (line["model"] + (f"-{epochs}-epochs" if epochs > 1 else ""))


def rows_of(texts: int, most: int) -> np.ndarray:
    """Every k-th of the held-out texts, so that there are at most so many. Shapes: -> int64 (n,)."""
    return np.arange(texts)[:: -(-texts // most)]


def keep(folder: Path, line: Line, nats: np.ndarray) -> None:
    """Keep what every held-out text costs. folder : of the study; Shapes: float64 (n,)."""
    with whole(cost_file(folder, line)) as draft, draft.open("wb") as out:
        np.save(out, nats)


def cost_file(folder: Path, line: Line) -> Path:
    """Where a line's costs are kept in a folder."""
    return folder / "costs" / f"{name_of(line)}.npy"


def name_of(line: Line) -> str:
    """Of the costs of a line, as a path without its ending. A number of rows that were drawn is part of the rule."""
    ending = f"{line['order']}-{line['lambda']:g}" if judge_of(line) == "probe" else f"train-{line['seed']}"
    drawn = f":rows={line['rows']}:draw={line['draw']}" if "rows" in line else ""
    return f"{line['task']}/{line['rule']}{drawn}@{line['chunks']}-{ending}"


@lru_cache
def _words(study: Study, task: str) -> np.ndarray:
    classes = Classes()
    return np.concatenate([np.diff(find_words(block, classes).offsets)
                           for block in text_blocks(texts(study.held_out(task)))])


def pack(lines: Iterable[Line], work: InWork) -> dict[str, np.ndarray]:
    """All that Packed reads. Raises: DataError where the costs of a line are not there"""
    arrays: dict[str, np.ndarray] = {}
    for line in lines:
        if (nats := work.nats(line)) is None:
            raise DataError(str(cost_file(folder_of(work.study, line), line)), "is not there",
                            "name the WORK that these lines were made in")
        arrays[name_of(line)] = nats.astype(np.float16)
        if f"{line['task']}/units" not in arrays:
            arrays |= {f"{line['task']}/{name}": each.astype(np.uint32)
                       for name, each in work.held_out(line)._asdict().items()}
    return arrays


def main() -> None:
    """Pack what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--scale", choices=list(SCALES), default="tiny")
    given = parser.parse_args()
    arrays = pack(stored(given.results), InWork(Study(given.work / given.scale)))
    with whole(packed_file(given.results)) as draft, draft.open("wb") as out:
        np.savez_compressed(out, **arrays)
    print(f"{packed_file(given.results)}: {len(arrays):,} arrays")


if __name__ == "__main__":
    run_study(main)
