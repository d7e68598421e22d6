"""What was chosen: the share of each family in the pool and in the choice.

    python report.py FIELD CHOICE POOL...   [--expect NAME[,NAME]... TIMES]

Reads records (zstd or plain) through the package's own reader; DS_TEXT_KEY in the environment names the field of their
text, as for the commands. With --expect, ends with 1 unless the named families are at least TIMES over-represented.
"""

import argparse
import os
import sys
from collections import Counter
from itertools import islice

from gotd.cli._frame import run_script
from gotd.streams.records import Record, RecordReader, Skipping, no_value, read_records
from gotd.streams.sources import open_input

_SHOWN = 5
_FAMILIES = 16
_MIXED = "(several)"


def records(path: str) -> list[Record[None]]:
    """All records of a small file."""
    with open_input(path) as source:
        return [record for batch in read_records(RecordReader(source), Skipping(), no_value) for record in batch]


def shares(paths: list[str], field: str) -> Counter[str]:
    """How many records each family has; a chunk joined across families belongs to none."""
    counts: Counter[str] = Counter()
    for path in paths:
        with open_input(path) as source:
            for batch in read_records(RecordReader(source), Skipping(), no_value):
                counts.update(str(record.fields.get(field, _MIXED)) for record in batch)
    return counts


def main() -> None:
    """Print the table and the best records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("field")
    parser.add_argument("choice")
    parser.add_argument("pool", nargs="+")
    parser.add_argument("--expect", nargs=2, metavar=("NAMES", "TIMES"))
    given = parser.parse_args()
    pool, chosen = shares(given.pool, given.field), shares([given.choice], given.field)
    print(f"{'family':24}{'pool':>10}{'share':>9}{'chosen':>9}{'share':>9}{'times':>8}")
    families = sorted(pool.items(), key=lambda item: (-chosen[item[0]], -item[1]))
    for family, count in families[:_FAMILIES]:
        in_pool, in_choice = count / pool.total(), chosen[family] / chosen.total()
        print(f"{family:24}{count:10,}{in_pool:9.1%}{chosen[family]:9,}{in_choice:9.1%}{in_choice / in_pool:8.1f}")
    if len(families) > _FAMILIES:
        print(f"and {len(families) - _FAMILIES} smaller families")
    print("\nbest of the choice:")
    for record in islice(records(given.choice), _SHOWN):
        text = str(record.fields.get(os.environ.get("DS_TEXT_KEY", "text")) or "")
        first_line = next(iter(text.strip().splitlines()), "")
        score = record.fields.get("gotd_score", 0)
        print(f"  {score:8.4f}  {record.fields.get(given.field, _MIXED)}: {first_line[:70]}")
    if given.expect:
        names, times = given.expect[0].split(","), float(given.expect[1])
        in_pool = sum(pool[name] for name in names) / pool.total()
        in_choice = sum(chosen[name] for name in names) / chosen.total()
        found = in_choice / in_pool if in_pool else 0.0
        print(f"\n{given.expect[0]}: {in_pool:.1%} of the pool, {in_choice:.1%} of the choice, {found:.1f} times")
        if found < times:
            sys.exit(f"report.py: error: {found:.1f} times over-represented, {times:g} were expected")


if __name__ == "__main__":
    run_script(main)
