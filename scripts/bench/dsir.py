"""Does `dsir` rank like the published package, and how much faster is it?

    python dsir.py DATA [--task chemprot] [--documents 20000] [--repeats 3] [--processes 2]

The peer is `data-selection` (pip install data-selection), with its defaults: fit_importance_estimator, then
compute_importance_weights, on --processes processes. Ours are the installed commands, ds-target-stats --method dsir and
ds-score, on as many threads, start-up, JSON, seals and all. Both read the same plain JSON Lines, drawn from all of
DATA/pool with a seed, and take turns; figures are medians. Agreement is that of the scores with noise off, over
all documents, and over the best 5 % of those that both keep (100 words or more).
"""

import argparse
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import zstandard
from scipy.stats import spearmanr

BIN = Path(sys.executable).parent
_TOP = 0.05
_MIN_WORDS = 100
PEER = """
import sys, warnings
warnings.simplefilter("ignore")
from data_selection import HashedNgramDSIR
folder, processes = sys.argv[1], int(sys.argv[2])
peer = HashedNgramDSIR([f"{folder}/pool.jsonl"], [f"{folder}/target.jsonl"], f"{folder}/peer", num_proc=processes)
peer.fit_importance_estimator()
peer.compute_importance_weights()
"""


def lines_of(path: Path) -> list[bytes]:
    """Lines of a .jsonl.zst."""
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as plain:
        return plain.read().splitlines(keepends=True)


def lay_out(folder: Path, data: Path, task: str, documents: int) -> None:
    """pool.jsonl and target.jsonl."""
    lines = [line for path in sorted((data / "pool").glob("*.zst")) for line in lines_of(path)]
    (folder / "pool.jsonl").write_bytes(b"".join(random.Random(0).sample(lines, min(documents, len(lines)))))
    (folder / "target.jsonl").write_bytes(b"".join(lines_of(data / "tasks" / task / "train.jsonl.zst")))


def timed(commands: list[list[str]]) -> tuple[float, float]:
    """Wall and processor seconds of commands, one after the other."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return time.perf_counter() - start, spent


def peer_scores(folder: Path, processes: int) -> np.ndarray:
    """The package's log-weights in the order of the pool: process i has every processes-th document. float64 (n,)."""
    parts = [np.load(folder / f"peer/log_importance_weights/{i}.npy") for i in range(processes)]
    scores = np.empty(sum(len(part) for part in parts))
    for i, part in enumerate(parts):
        scores[i::processes] = part
    return scores


def words_of(folder: Path, processes: int) -> np.ndarray:
    """How many words the package counts in each document. float64 (n,)."""
    parts = [np.load(folder / f"peer/perexample_metadata/{i}.npy") for i in range(processes)]
    words = np.empty(sum(len(part) for part in parts))
    for i, part in enumerate(parts):
        words[i::processes] = part
    return words


def agreement(folder: Path, processes: int) -> None:
    """One line: rank correlation, overlap of the best, largest difference."""
    ours, theirs = np.load(folder / "ours.npy").astype(np.float64), peer_scores(folder, processes)
    long = np.flatnonzero(words_of(folder, processes) >= _MIN_WORDS)
    k = max(1, int(_TOP * len(long)))
    best = [set(long[np.argsort(-scores[long], kind="stable")[:k]].tolist()) for scores in (ours, theirs)]
    furthest = np.abs(ours - theirs).max() / theirs.std()
    print(f"Spearman {spearmanr(ours, theirs)[0]:.6f}; best {k}: {len(best[0] & best[1]) / k:.4f} the same; "
          f"largest difference {furthest:.4f} standard deviations")


def compare(folder: Path, documents: int, repeats: int, processes: int) -> None:
    """One line for each stage and program."""
    pool, target, fitted = (str(folder / name) for name in ("pool.jsonl", "target.jsonl", "target.npz"))
    threads = ["--threads", str(processes), "-q"]
    fit = [str(BIN / "ds-target-stats"), "--method", "dsir", "--min-words", "0", "--target", target, pool, "-o", fitted]
    score = [str(BIN / "ds-score"), "--target", fitted, pool, "-o", str(folder / "ours.npy")]
    spent: dict[str, list[tuple[float, float]]] = {"data-selection": [], "gotd": []}
    for _ in range(repeats):
        spent["data-selection"].append(timed([[sys.executable, "-c", PEER, str(folder), str(processes)]]))
        (folder / "ours.npy").unlink(missing_ok=True)  # a finished output would not be made again
        spent["gotd"].append(timed([fit + threads, score + threads]))
    wall = {name: statistics.median(seconds for seconds, _ in runs) for name, runs in spent.items()}
    used = {name: statistics.median(seconds for _, seconds in runs) for name, runs in spent.items()}
    print("program            wall s   docs/s  processor s   (fit and score)")
    for name in spent:
        print(f"{name:16} {wall[name]:8.2f} {documents / wall[name]:8.0f} {used[name]:12.2f}")
    print(f"ratio            {wall['data-selection'] / wall['gotd']:8.1f} {'':8} "
          f"{used['data-selection'] / used['gotd']:12.1f}")


def main() -> None:
    """Reads the command line and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--task", default="chemprot")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    cpus = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = [line for line in cpus if line.startswith("model name")]
    print(f"{platform.python_implementation()} {platform.python_version()}, {len(os.sched_getaffinity(0))} CPUs "
          f"({model[0].split(':')[1].strip() if model else platform.machine()}), load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="dsir-") as name:
        folder = Path(name)
        lay_out(folder, given.data, given.task, given.documents)
        texts = [json.loads(line)["text"] for line in (folder / "pool.jsonl").read_bytes().splitlines()]
        print(f"{len(texts)} documents of {np.mean([len(text) for text in texts]):.0f} characters, target {given.task}")
        compare(folder, len(texts), given.repeats, given.processes)
        agreement(folder, given.processes)


if __name__ == "__main__":
    main()
