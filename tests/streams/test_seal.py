"""The bytes of a seal and of what it says: they are a format, whatever holds them in memory."""

import json
from dataclasses import replace

import pytest

from gotd.errors import DataError
from gotd.streams.digests import RecordRun
from gotd.streams.seal import Announcement, MadeBy, Seal, decode, encode

CHOSEN = MadeBy("ds-topk", 1, {"k": 3}, target="ab", pool_rows=7, excluded={"texts": "cd", "words": 13})
SCORED = MadeBy("ds-score", 2, {}, target="ab", embedder={"name": "hash", "dimension": 8}, inputs="ef")


def test_the_bytes_are_those_of_format_2() -> None:
    seal = Seal("scores", 7, "ab", (RecordRun(7, "cd", "text"), RecordRun(1, None)), SCORED, {"version": "1"}, 128)
    body = (b'{"gotd":2,"kind":"scores","rows":7,"digest":"ab","records":[[7,"cd","text"],[1,null]],"position":128,'
            b'"made_by":{"tool":"ds-score","revision":2,"options":{},"target":"ab","embedder":{"name":"hash",'
            b'"dimension":8},"inputs":"ef"},"notes":{"version":"1"}')
    assert encode(seal).startswith(body + b',"check":"')
    assert encode(Announcement("records", CHOSEN)).startswith(
        b'{"gotd":2,"kind":"records","opens":true,"made_by":{"tool":"ds-topk","revision":1,"options":{"k":3},'
        b'"target":"ab","pool_rows":7,"excluded":{"texts":"cd","words":13}},"check":"')


@pytest.mark.parametrize("made_by", [CHOSEN, SCORED, MadeBy(), replace(SCORED, others={"version": "0.1.0"})])
def test_what_is_written_is_read(made_by: MadeBy) -> None:
    seal = Seal("records", 0, "", (), made_by, {"empty": 3}, 5)
    assert decode(encode(seal), "x") == seal
    assert MadeBy.read(json.loads(json.dumps(made_by.as_json()))) == made_by


@pytest.mark.parametrize("wrong", [{"tool": 1}, {"target": 1}, {"embedder": "hash"}, {"pool_rows": -1},
                                   {"options": []}, {"inputs": {}}])
def test_what_cannot_be_is_no_seal(wrong: dict[str, object]) -> None:
    line = encode(Seal("records", 0, "", (), MadeBy(others=wrong)))
    with pytest.raises(DataError, match="makes no sense"):
        decode(line, "x")
