"""Fields are added and taken out between the bytes of the others."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotd.streams.json_fields import object_line, parse_object, raw_fields, with_field, without_field
from gotd.streams.record_text import RecordText

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=5)
STYLES = st.sampled_from([{}, {"ensure_ascii": False}, {"separators": (",", ":")}, {"indent": 1}])


def dumped(record: dict[str, Any], style: dict[str, Any]) -> bytes:
    try:
        return json.dumps(record, **style).replace("\n", "\t").encode()
    except UnicodeEncodeError:  # half a surrogate pair has no UTF-8; escaped it has
        return json.dumps(record).encode()


@pytest.mark.long
@given(OBJECTS, STYLES)
def test_a_field_put_in_and_taken_out_leaves_the_bytes(record: dict[str, Any], style: dict[str, Any]) -> None:
    record.pop("score", None)
    line = dumped(record, style).strip()
    longer = with_field(line, "score", b"-1.25e-3")
    assert json.loads(longer)["score"] == -1.25e-3
    assert without_field(longer, "score").replace(b" ", b"").replace(b"\t", b"") == line.replace(b" ", b"").replace(
        b"\t", b"")


@pytest.mark.parametrize(("line", "left"), [
    (b'{ "a": 1,  "score" : 2 , "\\u007f":3 }', b'{ "a": 1,  "\\u007f":3 }'),
    (b'{"score":2, "b":"\\u00e9"}', b'{"b":"\\u00e9"}'),
    (b'{"b": 1.50, "score":2}', b'{"b": 1.50}'), (b'{ "score":1,"score":2 }', b"{  }"),
    (b'{"score":1, "b": 2, "score":3, "c":4}', b'{"b": 2, "c":4}'),
])
def test_what_is_left_keeps_its_bytes(line: bytes, left: bytes) -> None:
    assert without_field(line, "score") == left


@pytest.mark.long
@given(OBJECTS, STYLES)
def test_raw_fields_are_the_values_as_they_stand(record: dict[str, Any], style: dict[str, Any]) -> None:
    line = dumped(record, style)
    fields = raw_fields(line)
    assert [name for name, _ in fields] == list(record)
    assert all(value in line for _, value in fields)
    assert repr(json.loads(object_line(fields))) == repr(record)  # NaN is not equal to itself


@given(OBJECTS, STYLES, st.integers(0, 4))
def test_any_field_can_be_taken_out_of_anywhere(record: dict[str, Any], style: dict[str, Any], which: int) -> None:
    if record:
        key = list(record)[which % len(record)]
        left = {name: value for name, value in record.items() if name != key}
        assert repr(json.loads(without_field(dumped(record, style), key))) == repr(left)


@pytest.mark.parametrize("line", [
    b'{"text":"a,\\"score\\":1}","score":2}', b'{"o":{"a":1,"score":3},"score":2}', b'{"score":1,"text":"b","score":2}',
    b'{"score":2,"t":"x"}', b'{"t":[{"a":1,"score":4}],"score":2}',
])
def test_look_alikes_inside_other_values_stay(line: bytes) -> None:
    without = json.loads(without_field(line, "score"))
    assert without == {key: value for key, value in json.loads(line).items() if key != "score"}


@pytest.mark.parametrize(("line", "said"), [
    (b"", "blank"), (b"  ", "blank"), (b"1", "number"), (b"null", "null"), (b'"a"', "string"), (b"{", "not JSON"),
    (b'{"a":1}{', "not JSON"), (b'{"a": "\xc3"}', "not UTF-8 at byte 8"), (b"[" * 100_000, "not JSON"),
])
def test_what_is_no_object_is_told_why(line: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_object(line)


def test_numbers_of_any_length_and_nan_are_no_obstacle() -> None:
    parsed = parse_object(b'{"text": "t", "a": 123456789012345678901234567890, "b": NaN, "c": -Infinity, "d": 1e999}')
    assert RecordText().of(parsed) == "t"
