"""Scoring, solving and embedding on one GPU beside their peers: all of it in ten minutes, as one page of Markdown.

    python gpu.py DATA [--model FOLDER...] [-o gpu.md] [--minutes 10]

Runs scoring.py, transport.py and embed.py of this folder with --device cuda, one after the other, each with sizes that
a GPU is busy with and with its own share of the time, and writes what they print as it comes: what a limit cuts off is
said, and what was measured before it stays. DATA is that of embed.py; each --model is a sentence-transformers folder
(MiniLM's, a BERT's), embedded beside the library in float32 and, both, in bfloat16, there also with flash attention
where the package flash-attn is installed. Without a --model nothing is embedded. Exits with 1 where a part failed.
"""

import argparse
import importlib.util
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, TextIO

FOLDER = Path(__file__).parent


class Part(NamedTuple):
    """A script and its arguments, and the share of all the time that it may take."""

    title: str
    words: list[str]
    share: float


def parts_of(data: Path, models: list[str]) -> list[Part]:
    """All that is measured, most interesting first."""
    device = ["--device", "cuda"]
    scoring = ["scoring.py", *device, "--points", "1000", "4096", "--dimensions", "384", "768", "--rows", "1000000",
               "--repeats", "3"]
    peers = ["flash-sinkhorn"] if importlib.util.find_spec("flash_sinkhorn") else []
    transport = ["transport.py", *device, "--rows", "1000000", "--points", "1000", "--dimensions", "768", "--repeats",
                 "3", "--limit", "60", "--solvers", "gotd", "gotd-16k-1-pass", "gotd-passes", *peers]
    parts = [Part("Scoring", scoring, 0.25), Part("Potentials", transport, 0.25)]
    for model in models:
        for precision in ("float32", "bfloat16"):
            words = ["embed.py", "transformer", str(data), *device, "--model", model, "--documents", "20000",
                     "--max-tokens", "256", "--precision", precision]
            parts.append(Part(f"Embedding: {Path(model).name}, {precision}", words, 0.5 / (2 * len(models))))
    return parts


def machine() -> str:
    """What all of it ran on."""
    import torch

    if not torch.cuda.is_available():
        sys.exit("gpu.py: error: no GPU is there; on a CPU run scoring.py, transport.py and embed.py by themselves")
    return (f"{torch.cuda.get_device_name()}, {platform.machine()}, Python {platform.python_version()}, "
            f"torch {torch.__version__}")


def measure(part: Part, seconds: float, page: TextIO) -> bool:
    """Add what a part prints; return whether it came to its end."""
    start = time.perf_counter()
    print(f"\n## {part.title}\n\n`python {' '.join(part.words)}`\n\n```", file=page, flush=True)
    try:
        # What it printed before its time is up is on the page already.
        code = subprocess.run([sys.executable, "-u", FOLDER / part.words[0], *part.words[1:]], stdout=page,
                              stderr=subprocess.STDOUT, timeout=seconds, check=False).returncode
        end = f"ended with {code}" if code else "done"
    except subprocess.TimeoutExpired:
        code, end = 1, "cut off"
    print(f"```\n\n{end} after {time.perf_counter() - start:.0f} s of {seconds:.0f}", file=page, flush=True)
    return code == 0


def main() -> None:
    """One page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", nargs="+", default=[], metavar="FOLDER")
    parser.add_argument("-o", "--output", type=Path, default=Path("gpu.md"))
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    what, parts = machine(), parts_of(arguments.data, arguments.model)
    end = time.perf_counter() + 60 * arguments.minutes
    failed = []
    with arguments.output.open("w", encoding="utf-8") as page:
        print(f"# On one GPU\n\n{what}", file=page, flush=True)
        for number, part in enumerate(parts):
            # What earlier parts left over is for those that are left.
            share = part.share / sum(each.share for each in parts[number:])
            if not measure(part, share * (end - time.perf_counter()), page):
                failed.append(part.title)
    print(arguments.output.read_text(encoding="utf-8"))
    if failed:
        sys.exit(f"gpu.py: error: not measured to the end: {', '.join(failed)}")


if __name__ == "__main__":
    main()
