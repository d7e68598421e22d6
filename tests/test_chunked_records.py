"""Chunks as lines: the bytes that the plain definition of ds-chunk gives, whatever a record looks like."""

import io
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunk_reference import Options, chunked, pieces_of
from gotd.chunked_records import DocumentReader, lines_of
from gotd.chunking import Chunker, Settings, split
from gotd.streams.record_text import RecordText
from gotd.streams.records import RecordReader, Skipping, read_records
from gotd.streams.sources import ByteSource

PARTS = ["a", "bc def", ". ", "? ", '." ', ".) ", "\n", "\n\n", " \n \n", "。", '"', "')", "  ", "\x1c", "\u2028", "é",
         "\\"]
TEXTS = st.text(max_size=80) | st.integers(2, 60).flatmap(
    lambda most: st.lists(st.sampled_from(PARTS), max_size=most).map("".join))
VALUES = st.recursive(st.none() | st.integers() | st.sampled_from(["", "x", 'q"\\', "é\n", 1.5, True]),
                      lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("a}"), inner), max_leaves=6)
OTHERS = st.dictionaries(st.sampled_from(["lang", "source", "parts", "text", "k\n", "é"]), VALUES, max_size=3)
#: Of several records, so that some may be joined.
ALIKE = st.sampled_from([{"lang": "en"}, {"lang": "en", "source": "a"}, {"lang": "en", "parts": [1]}])
STYLES = st.fixed_dictionaries({"ensure_ascii": st.booleans(), "separators": st.sampled_from([(",", ":"), (", ", ": "),
                                                                                              (" , ", " : ")])})


@st.composite
def lines(draw: st.DrawFn, text_key: str, alike: dict[str, Any]) -> bytes:
    """A record with a text and an id, in any order and style; the text may be there twice."""
    fields: dict[str, Any] = {**draw(OTHERS | st.just(alike)), "id": draw(st.text(max_size=3)), text_key: draw(TEXTS)}
    order = draw(st.permutations(list(fields)))
    line = json.dumps({key: fields[key] for key in order}, **draw(STYLES))
    if draw(st.integers(0, 9)) == 0:
        line = line.replace("{", "{" + json.dumps(text_key) + ':"old",', 1)
    return line.encode("utf-8", "surrogatepass")


def by_the_command(records: list[bytes], options: Options) -> tuple[list[bytes], list[str]]:
    """Lines and texts as ds-chunk writes them of a file."""
    chunker = Chunker(Settings(options.chars, options.min_chars, options.join))
    text = RecordText(options.text_key)
    documents = DocumentReader(text)
    reader = RecordReader(ByteSource(io.BytesIO(b"\n".join(records) + b"\n"), "pool.jsonl", None))
    batches = read_records(reader, Skipping(), text.of)
    made = [chunk for batch in batches for record in batch for chunk in chunker.add(documents.document(record))]
    return lines_of([*made, *chunker.flush()], options.text_key)


@given(st.data(), st.integers(16, 60), st.sampled_from([0, 0, 5, 30]), st.sampled_from(["text", "body"]),
       st.sampled_from(["same", "never", "all", "lang", "source"]))
def test_lines_are_those_of_the_definition(data: st.DataObject, chars: int, min_chars: int, text_key: str, join: str
                                           ) -> None:
    options = Options(chars, min_chars, join, text_key)
    records = data.draw(st.lists(lines(text_key, data.draw(ALIKE)), min_size=1, max_size=6))
    made, texts = by_the_command(records, options)
    assert made == chunked(records, options)
    assert texts == [json.loads(line)[text_key] for line in made]


@given(TEXTS, st.integers(16, 60))
def test_cuts_are_those_of_the_definition(text: str, chars: int) -> None:
    assert split(text, chars) == pieces_of(text, chars)


@pytest.mark.parametrize("words", [["word ", "x"] * 100 + [". ", '."', "\n", "。", " \n\n"],
                                   ["x" * 45, " " * 50, '"' * 50, ". "]])
def test_cuts_far_from_the_ideal_place_are_those_of_the_definition(words: list[str]) -> None:
    chance = random.Random(1)
    for chars in range(100, 400):
        text = "".join(chance.choices(words, k=chars))
        assert split(text, chars) == pieces_of(text, chars)


def test_a_field_called_parts_gives_way_to_that_of_a_joined_chunk() -> None:
    records = [b'{"id":"a","text":"x","parts":1,"n":2}', b'{"id":"b","text":"y","parts":1,"n":2}']
    assert by_the_command(records, Options(20, 0, "same", "text"))[0] == [
        b'{"id":"a+1","text":"x\\n\\ny","n":2,"parts":["a","b"]}']
