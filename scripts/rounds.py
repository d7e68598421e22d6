"""Choose in rounds: after each, what was chosen joins the source, and the gradient is taken there.

    python rounds.py -k 5000 --rounds 4 --mass 0.3 --target target.npy --work WORK/ EMB.npy...

One shot follows the gradient at the pool; where k is a large part of what the model will see, that overshoots: the
common kinds of target text are served again and again, the rare ones never. Here a round chooses k/R documents, then
the source becomes (1 - m) pool + m chosen, m growing to --mass, and the next round's gradient knows what is there.

WORK/scores/ then holds one file of scores for each file of vectors, for

    ds-topk -k 5000 --scores WORK/scores/ RECORDS... -o selected.jsonl.zst

with the chosen documents first, in the order of rounds and scores. WORK/chosen.npy holds their vectors.
Prints one JSON line a round: the distance of the source to the target before it chooses, and at the end with all of
the choice in it; entropic, at the absolute eps of the first round throughout, so that the lines can be compared.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from gotd.streams.arrays import ArrayReader, ArrayWriter
from gotd.streams.seal import MadeBy
from gotd.streams.sinks import open_output
from gotd.streams.sources import open_input


def command(*words: str) -> str:
    """One of gotd's commands; its standard output."""
    done = subprocess.run(words, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    if done.returncode:
        sys.exit(f"rounds.py: error: {words[0]} ended with {done.returncode}")
    return done.stdout


def read(path: Path | str, kind: str) -> tuple[np.ndarray, list]:  # type: ignore[type-arg]
    """All rows of a file, and what its seals say of the records."""
    with open_input(str(path)) as source:
        reader = ArrayReader(source, kind)
        rows = np.concatenate(list(reader.blocks()))
    return rows, [run for seal in reader.verifier.seals for run in seal.records]


class Rounds:
    """The pool, the target, and the source as it is now."""

    def __init__(self, work: Path, target: str, pool: list[str], options: list[str]) -> None:
        self.work, self.target, self.pool, self.options = work, target, pool, options
        self.epsilon: float | None = None

    def fit(self, mass: float, *more: str) -> dict[str, float]:
        """The potentials at the source with this mass of what was chosen; their summary."""
        mix = ["--mix", f"{self.work / 'chosen.npy'}:{mass}"] if mass > 0.0 else []
        # The pool as the source and beside it: then it alone gives the space, which is the same in every round.
        source = [word for name in self.pool for word in ("--source", name)]
        line = ["ds-target-stats", "--target", self.target, *source, *self.pool, *mix]
        line += ["-o", str(self.work / "target.npz"), "-q"]
        found: dict[str, float] = json.loads(command(*line, *self.options, *more))
        return found

    def solve(self, mass: float) -> float:
        """The same at the first round's absolute eps; the distance."""
        summary = self.fit(mass)
        if self.epsilon is None:
            self.epsilon = summary["epsilon"]
        else:
            summary = self.fit(mass, "--epsilon", repr(self.epsilon / summary["cost_std"]))
        return summary["distance"]

    def scores(self) -> np.ndarray:
        """Scores of all rows. Shapes: -> float32 (n,)."""
        fitted = str(self.work / "target.npz")
        command("ds-score", "--target", fitted, *self.pool, "-o", f"{self.work / 'round'}/", "-q")
        files = [self.work / "round" / Path(name).name for name in self.pool]
        return np.concatenate([read(file, "scores")[0] for file in files])


def vectors_of(rows: np.ndarray, pool: list[str]) -> np.ndarray:
    """The rows with these numbers, counted over all files, in increasing order."""
    taken, first = [], 0
    for name in pool:
        vectors, _ = read(name, "vectors")
        here = rows[(rows >= first) & (rows < first + len(vectors))] - first
        taken.append(vectors[np.sort(here)])
        first += len(vectors)
    return np.concatenate(taken)


def write_scores(work: Path, ranked: np.ndarray, pool: list[str]) -> None:
    """Files of scores that rank the chosen rows in their order and all others below."""
    first = 0
    for name in pool:
        scores, runs = read(work / "round" / Path(name).name, "scores")
        chosen = {int(row) - first: place for place, row in enumerate(ranked) if first <= row < first + len(scores)}
        values = np.full(len(scores), -float(len(ranked)), dtype=np.float32)
        for row, place in chosen.items():
            values[row] = len(ranked) - place
        (work / "scores").mkdir(exist_ok=True)
        with open_output(str(work / "scores" / Path(name).name)) as sink:
            writer = ArrayWriter(sink, "scores", "<f4", None, MadeBy("rounds", 1, {}))
            writer.records += runs
            writer.write(values)
            writer.finish()
        first += len(scores)


def main() -> None:
    """All rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", nargs="+", metavar="EMB.npy")
    parser.add_argument("-k", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--mass", type=float, default=0.3, help="share of what was chosen in the end; default 0.3")
    parser.add_argument("--target", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--options", default="", help="for ds-target-stats, in one word")
    given = parser.parse_args()
    if not 1 <= given.rounds <= given.k:
        parser.error(f"-k {given.k} cannot be chosen in {given.rounds} rounds; a round chooses one at least")
    given.work.mkdir(parents=True, exist_ok=True)
    rounds = Rounds(given.work, given.target, given.pool, given.options.split())
    ranked = np.empty(0, dtype=np.int64)
    for number in range(given.rounds + 1):
        mass = given.mass * len(ranked) / given.k
        told = {"round": number + 1, "mass": mass, "chosen": len(ranked), "distance": rounds.solve(mass)}
        print(json.dumps(told), flush=True)
        if number < given.rounds:
            scores = rounds.scores()
            if given.k > len(scores):
                sys.exit(f"rounds.py: error: -k {given.k}: there are {len(scores)} rows to choose from")
            scores[ranked] = -np.inf
            wanted = given.k * (number + 1) // given.rounds - len(ranked)
            ranked = np.concatenate([ranked, np.argsort(-scores, kind="stable")[:wanted]])
            np.save(given.work / "chosen.npy", vectors_of(ranked, given.pool))
    write_scores(given.work, ranked, given.pool)


if __name__ == "__main__":
    main()
