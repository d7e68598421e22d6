"""What bounds each stage, and how far is it from that?

    growth.py measure --target TARGET RECORDS... > rates.json
    python bounds.py rates.json RECORDS...

A row of a stage cannot take less than its bytes take to be unpacked, parsed, digested and packed, and its operations at
the rate of a matrix product: each of these is measured here, alone, on one thread of this machine and on these records
(seconds of processors, the shortest of --repeats), and added up. The rates of growth.py say what a row takes, seconds
of one thread, too; both must be of one machine, and of records that are alike. What no library call stands for (cutting
a text, hashing its words, choosing) has no floor here: it is in the distance. Bytes of records are those of their text
form, once unpacked.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import torch
import zstandard

from gotd.streams.records import FILE_LEVEL, PIPE_LEVEL

#: Rows of a product, as blocks of scores have.
_ROWS = 4096
_SAMPLE_BYTES = 1 << 25
PIPE = "ds-chunk | ds-score | ds-topk"


class Rates(NamedTuple):
    """Seconds for one byte, operation or exponential. packing : as files are, piping : as pipes are"""

    unpacking: float
    parsing: float
    digesting: float
    packing: float
    piping: float
    operation: float
    exponential: float


def shortest(work: Callable[[], object], repeats: int) -> float:
    """Processor seconds of this thread."""
    spent = []
    for _ in range(repeats):
        start = time.thread_time()
        work()
        spent.append(time.thread_time() - start)
    return min(spent)


def whole_of(files: list[str]) -> Iterator[bytes]:
    """Yield the text form of each file."""
    for file in files:
        with open(file, "rb") as packed:
            yield zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True).read()


def sample_of(files: list[str]) -> tuple[bytes, float]:
    """Return whole lines of the files, as much of each, and the mean bytes of all of their records."""
    parts, size, records = [], 0, 0
    for whole in whole_of(files):
        part = whole[: _SAMPLE_BYTES // len(files)]
        parts.append(part[: part.rindex(b"\n") + 1])
        size, records = size + len(whole), records + whole.count(b"\n")
    return b"".join(parts), size / records


def measure(files: list[str], dimension: int, points: int, repeats: int) -> tuple[Rates, float]:
    """Return the rates, and the mean bytes of a record."""
    torch.set_num_threads(1)
    lines, document = sample_of(files)
    packed, records = zstandard.ZstdCompressor(level=FILE_LEVEL).compress(lines), lines.splitlines()
    x, y = torch.randn(_ROWS, dimension), torch.randn(points, dimension)
    made = torch.empty(_ROWS, points)

    def seconds(work: Callable[[], object], of: int) -> float:
        return shortest(work, repeats) / of

    rates = Rates(
        unpacking=seconds(lambda: zstandard.ZstdDecompressor().decompress(packed), len(lines)),
        parsing=seconds(lambda: [orjson.loads(record) for record in records], len(lines)),
        digesting=seconds(lambda: hashlib.sha256(lines).digest(), len(lines)),
        packing=seconds(lambda: zstandard.ZstdCompressor(level=FILE_LEVEL).compress(lines), len(lines)),
        piping=seconds(lambda: zstandard.ZstdCompressor(level=PIPE_LEVEL).compress(lines), len(lines)),
        operation=seconds(lambda: torch.mm(x, y.T, out=made), 2 * _ROWS * points * dimension),
        exponential=seconds(lambda: torch.exp(made, out=made), made.numel()),
    )
    return rates, document


def floors(rates: Rates, sizes: dict[str, float], document: float, chunk: float, points: int,
           ) -> dict[str, dict[str, float]]:
    """Of each stage the seconds that a row takes at least, by what they are for.

    sizes : bytes of a vector and a score in files; document, chunk : bytes of records
    """
    dimension = sizes["vector"] / 2  # float16
    # Products with all points, and half a product with the whitening, for the length.
    products = (2 * points * dimension + dimension**2) * rates.operation + points * rates.exponential
    reading = {"unpacking": rates.unpacking, "parsing": rates.parsing, "digesting": rates.digesting}
    chunking = {name: document * rate for name, rate in reading.items()}
    embedding = {name: chunk * rate for name, rate in reading.items()}
    per_chunk = chunk / document
    return {
        # ds-chunk digests lines that it reads, and lines and texts that it writes; ds-embed lines, texts and vectors;
        # in a pipe ds-score lines and texts that it reads and lines that it writes, and ds-topk lines.
        "ds-chunk": chunking | {"digesting": 3 * document * rates.digesting, "packing": document * rates.packing},
        "ds-embed": embedding | {"digesting": (2 * chunk + sizes["vector"]) * rates.digesting},
        "ds-score": {"digesting": sizes["vector"] * rates.digesting, "products": products},
        PIPE: {"unpacking": per_chunk * chunking["unpacking"] + 2 * embedding["unpacking"],
               "parsing": per_chunk * chunking["parsing"] + 2 * embedding["parsing"],
               "digesting": (3 + 3 + 1) * chunk * rates.digesting, "packing": 2 * chunk * rates.piping,
               "products": products},
    }


def table(measured: dict[str, Any], needed: dict[str, dict[str, float]]) -> str:
    """Markdown, in microseconds a row."""
    rows = ["| stage | a row takes | floor | distance | of the floor |", "|---|---|---|---|---|"]
    for name, parts in needed.items():
        if name not in measured["stages"]:
            continue
        took, floor = 1e6 * measured["stages"][name]["row_seconds"], 1e6 * sum(parts.values())
        shares = ", ".join(f"{what} {1e6 * spent:.1f}" for what, spent in parts.items())
        label = name.replace("|", "\\|")
        rows.append(f"| `{label}` | {took:.1f} | {floor:.1f} | {took / floor:.1f} | {shares} |")
    return "\n".join(rows)


def main() -> None:
    """Print the rates and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rates", type=Path)
    parser.add_argument("records", nargs="+", metavar="RECORDS.zst")
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    measured = json.loads(given.rates.read_text(encoding="utf-8"))
    sizes, points = measured["bytes"], measured["points"]
    rates, document = measure(given.records, round(sizes["vector"] / 2), points, given.repeats)
    chunk = document * measured["documents"] / measured["chunks"]
    print(f"{torch.backends.cpu.get_cpu_capability()}, one thread; records of {document:,.0f} bytes, {points:,} points")
    for name in ("unpacking", "parsing", "digesting", "packing", "piping"):
        print(f"{name:12}{1e-6 / getattr(rates, name):8,.0f} MB/s")
    print(f"{'operations':12}{1e-9 / rates.operation:8,.0f} GFLOP/s")
    print(f"{'exponentials':12}{1e-6 / rates.exponential:8,.0f} million/s\n")
    print("Microseconds (a row of ds-chunk is a document, of the others a chunk):\n")
    print(table(measured, floors(rates, sizes, document, chunk, points)))


if __name__ == "__main__":
    main()
