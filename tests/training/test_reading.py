"""What training reads of records, and what names it."""

from pathlib import Path

import orjson
import pytest

from gotd.streams.record_text import RecordText
from gotd.streams.records import Skipping
from gotd.training.reading import Reading, digest_of, uncounted

RECORDS = [{"text": "one\ntwo", "label": 1, "id": "a"}, {"text": "three", "label": 0, "id": "b"}]


def digest(folder: Path, records: list[dict[str, object]], labelled: bool) -> str:
    path = folder / "records.jsonl"
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return digest_of([str(path)], Reading(RecordText(), "label", Skipping(0), False, uncounted), labelled)


@pytest.mark.parametrize("labelled", [False, True])
def test_the_digest_is_of_texts_and_labels_alone(tmp_path: Path, labelled: bool) -> None:
    """A field that training does not read may change between two runs of one command."""
    first = digest(tmp_path, RECORDS, labelled)
    assert digest(tmp_path, [record | {"id": "x", "more": [1]} for record in RECORDS], labelled) == first
    assert digest(tmp_path, RECORDS[::-1], labelled) != first
    assert digest(tmp_path, [RECORDS[0] | {"text": "one two"}, RECORDS[1]], labelled) != first
    assert (digest(tmp_path, [RECORDS[0] | {"label": 0}, RECORDS[1]], labelled) != first) is labelled
