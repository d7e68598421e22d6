"""What does scoring from text save over vectors in files, and are the scores the same?

    python score_text.py DATA [--task chemprot] [--documents 20000] [--repeats 5] [--threads 2] [--fit-rows 20000]

Both ways are the installed commands, from the same records to scores, and take turns: `ds-embed` then `ds-score` by
files, and `ds-score` of the records. Embedder is hash, the target whitened, fitted beforehand. Records are the chunks
of documents drawn from all of DATA/pool with a seed. Processor seconds (user and system) of all processes, which
neighbours on the machine change less than a clock; medians. Bytes are what each way leaves on disk.
"""

import argparse
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from dsir import BIN, lines_of, timed


def command(name: str, *arguments: str) -> list[str]:
    """The line of an installed command."""
    return [str(BIN / name), "-q", *arguments]


def lay_out(folder: Path, data: Path, task: str, documents: int, fit_rows: int) -> int:
    """Chunks of the pool in four shards, and a target; return the number of chunks."""
    lines = [line for path in sorted((data / "pool").glob("*.zst")) for line in lines_of(path)]
    lines = random.Random(0).sample(lines, min(documents, len(lines)))
    (folder / "pool").mkdir()
    for shard in range(4):
        (folder / f"pool/{shard}.jsonl").write_bytes(b"".join(lines[shard::4]))
    pool = sorted(str(path) for path in (folder / "pool").iterdir())
    subprocess.run(command("ds-chunk", *pool, "-o", f"{folder}/chunks/"), check=True)
    chunks = sorted(str(path) for path in (folder / "chunks").iterdir())
    subprocess.run(command("ds-embed", *chunks, "-o", f"{folder}/fit/"), check=True)
    train = str(data / "tasks" / task / "train.jsonl.zst")
    subprocess.run(command("ds-embed", train, "-o", f"{folder}/target.npy"), check=True)
    vectors = np.concatenate([np.load(path) for path in sorted((folder / "fit").iterdir())])
    subprocess.run(command("ds-target-stats", "--pool-sample", str(fit_rows), "--target", f"{folder}/target.npy",
                           *sorted(str(path) for path in (folder / "fit").iterdir()), "-o", f"{folder}/target.npz"),
                   check=True, stdout=subprocess.DEVNULL)
    return len(vectors)


def size(*folders: Path) -> int:
    """Bytes of the files in folders."""
    return sum(path.stat().st_size for folder in folders for path in folder.iterdir())


def compare(folder: Path, rows: int, repeats: int, threads: str) -> None:
    """One line for each way, the ratio, and whether the scores are the same bytes."""
    chunks = sorted(str(path) for path in (folder / "chunks").iterdir())
    vectors = [f"{folder}/emb/{number}.npy" for number in range(len(chunks))]
    target = ["--threads", threads, "--target", f"{folder}/target.npz"]
    ways = {
        "by files": [command("ds-embed", "--threads", threads, *chunks, "-o", f"{folder}/emb/"),
                     command("ds-score", *target, *vectors, "-o", f"{folder}/by-files/")],
        "from text": [command("ds-score", *target, *chunks, "-o", f"{folder}/from-text/")],
    }
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, lines in ways.items():
            subprocess.run(["rm", "-rf", f"{folder}/emb", f"{folder}/{name.replace(' ', '-')}"], check=True)
            spent[name].append(timed(lines))
    written = {"by files": 0, "from text": size(folder / "from-text")}
    subprocess.run(ways["by files"][0], check=True)
    written["by files"] = size(folder / "emb", folder / "by-files")
    print("way         wall s  processor s  us a chunk  bytes a chunk")
    for name, runs in spent.items():
        wall, used = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{name:10} {wall:7.2f} {used:12.2f} {used / rows * 1e6:11.1f} {written[name] / rows:14.1f}")
    ratios = [a[1] / b[1] for a, b in zip(*spent.values(), strict=True)]
    same = all(np.load(folder / "by-files" / path.name).tobytes() == np.load(path).tobytes()
               for path in (folder / "from-text").iterdir())
    print(f"ratio {statistics.median(ratios):.2f} in processor seconds; the same scores: {same}")


def main() -> None:
    """Reads the command line and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--task", default="chemprot")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--fit-rows", type=int, default=20_000)
    given = parser.parse_args()
    print(f"{platform.python_implementation()} {platform.python_version()}, {len(os.sched_getaffinity(0))} CPUs "
          f"({platform.machine()}), load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="score-text-") as name:
        folder = Path(name)
        rows = lay_out(folder, given.data, given.task, given.documents, given.fit_rows)
        points = len(np.load(folder / "target.npz")["points"])
        print(f"{rows:,} chunks, target {given.task} of {points:,} points, hash, d = 1,024, whitened")
        compare(folder, rows, given.repeats, given.threads)


if __name__ == "__main__":
    sys.exit(main())
