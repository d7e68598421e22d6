"""Records are edited beside their texts: what was computed from the texts is neither made anew nor refused."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from gotd.streams.arrays import ArrayReader, ArrayWriter
from gotd.streams.digests import RecordRun
from gotd.streams.seal import FORMAT, Seal, encode
from gotd.streams.sinks import open_output
from gotd.streams.sources import open_input
from workdir import Workdir, records, texts

EMBED = "ds-embed --dimension 64 pool.jsonl -o e.npy"
SCORE = "ds-score --target t.npz e.npy -o s.npy"
CHOOSE = "ds-topk -k 5 --scores s.npy pool.jsonl -o best.zst"
LANGUAGE = 's/}$/,"lang":"en"}/'


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records, their vectors, scores and choice, for every test a copy."""
    made = Workdir(tmp_path_factory.mktemp("scored"))
    made.write("pool.jsonl", records(texts(40)))
    made.ok(f"{EMBED} && ds-target-stats --method mean --target e.npy e.npy -o t.npz && {SCORE} && {CHOOSE}")
    return made.path


@pytest.fixture
def scored(work: Workdir, whole: Path) -> Workdir:
    """Records, their vectors, scores and choice."""
    shutil.copytree(whole, work.path, dirs_exist_ok=True)
    return work


def chosen(work: Workdir) -> list[dict[str, object]]:
    return [json.loads(line) for line in work.ok("zstdcat best.zst").out.splitlines()]


def test_the_choice_carries_the_records_as_they_are_now(scored: Workdir) -> None:
    before = chosen(scored)
    scored.ok(f"sed -i '{LANGUAGE}' pool.jsonl")
    for line in (EMBED, SCORE):
        assert "1 outputs were already complete" in scored.ok(line).err
    for how in ("-k 5", "--fraction 0.125", "-k 5 --skip-invalid 1"):
        scored.ok(CHOOSE.replace("-k 5", how))
        now = chosen(scored)
        assert [record.pop("lang") for record in now] == ["en"] * 5
        assert now == before


def test_a_choice_within_characters(scored: Workdir) -> None:
    line = CHOOSE.replace("-k 5", "--budget-chars 2000")
    scored.ok(line)
    before = [record["id"] for record in chosen(scored)]
    scored.ok(f"sed -i '{LANGUAGE}' pool.jsonl && {line}")
    assert [(record["id"], record["lang"]) for record in chosen(scored)] == [(name, "en") for name in before]


@pytest.mark.parametrize("change", ['s/"text": "[^"]*"/"text": "rocket"/', 's/\\.\"}$/!"}/'])
def test_the_remedy_for_a_changed_text_works(scored: Workdir, change: str) -> None:
    """Also where the new text has the vector of the old one: to `hash` full stops are nothing."""
    scored.ok(f"sed -i '7{change}' pool.jsonl")
    scored.fails(CHOOSE, "s.npy", "other records than pool.jsonl", "embed and score those records again")
    for line in (EMBED, SCORE):
        assert "already complete" not in scored.ok(line).err
    scored.ok(CHOOSE)


def test_chunks_of_edited_documents(scored: Workdir) -> None:
    work = scored
    work.write("pool.jsonl", records(texts(40, words=30)))
    embed, score = EMBED.replace("pool.jsonl", "chunks.zst"), "ds-score --target t.npz e.npy -o s.npy"
    chunk = "ds-chunk --chars 300 pool.jsonl -o chunks.zst"
    choose = "ds-topk -k 5 --scores s.npy chunks.zst -o best.zst"
    work.ok(f"{chunk} && {embed} && {score} && {choose}")
    work.ok(f"sed -i '{LANGUAGE}' pool.jsonl")
    assert "already complete" not in work.ok(chunk).err
    for line in (embed, score):
        assert "1 outputs were already complete" in work.ok(line).err
    work.ok(choose)
    assert {record["lang"] for record in chosen(work)} == {"en"}


def test_scores_of_texts(work: Workdir) -> None:
    work.write("pool.jsonl", records(texts(40)).replace(b'"text"', b'"body"'))
    score = "ds-score --target t.npz pool.jsonl -o s.npy"
    work.ok(f"ds-target-stats --method dsir --text-key body --target pool.jsonl pool.jsonl -o t.npz && {score}")
    work.ok(f"sed -i '{LANGUAGE}' pool.jsonl")
    choose = f"{CHOOSE} --text-key body"
    assert "1 outputs were already complete" in work.ok(score).err
    work.ok(choose)
    assert {record["lang"] for record in chosen(work)} == {"en"}
    work.ok("sed -i '3s/\"body\": \"/&rocket /' pool.jsonl")
    work.fails(choose, "s.npy", "other records than pool.jsonl", '"body"')
    work.ok(score)
    work.ok(choose)


@pytest.mark.parametrize("key", ["text", "body"])
def test_scores_from_a_pipe_belong_to_the_texts_before_it(scored: Workdir, key: str) -> None:
    scored.ok(f"sed -i 's/\"text\"/\"{key}\"/' pool.jsonl")
    scored.ok(f"ds-embed --text-key {key} --dimension 64 pool.jsonl | ds-score --target t.npz -o s.npy")
    choose = f"{CHOOSE} --text-key {key}"
    scored.ok(f"sed -i '{LANGUAGE}' pool.jsonl && {choose}")
    scored.ok("tac pool.jsonl > turned && mv turned pool.jsonl")
    scored.fails(choose, "s.npy", "in another order")


def test_records_written_whole_are_written_again(scored: Workdir) -> None:
    line = "ds-embed --dimension 64 pool.jsonl -o carried.zst"
    scored.ok(line)
    assert "already complete" in scored.ok(line).err
    scored.ok(f"sed -i '{LANGUAGE}' pool.jsonl")
    assert "already complete" not in scored.ok(line).err
    assert b'"lang":"en"' in scored.ok("zstdcat carried.zst | sed -n 1p").out


def test_what_was_sealed_by_its_lines(scored: Workdir) -> None:
    """Files of format 1, whose seals name the lines of the records, are paired by them and then made anew."""
    lines = scored.read("pool.jsonl")
    for name, kind in (("e.npy", "vectors"), ("s.npy", "scores")):
        reseal_as_format_1(scored.path / name, kind, lines)
    scored.ok(CHOOSE)
    scored.ok(f"sed -i '{LANGUAGE}' pool.jsonl")
    scored.fails(CHOOSE, "s.npy", "by their lines", "embed and score those records again")
    scored.ok(f"{EMBED} && {SCORE} && {CHOOSE}")


def reseal_as_format_1(file: Path, kind: str, lines: bytes) -> None:
    """The same rows under a seal as the first version wrote it."""
    with open_input(str(file)) as source:
        reader = ArrayReader(source, kind)
        blocks = list(reader.blocks())
    seal: Seal = reader.verifier.seals[0]
    run = RecordRun(lines.count(b"\n"), hashlib.sha256(lines).hexdigest())
    made_by = replace(seal.made_by, revision=None, others={"version": "0.1.0"})
    with open_output(str(file)) as sink, patch("gotd.streams.seal.FORMAT", 1):
        width = blocks[0].shape[1] if kind == "vectors" else None
        writer = ArrayWriter(sink, kind, blocks[0].dtype.str, width, made_by)
        writer.records.append(run)
        for block in blocks:
            writer.write(block)
        writer.finish()
    assert FORMAT > 1
    assert b'"gotd":1,' in file.read_bytes()
    assert encode(seal).startswith(b'{"gotd":2,')
