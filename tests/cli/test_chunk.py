"""ds-chunk as installed: ids, what is joined, what is left out."""

import json
from typing import Any

import pytest

from workdir import Workdir, records, texts


def made(work: Workdir, line: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in work.ok(f"{line} | zstdcat").out.splitlines()]


def test_ids_are_strings_and_lead_to_their_documents(work: Workdir) -> None:
    ids = (b'"id":7,', b'"id": 1.50 ,', b'"id":"own",', b'"id":null,', b"", b'"id":{"a" :[1]},', b'"id":true,')
    lines = [b'{%s"text":"%s", "n": 1e400,"\\u00e9":0.10}' % (each, (b"word %d. " % row) * 20)
             for row, each in enumerate(ids)]
    work.write("p.jsonl", b"\n".join(lines))
    expected = ["7", "1.50", "own", "p.jsonl:4", "p.jsonl:5", '{"a" :[1]}', "true"]
    whole = work.ok("ds-chunk --chars 200 p.jsonl | zstdcat").out.splitlines()
    assert [json.loads(line)["id"] for line in whole] == expected
    assert whole[2] == lines[2]
    assert whole[0] == lines[0].replace(b'"id":7', b'"id":"7"')
    assert whole[1] == lines[1].replace(b"1.50", b'"1.50"')
    assert whole[4] == lines[4][:-1] + b',"id":"p.jsonl:5"}'
    pieces = work.ok("ds-chunk --chars 100 p.jsonl | zstdcat").out.splitlines()
    assert [json.loads(line)["id"] for line in pieces] == [f"{name}#{number}" for name in expected for number in (1, 2)]
    assert all(line.endswith(b'"n":1e400,"\xc3\xa9":0.10}') for line in pieces)


def test_other_readers_take_the_ids(work: Workdir) -> None:
    reader = pytest.importorskip("pyarrow.json")
    lines = [{"id": number, "text": f"word {number}. " * (5 if number % 2 else 10)} for number in range(4)]
    work.write("p.jsonl", "\n".join(map(json.dumps, [*lines, {"text": "none"}])).encode())
    work.ok("ds-chunk --chars 60 p.jsonl -o c.jsonl")
    table = reader.read_json(str(work.path / "c.jsonl"))
    assert table.schema.field("id").type == "string"
    assert table["id"].null_count == 0


def test_neighbours_of_another_source_are_not_joined_unasked(work: Workdir) -> None:
    lines = [{"text": f"text {row}", "source": "ab"[row // 2 % 2], "lang": "en"} for row in range(8)]
    work.write("p.jsonl", "\n".join(map(json.dumps, lines)).encode())
    done = work.ok("ds-chunk p.jsonl -o c.jsonl")
    chunks = [json.loads(line) for line in work.read("c.jsonl").splitlines()]
    assert [(len(each["parts"]), each["source"], each["lang"]) for each in chunks] == [
        (2, "a", "en"), (2, "b", "en"), (2, "a", "en"), (2, "b", "en")]
    assert "8 pieces joined; 3 short neighbours not joined, whose fields differ (see --join)" in done.err
    assert made(work, "ds-chunk --join source p.jsonl") == chunks
    done = work.ok("ds-chunk --join all p.jsonl -o all.jsonl")
    [chunk] = map(json.loads, work.read("all.jsonl").splitlines())
    assert ("source" in chunk, chunk["lang"]) == (False, "en")
    assert '8 pieces joined; 1 joined without "source", which differs' in done.err
    assert len(made(work, "ds-chunk --join never p.jsonl")) == 8
    work.fails("ds-chunk --join id p.jsonl", "--join id", status=2)


def test_what_says_nothing_or_little_is_left_out_and_counted(work: Workdir) -> None:
    work.write("p.jsonl", records(["* * *", "", *texts(3, words=40), "short"]))
    done = work.ok("ds-chunk --chars 100 --min-chars 20 p.jsonl -o c.jsonl")
    assert "; 1 empty texts left out; 1 pieces without a letter or digit left out; 1 shorter than " in done.err
    assert all(len(json.loads(line)["text"]) >= 20 for line in work.read("c.jsonl").splitlines())
    work.ok("ds-chunk --chars 100 p.jsonl -o c.jsonl")  # another option, another output
    assert b'"short"' in work.read("c.jsonl")
