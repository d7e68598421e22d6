"""How fast are ds-embed's ways from text to vectors, beside their peers and beside what the machine could do?

    python embed.py transformer DATA --model FOLDER [--documents 1000] [--max-tokens 128] [--device cuda]
    python embed.py backends DATA --model FOLDER [--documents 450] [--characters 1000]
    python embed.py static DATA --model FOLDER [--documents 40000]
    python embed.py hash DATA [--documents 20000]
    python embed.py memory DATA [--model FOLDER] [--documents 20000 400000] [--characters 60]

transformer: against SentenceTransformer.encode with its defaults, in float32; with --precision bfloat16 the peer
computes in it, too. Useful tokens a second, padding, share of the matrix rate that the same threads reach on the
network's own shapes, and cosine to the peer's float32 vectors; on a GPU the share of time in which no kernel runs.
backends: every back end of sentence-transformers that a user of a CPU could pick, and every precision of ours, in an
environment of its own, as they ask for an older transformers (pip install '.[models]'
'sentence-transformers[onnx,openvino]'). static: against model2vec's encode. Each contestant has a process of its own,
so that peak memory is its own, and they take turns; figures are medians, and ratios are those of wall and of processor
time. hash: the installed command, from .jsonl.zst to vectors, against data-selection over the same records with a
target of one text: one pass that counts n-grams and makes nothing for each document
(HashedNgramDSIR.fit_importance_estimator), and with the second, after which every document has a number
(compute_importance_weights); beside them reading alone. memory: peaks that ds-embed itself reports, for few and for
many documents.
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

from embedders import (
    Contestant,
    Make,
    model2vec,
    onnx,
    onnx_int8,
    openvino,
    openvino_float32,
    ours,
    ours_bfloat16,
    ours_float32,
    sentence_transformers,
    sentence_transformers_bfloat16,
)

BIN = Path(sys.executable).parent
PEER = """
import sys, warnings
warnings.simplefilter("ignore")
from data_selection import HashedNgramDSIR
folder, processes = sys.argv[1], int(sys.argv[2])
peer = HashedNgramDSIR([f"{folder}/pool.jsonl"], [f"{folder}/one.jsonl"], f"{folder}/peer", num_proc=processes)
peer.fit_importance_estimator()
if sys.argv[3] == "weights":
    peer.compute_importance_weights()
"""
READING = """
import sys
from gotd.streams.record_text import RecordText
from gotd.streams.records import RecordReader, Skipping, read_records
from gotd.streams.sources import open_input
with open_input(sys.argv[1]) as source:
    for batch in read_records(RecordReader(source), Skipping(), RecordText().of):
        pass
"""


def sample(data: Path, documents: int) -> list[bytes]:
    """Lines of all of DATA/pool, drawn with a seed."""
    lines = []
    for path in sorted((data / "pool").glob("*.zst")):
        with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as plain:
            lines += plain.read().splitlines(keepends=True)
    return random.Random(0).sample(lines, min(documents, len(lines)))


def take_turns(peer: Make, given: argparse.Namespace, texts: list[str]) -> tuple[Contestant, Contestant]:
    """Prints one line for each, the ratios and the cosines."""
    both = {peer.__name__: Contestant(peer, given), "gotd": Contestant(ours, given)}
    for contestant in both.values():
        contestant.run(texts[: min(len(texts), 64)], warm=True)
    for _ in range(given.repeats):
        for contestant in both.values():
            contestant.run(texts)
    print(f"{'':24}{'docs/s':>9}{'wall s':>9}{'processor s':>13}{'peak MB':>9}")
    for name, contestant in both.items():
        wall, used = contestant.medians()
        print(f"{name:24}{len(texts) / wall:9.1f}{wall:9.2f}{used:13.2f}{contestant.about['peak']:9}")
    theirs, mine = both.values()
    walls, useds = ([a[i] / b[i] for a, b in zip(theirs.runs, mine.runs, strict=True)] for i in (0, 1))
    print(f"ratio: wall {statistics.median(walls):.2f} ({min(walls):.2f} to {max(walls):.2f}), "
          f"processor {statistics.median(useds):.2f} ({min(useds):.2f} to {max(useds):.2f})")
    cosines = _cosines(theirs.vectors, mine.vectors)
    print(f"cosine to the peer: mean {cosines.mean():.7f}, least {cosines.min():.7f}")
    return theirs, mine


def transformer(given: argparse.Namespace, texts: list[str]) -> None:
    """Against sentence-transformers and against the matrix rate."""
    from matrix_rate import idle_share, matrix_rate, operations

    before = matrix_rate(given.model, given.device, given.precision, given.threads)
    peer = sentence_transformers_bfloat16 if given.precision == "bfloat16" else sentence_transformers
    _, mine = take_turns(peer, given, texts)
    rate = max(before, matrix_rate(given.model, given.device, given.precision, given.threads))
    wall, used = mine.medians()
    tokens, padding = mine.about["tokens"], mine.about["padding"]
    work = operations(given.model, texts, given.max_tokens) / 1e9
    print(f"{mine.about['precision']}: {tokens / wall:,.0f} tokens/s, padding {padding / (tokens + padding):.2%}; "
          f"{work / wall:,.0f} of {rate:,.0f} GFLOP/s in matrices: {work / wall / rate:.1%}"
          f" ({work / used * given.threads / rate:.1%} of processor time)")
    if (share := idle_share(given.model, given.device, texts, given.max_tokens)) is not None:
        print(f"no kernel runs {share:.1%} of the time")


def backends(given: argparse.Namespace, texts: list[str]) -> None:
    """All back ends in turns: a line for each, to the library's torch and to ours as it comes."""
    peers = [sentence_transformers, onnx, openvino, openvino_float32, onnx_int8]
    all_of_them = {make.__name__: Contestant(make, given) for make in peers}
    all_of_them |= {make.__name__: Contestant(make, given) for make in (ours, ours_float32, ours_bfloat16)}
    for contestant in all_of_them.values():
        contestant.run(texts[: min(len(texts), 64)], warm=True)
    for _ in range(given.repeats):
        for contestant in all_of_them.values():
            contestant.run(texts)
    truth, mine = all_of_them["sentence_transformers"], all_of_them["ours"]
    print(f"{'':24}{'docs/s':>9}{'to torch':>10}{'ours to it':>12}{'peak MB':>9}   cosine to torch: mean, least")
    for name, contestant in all_of_them.items():
        cosines = _cosines(truth.vectors, contestant.vectors)
        print(f"{name:24}{len(texts) / contestant.medians()[0]:9.1f}{_ratio(truth, contestant):10.2f}"
              f"{_ratio(contestant, mine):12.2f}{contestant.about['peak']:9}"
              f"   {cosines.mean():.5f} {cosines.min():.5f}")
    print(f"ours as it comes: {mine.about['precision']}")


def _ratio(slow: Contestant, fast: Contestant) -> float:
    """Median over the turns of how many times faster the second is."""
    return statistics.median(a[0] / b[0] for a, b in zip(slow.runs, fast.runs, strict=True))


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of each row. Shapes: float32 (n, d), (n, d) -> (n,)."""
    lengths = [np.maximum(np.linalg.norm(each, axis=1), 1e-30) for each in (one, other)]
    return np.asarray((one * other).sum(axis=1) / lengths[0] / lengths[1])


def timed(command: list[str]) -> tuple[float, float]:
    """Wall and processor seconds."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def hashing(given: argparse.Namespace, lines: list[bytes], folder: Path) -> None:
    """Whole programs, from a file to a file."""
    pool = folder / "pool.jsonl.zst"
    (folder / "pool.jsonl").write_bytes(b"".join(lines))
    (folder / "one.jsonl").write_bytes(lines[0])
    pool.write_bytes(zstandard.ZstdCompressor(level=19).compress(b"".join(lines)))
    threads = str(given.threads)
    commands = {
        **{f"data-selection, {until}": [sys.executable, "-c", PEER, str(folder), threads, until]
           for until in ("counts", "weights")},
        "gotd": [str(BIN / "ds-embed"), "--threads", threads, "-q", str(pool), "-o", str(folder / "v.npy")],
        "reading alone": [sys.executable, "-c", READING, str(pool)],
    }
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(given.repeats):
        for name, command in commands.items():
            (folder / "v.npy").unlink(missing_ok=True)  # a finished output would not be made again
            spent[name].append(timed(command))
    walls, useds = ({name: statistics.median(run[i] for run in runs) for name, runs in spent.items()} for i in (0, 1))
    for name in commands:
        print(f"{name:24}{len(lines) / walls[name]:9.0f} docs/s{walls[name]:9.2f} s{useds[name]:9.2f} processor s")
    for name in list(commands)[:2]:
        print(f"{name} / gotd: wall {walls[name] / walls['gotd']:.1f}, processor {useds[name] / useds['gotd']:.1f}")


def memory(given: argparse.Namespace, lines: list[bytes], folder: Path) -> None:
    """The command's own closing line, for every number of documents."""
    texts = [json.loads(line)["text"][: given.characters] for line in lines]
    for count in given.documents:
        with (folder / "pool.jsonl").open("w", encoding="utf-8") as pool:
            for number in range(count):
                pool.write(json.dumps({"text": f"{number} {texts[number % len(texts)]}"}) + "\n")
        command = [BIN / "ds-embed", "--model", given.model, "--threads", str(given.threads), folder / "pool.jsonl"]
        line = [*command, "-o", folder / f"{count}.npy"]
        done = subprocess.run(line, check=True, capture_output=True, encoding="utf-8")
        print(done.stderr.strip().splitlines()[-1], flush=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=["transformer", "backends", "static", "hash", "memory"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="hash")
    parser.add_argument("--documents", type=int, nargs="+")
    parser.add_argument("--characters", type=int, default=None, help="of each text, for memory and back ends")
    parser.add_argument("--max-tokens", type=int, default=None)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def main() -> None:
    """Prints the machine and the answer."""
    given = arguments()
    cpus = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = [line for line in cpus if line.startswith("model name")]
    print(f"{platform.python_implementation()} {platform.python_version()}, {given.threads} threads on "
          f"{len(os.sched_getaffinity(0))} CPUs ({model[0].split(':')[1].strip() if model else platform.machine()}), "
          f"load {os.getloadavg()[0]:.1f}")
    usual = {"transformer": [1000], "backends": [450], "static": [40_000], "hash": [20_000],
             "memory": [20_000, 400_000]}
    given.documents = given.documents or usual[given.question]
    lines = sample(given.data, 20_000 if given.question == "memory" else given.documents[0])
    texts = [json.loads(line)["text"] for line in lines]
    print(f"{len(texts)} documents of {np.mean([len(text) for text in texts]):.0f} characters")
    if given.question == "transformer":
        transformer(given, texts)
    elif given.question == "backends":
        with tempfile.TemporaryDirectory(prefix="embed-") as given.work:
            backends(given, [text[: given.characters] for text in texts])
    elif given.question == "static":
        take_turns(model2vec, given, texts)
    else:
        with tempfile.TemporaryDirectory(prefix="embed-") as name:
            (hashing if given.question == "hash" else memory)(given, lines, Path(name))


if __name__ == "__main__":
    main()
