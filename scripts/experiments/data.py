"""The data of the studies: what base models are trained on, what is chosen from, and the targets.

    python data.py DATA WORK [--scale tiny|mini|small]

DATA has pool/<domain>.jsonl.zst and tasks/<task>/{train,test}.jsonl.zst. Written into WORK/SCALE, once:

    source.jsonl.zst          chunks of the general domains: all that a base model is trained on, so that P is known
    pool.jsonl.zst            chunks of all domains, none of which is in the source: what is chosen from
    targets/TASK.jsonl.zst    texts of the task's training split, at most TARGET_TEXTS: what is chosen for
    held-out/TASK.jsonl.zst   texts of its test split, at most HELD_OUT_TEXTS: what is judged by
"""

import argparse
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from gotd.streams.record_files import ReadOptions, RecordFiles
from gotd.streams.record_text import RecordText
from gotd.streams.records import RecordReader, RecordWriter, Skipping, no_value, read_records
from gotd.streams.seal import MadeBy
from gotd.streams.sinks import open_output
from gotd.streams.sources import open_input

GENERAL = ("books", "news", "webtext", "wikipedia")
DOMAIN_TASKS = ("chemprot", "rct_ei", "agnews", "amazon_helpfulness")
MIXED = "mixed"
TARGETS = (*DOMAIN_TASKS, MIXED)
#: Tasks that are chosen for too, but judged by their labels alone (glue.py).
GLUE = ("cola", "sst2", "mrpc", "rte", "stsb")
TARGET_TEXTS, HELD_OUT_TEXTS = 512, 1000
_SEED = 0


class Scale(NamedTuple):
    """How many chunks the source and the pool have; 0 is all that are left."""

    source: int
    pool: int


SCALES = {"tiny": Scale(16_000, 60_000), "mini": Scale(60_000, 0), "small": Scale(60_000, 0)}


class Study(NamedTuple):
    """The folder of a scale."""

    folder: Path

    @property
    def source(self) -> Path:
        """What base models are trained on."""
        return self.folder / "source.jsonl.zst"

    @property
    def pool(self) -> Path:
        """What is chosen from."""
        return self.folder / "pool.jsonl.zst"

    def target(self, task: str) -> Path:
        """What is chosen for."""
        return self.folder / "targets" / f"{task}.jsonl.zst"

    def held_out(self, task: str) -> Path:
        """What is judged by."""
        return self.folder / "held-out" / f"{task}.jsonl.zst"


def lines(path: Path) -> list[bytes]:
    """Records of a file as lines."""
    with open_input(str(path)) as source:
        return [record.line for batch in read_records(RecordReader(source), Skipping(), no_value) for record in batch]


def texts(path: Path) -> list[str]:
    """Texts of a file."""
    files = RecordFiles([str(path)], ReadOptions(RecordText(), Skipping()))
    return [text for batch in files.texts() for text in batch]


def write(path: Path, records: Iterable[bytes]) -> None:
    """Records to a file, which is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_output(str(path)) as sink:
        writer = RecordWriter(sink, MadeBy("experiments", 1, {}))
        writer.write(list(records))
        writer.finish()


def shuffled(records: Sequence[bytes], name: str) -> list[bytes]:
    """In an order that depends on the name alone."""
    order = list(records)
    random.Random(f"{_SEED} {name}").shuffle(order)
    return order


def lay_out(data: Path, work: Path, scale: str, chars: int = 1000) -> Study:
    """Makes what is not there yet."""
    study, sizes = Study(work / scale), SCALES[scale]
    if not (study.source.exists() and study.pool.exists()):
        chunks = work / f"chunks-{chars}"
        files = sorted((data / "pool").glob("*.jsonl.zst"))
        subprocess.run([Path(sys.executable).parent / "ds-chunk", "-q", "--chars", str(chars), *files, "-o",
                        f"{chunks}/"], check=True)
        general, rest = [], []
        for file in files:
            (general if file.name.split(".")[0] in GENERAL else rest).extend(lines(chunks / file.name))
        general = shuffled(general, "general")
        write(study.source, general[: sizes.source])
        pool = shuffled([*general[sizes.source :], *rest], "pool")
        write(study.pool, pool[: sizes.pool or None])
    for split, most, path in (("train", TARGET_TEXTS, study.target), ("test", HELD_OUT_TEXTS, study.held_out)):
        found = {task: shuffled(lines(data / "tasks" / task / f"{split}.jsonl.zst"), f"{task} {split}")[:most]
                 for task in DOMAIN_TASKS}
        share = most // len(DOMAIN_TASKS)
        found[MIXED] = [line for task in DOMAIN_TASKS for line in found[task][:share]]
        for task, records in found.items():
            if not path(task).exists():
                write(path(task), records)
    for task in GLUE:
        file = data / "tasks" / task / "train.jsonl.zst"
        if file.exists() and not study.target(task).exists():
            write(study.target(task), shuffled(lines(file), f"{task} train")[:TARGET_TEXTS])
    return study


def main() -> None:
    """Lay out, and say what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--scale", choices=list(SCALES), default="tiny")
    given = parser.parse_args()
    study = lay_out(given.data, given.work, given.scale)
    for path in sorted(study.folder.rglob("*.jsonl.zst")):
        print(f"{len(lines(path)):8,} {path.relative_to(study.folder)}")


if __name__ == "__main__":
    main()
