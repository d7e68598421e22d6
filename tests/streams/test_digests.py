"""The digest of texts: by hand, in any portions, and another for every other list of texts."""

import hashlib
import json
from itertools import combinations

from gotd.streams.digests import RecordRun, TextDigest
from gotd.streams.record_text import RecordText
from gotd.streams.records import Record


def run(values: list[object], key: str | None = "text", extra: object = None) -> RecordRun:
    """What a seal says of records with these texts."""
    digest = TextDigest(None if key is None else RecordText(key))
    for value in values:
        fields = {"text": value} | ({"more": extra} if extra is not None else {})
        digest.add([Record(json.dumps(fields).encode(), fields, "", None)])
    return digest.run


def test_by_hand() -> None:
    by_hand = hashlib.sha256((2).to_bytes(8, "little") + "é".encode() + bytes(8) + (1).to_bytes(8, "little") + b"a")
    assert run(["é", "", "a"]) == RecordRun(3, by_hand.hexdigest(), "text")
    lines = hashlib.sha256(b'{"text": "a"}\n{"text": "b"}\n').hexdigest()
    assert run(["a", "b"], key=None) == RecordRun(2, lines)


def test_other_fields_do_not_count_and_everything_else_does() -> None:
    lists: list[list[object]] = [["a", "b"], ["b", "a"], ["ab"], ["a", "b", ""], ["", "a", "b"], ["a\nb"], [1, "b"],
                                 [2, "b"], ["\ud800"], ["\udc00"], []]
    for one, other in combinations(lists, 2):
        assert run(one) != run(other), (one, other)
    assert run(["a", "b"], extra=1) == run(["a", "b"], extra=2)
    assert run([1, "b"], extra=1) != run([1, "b"], extra=2)  # without a text the record is known by its line


def test_in_any_portions() -> None:
    records = [Record(b"{}", {"text": str(number)}, "", None) for number in range(10)]
    whole, parts = TextDigest(RecordText()), TextDigest(RecordText())
    whole.add(records)
    for start in range(0, 10, 3):
        parts.add(records[start : start + 3])
    assert whole.run == parts.run
