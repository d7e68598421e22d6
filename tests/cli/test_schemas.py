"""Data as people have it: what the reference says of FineWeb, Dolma, chats and instructions runs, and chooses."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from workdir import Workdir, records, texts

pyarrow = pytest.importorskip("pyarrow")
import pyarrow.parquet as parquet  # noqa: E402 - where there is pyarrow

REFERENCE = (Path(__file__).parents[2] / "tools/README.md").read_text()
SECTION = REFERENCE.split("\n## Data as people have it\n")[1].split("\n## ")[0]
TEXTS = texts(60, words=30)
WEB = [{"text": text, "id": f"<urn:uuid:{number}>", "dump": "CC-MAIN-2024-10", "url": f"http://a.org/{number}",
        "language": "en", "language_score": 0.9, "token_count": 30} for number, text in enumerate(TEXTS)]
EDU = [row | {"score": 2.5 + number % 3, "int_score": 3 + number % 3} for number, row in enumerate(WEB)]
DOLMA = [{"id": str(number), "text": text, "source": "wiki", "added": "2024-01-01T00:00:00.000Z",
          "metadata": {"url": f"http://a.org/{number}", "length": [1, {"n": 2}]}} for number, text in enumerate(TEXTS)]
CHATS = [{"prompt_id": str(number), "messages": [{"role": "user", "content": text[:60]},
                                                 {"role": "assistant", "content": text[60:]}]}
         for number, text in enumerate(TEXTS)]
TASKS = [{"instruction": text[:40], "input": "" if number % 2 else text[40:80], "output": text[80:]}
         for number, text in enumerate(TEXTS)]
#: By the file that a choice is written to: the rows it is made of.
CHOICES = {"fineweb-best": WEB, "edu-best": EDU, "dolma-best": DOLMA, "chat-best": CHATS, "tasks-best": TASKS}


def write_parquet(work: Workdir, name: str, rows: list[dict[str, Any]]) -> None:
    parquet.write_table(pyarrow.Table.from_pylist(rows), work.path / name, row_group_size=25)


@pytest.mark.heavy
def test_the_commands_of_every_schema_choose(work: Workdir) -> None:
    for name in ("fineweb", "fineweb-edu", "dolma"):
        (work.path / "data" / name).mkdir(parents=True)
    write_parquet(work, "data/fineweb/0.parquet", WEB)
    write_parquet(work, "data/fineweb-edu/0.parquet", EDU)
    write_parquet(work, "chat.parquet", CHATS)
    (work.path / "dolma").mkdir()
    work.write("dolma/0.json.gz", gzip.compress("".join(json.dumps(row) + "\n" for row in DOLMA).encode()))
    work.write("alpaca.json", json.dumps(TASKS, indent=1).encode())
    work.write("pool.jsonl", records(TEXTS))
    work.write("target.jsonl", records(texts(20, seed=3)[::5]))
    blocks = [re.sub(r"'hf://datasets/HuggingFaceFW/([\w-]+)/[^']*'", r"data/\1/*.parquet", block)
              for block in re.findall(r"(?:^    .+\n)+", SECTION, flags=re.MULTILINE)]
    assert len(blocks) == 1 + len(CHOICES)
    assert "jq" not in SECTION
    work.ok("set -e\n" + "\n".join(blocks))
    for name, rows in CHOICES.items():
        chosen = [json.loads(line) for line in work.ok(f"zstdcat {name}.jsonl.zst").out.splitlines()]
        assert len(chosen) == len(rows)
        for row in chosen:
            assert {"id", "text", "gotd_score"} <= row.keys()
            assert rows[0].keys() - {"id"} <= row.keys(), name
    counted = json.loads(work.read("edu.json"))["fields"]
    assert [field["name"] for field in counted] == ["int_score"]
