"""As many records as wanted, drawn at random from files.

    python sample.py COUNT SEED OUT.jsonl.zst FILE...

What a choice has to beat, and what a small base model is trained on. Reads and writes with the package's own streams.
"""

import random
import sys

from gotd.streams.records import RecordReader, RecordWriter, Skipping, no_value, read_records
from gotd.streams.seal import MadeBy
from gotd.streams.sinks import open_output
from gotd.streams.sources import open_input


def sampled(count: int, seed: int, files: list[str]) -> list[bytes]:
    """A uniform sample without replacement (Algorithm R: Vitter 1985); all records where there are fewer."""
    draw, kept, seen = random.Random(seed), [], 0
    for name in files:
        with open_input(name) as source:
            for batch in read_records(RecordReader(source), Skipping(), no_value):
                for record in batch:
                    seen += 1
                    if len(kept) < count:
                        kept.append(record.line)
                    elif (place := draw.randrange(seen)) < count:
                        kept[place] = record.line
    draw.shuffle(kept)
    return kept


def main(count: str, seed: str, output: str, *files: str) -> None:
    """Write the sample."""
    with open_output(output) as sink:
        writer = RecordWriter(sink, MadeBy("sample.py", 1, {"count": int(count), "seed": int(seed)}))
        writer.write(sampled(int(count), int(seed), list(files)))
        writer.finish()


if __name__ == "__main__":
    main(*sys.argv[1:])
