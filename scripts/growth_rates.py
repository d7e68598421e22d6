"""What the commands take on a sample, on this machine: the rates that growth.py computes larger pools from."""

import contextlib
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gotd import Target
from gotd.streams.pairing import stem

#: A pool by pipes, as its rates are called.
PIPE = "ds-chunk | ds-score | ds-topk"
#: How a command ends that nobody reads from: by itself, and by the signal.
_BROKEN_PIPE = (141, -13)
_CLOSING = re.compile(r"^ds-\S+: ([\d,]+) rows in .* peak memory (\d+) MB", re.MULTILINE)


class Ran(NamedTuple):
    """A command that ran, or several in a pipe: rows the last one read, wall and CPU seconds, peak memory of all."""

    rows: int
    wall: float
    cpu: float
    megabytes: int


def run(*words: str, threads: int = 1) -> Ran:
    """Runs a command. CPU seconds are those of all its processes."""
    return run_pipe([words], threads)


def run_pipe(commands: Sequence[Sequence[str]], threads: int = 1) -> Ran:
    """Runs commands, each on what the one before it writes."""
    before, start, begun = os.times(), time.perf_counter(), list[subprocess.Popen[str]]()
    with contextlib.ExitStack() as stack:
        for words in commands:
            source = begun[-1].stdout if begun else None
            out = subprocess.DEVNULL if words is commands[-1] else subprocess.PIPE
            begun.append(stack.enter_context(subprocess.Popen(
                words, stdin=source, stdout=out, stderr=subprocess.PIPE, encoding="utf-8",
                env=os.environ | {"DS_THREADS": str(threads)})))
            if source:
                source.close()  # so that the writer learns when the reader ends
        told = [process.stderr.read() for process in begun if process.stderr]
        codes = [process.wait() for process in begun]
    wall, after = time.perf_counter() - start, os.times()
    closings = [_CLOSING.search(text) for text in told]
    failed = [(code in _BROKEN_PIPE, words[0], code, text.strip())
              for words, code, closing, text in zip(commands, codes, closings, told, strict=True)
              if code or not closing]
    if failed:  # the first that did not end because the one behind it had
        _, name, code, text = min(failed, key=lambda each: each[0])
        sys.exit(f"growth.py: error: {name} ended with {code}: {text}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    rows, megabytes = zip(*((int(each[1].replace(",", "")), int(each[2])) for each in closings if each), strict=True)
    return Ran(rows[-1], wall, cpu, sum(megabytes))


def rates_of(few: Ran, many: Ran, on_gpu: bool) -> dict[str, Any]:
    """Seconds to begin and seconds a row, from a run on few rows and one on many."""
    spent, before = (many.wall, few.wall) if on_gpu else (many.cpu, few.cpu)
    row = max(1e-9, (spent - before) / (many.rows - few.rows))
    return {"gpu": on_gpu, "start_seconds": max(0.0, spent - row * many.rows), "row_seconds": row,
            "cpu_seconds": many.cpu / many.rows, "megabytes": max(few.megabytes, many.megabytes)}


class Sample:
    """The commands on a sample, in a folder: what each read and took."""

    def __init__(self, work: Path, gpu: bool, threads: int) -> None:
        self.work, self.gpu, self.threads = work, gpu, threads
        self.stages: dict[str, dict[str, Any]] = {}
        self.ran: dict[str, Ran] = {}

    def stage(self, line: list[str], inputs: list[str], folder: str, suffix: str, gpu: bool = False) -> list[str]:
        """The outputs of a command with one output for each input."""
        gpu = gpu and self.gpu
        few, many = (run(*line, *files, "-o", f"{self.work}/{out}/", threads=self.threads if gpu else 1)
                     for files, out in ((inputs[:1], f"few-{folder}"), (inputs, folder)))
        self.ran[line[0]], self.stages[line[0]] = many, rates_of(few, many, gpu)
        return [str(self.work / folder / (stem(file) + suffix)) for file in inputs]

    def fit(self, vectors: list[str]) -> None:
        """The potentials, on the CPU. They are solved on a sample of given size, so that a row more is only read."""
        line = ["ds-target-stats", "--device", "cpu", "--target", f"{self.work}/target.npy",
                "-o", f"{self.work}/target.npz"]
        few = run(*line, vectors[0])
        row = rates_of(few, run(*line, "--pool-sample", str(few.rows), *vectors), False)["row_seconds"]
        usual = run(*line, *vectors)
        start = max(0.0, usual.cpu - row * usual.rows)
        self.stages[line[0]] = {"gpu": False, "start_seconds": start, "row_seconds": row,
                                "cpu_seconds": usual.cpu / usual.rows, "megabytes": usual.megabytes}

    def pipe(self, records: list[str], model: str, k: int) -> None:
        """From records to the best of them, without a file between."""
        whose = [] if model == "hash" else ["--model", model]
        commands = [["ds-score", "--target", f"{self.work}/target.npz", *whose],
                    ["ds-topk", "-k", str(k), "-o", f"{self.work}/best.jsonl.zst"]]
        threads = self.threads if self.gpu else 1
        few, many = (run_pipe([["ds-chunk", *files], *commands], threads) for files in (records[:1], records))
        self.stages[PIPE] = rates_of(few, many, self.gpu)

    def choose(self, chunks: list[str], k: int) -> None:
        """The choice, and what a chosen record weighs."""
        line = ["ds-topk", "--scores", f"{self.work}/scores/", "-o", f"{self.work}/selected.jsonl.zst"]
        few, many = run(*line, "-k", str(k), chunks[0]), run(*line, "-k", str(k), *chunks)
        least = run(*line, "-k", "1", *chunks).megabytes
        self.stages[line[0]] = rates_of(few, many, False) | {
            "megabytes": least, "megabytes_a_record": max(0, many.megabytes - least) / min(k, many.rows)}


def measure(records: list[str], target: str, model: str, k: int, dimension: int | None) -> dict[str, Any]:
    """All rates, on this machine.

    dimension : of hash; None leaves it to ds-embed
    """
    if len(records) < 2:
        sys.exit("growth.py: error: give several files of records: the first alone is the small run")
    machine = _machine()
    with tempfile.TemporaryDirectory(prefix="gotd-growth-") as name:
        sample = Sample(Path(name), machine["gpu"] is not None, machine["threads"])
        embed = ["ds-embed", "--model", model, *(["--dimension", str(dimension)] if dimension else [])]
        chunks = sample.stage(["ds-chunk"], records, "chunks", ".jsonl.zst")
        vectors = sample.stage(embed, chunks, "emb", ".npy", gpu=model != "hash")
        run(*embed, target, "-o", f"{name}/target.npy", threads=machine["threads"])
        sample.fit(vectors)
        scores = sample.stage(["ds-score", "--target", f"{name}/target.npz"], vectors, "scores", ".npy", gpu=True)
        sample.choose(chunks, k)
        sample.pipe(records, model, k)
        points = len(Target.load(f"{name}/target.npz").arrays["points"])
        documents, pieces = sample.ran["ds-chunk"].rows, sample.ran["ds-embed"].rows
        sizes = {"document": _bytes(records) / documents, "chunk": _bytes(chunks) / pieces,
                 "vector": _bytes(vectors) / pieces, "score": _bytes(scores) / pieces}
    return {"machine": machine, "model": model, "dimension": dimension, "documents": documents, "chunks": pieces,
            "points": points, "bytes": sizes, "stages": sample.stages}


def _bytes(files: list[str]) -> int:
    return sum(Path(file).stat().st_size for file in files)


def _machine() -> dict[str, Any]:
    import torch

    cpus = (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name"))
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"cpu": next(cpus, platform.machine()), "threads": len(os.sched_getaffinity(0)), "gpu": gpu}
